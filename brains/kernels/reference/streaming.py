"""Stream AC(lambda), Elsayed et al. 2024 (arXiv 2410.14606), with ObGD or Intentional Updates (arXiv 2604.19033).

Intentional Updates choose the change that is wanted of an output and solve for the step. With the trace z, the running
mean square v of the gradient (a share FORGETTING of it the newest, corrected for its beginning at 0), p = 1 / (sqrt(v)
+ 1e-8) and the error delta, clipped at DELTA_CLIP times its own running root mean square:

    w += change / sum(p z z) x p z,   so that z . (w' - w) = change

For the value change = VALUE_CHANGE x delta; for the policy POLICY_CHANGE x delta in units of its root mean square.
Deviations: (1) the wanted change is one along the trace, not at the present state alone: with trace decay 0 they are
the same, and else the latter may need an infinite step; (2) all running squares forget at one rate.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from brains.kernels.program import block, counter, option, reward
from brains.kernels.program.arrays import Net, Rewarded
from brains.kernels.reference.backprop import backprop, through_skips
from brains.kernels.reference.lane import Lane, tick_path
from brains.kernels.reference.reward import RewardedLane


class StreamingLane(RewardedLane):
    """One lane of stream AC(lambda): an actor and a critic, both `Lane`s."""

    def __init__(
        self, actor: Lane, critic: Lane, settings: NDArray[Any], statistics: NDArray[Any], sampled: Any
    ) -> None:
        super().__init__(actor, settings, statistics)
        self.critic, self.sampled = critic, sampled

    def act(self, observation: NDArray[Any]) -> int:
        """Sample the policy's action into `sampled`. Returns how often something was not finite and was rolled back."""
        if np.isfinite(observation).all():
            self.seen.add(observation.astype(np.float64))
        x = self.normalized(observation)
        rollbacks = 0
        for _ in range(max(1, self.actor.options[option.BRAIN_TICKS])):
            output, good = self.actor.fire(x)
            _, value_good = self.critic.fire(x)
            if not (good and value_good):
                for lane in (self.actor, self.critic):
                    lane.roll_back()
                    lane.rows.zero_()
                self.actor.state[counter.AGE] = -1  # this tick teaches nothing
                rollbacks += 1
            self.actor.state[counter.TICK] += 1
            self.actor.state[counter.AGE] += 1
        if self.actor.options[option.DISCRETE]:
            below = (torch.cumsum(output.double(), 0) <= self.uniform()).sum()
            self.sampled[0] = min(int(below), output.numel() - 1)
        else:
            for o, (mean, raw) in enumerate(output.view(2, -1).T.double()):
                radius = math.sqrt(-2.0 * math.log(self.uniform()))
                self.sampled[o] = mean + softplus(raw) * radius * math.cos(2.0 * math.pi * self.uniform())
        return rollbacks

    def policy_error(self, output: Tensor, entropy: float) -> Tensor:
        """d (log pi(a) + entropy H) / d (the policy's last pre-activation)."""
        action = torch.from_numpy(self.sampled)
        if self.actor.options[option.DISCRETE]:
            log = output.clamp(min=1e-30).log()
            chosen = torch.zeros_like(output)
            chosen[int(action[0])] = 1.0
            return chosen - output - entropy * output * (log - (output * log).sum())
        mean, raw = output.view(2, -1)
        sigma = softplus(raw)
        off = (action - mean) / sigma
        return torch.cat([off / sigma, (off * off - 1.0 + entropy) / sigma * torch.sigmoid(raw)])

    def learn(
        self, earned: float, following: NDArray[Any], terminated: bool, truncated: bool
    ) -> tuple[float, int, int]:
        """One transition: (delta^2, updates, roll-backs)."""
        settings, actor, critic = self.settings, self.actor, self.critic
        done = terminated or truncated
        self.count_reward(earned, done)
        earned = self.scaled(earned)
        if actor.state[counter.AGE] < (actor.stages if actor.options[option.EXECUTION] == option.STEPPING else 1):
            return 0.0, 0, 0
        now = (int(actor.state[counter.TICK]) - 1) % actor.options[option.RING]
        value, ahead = float(critic.waves[now].output[0]), 0.0
        if not terminated:
            ahead = self.look_ahead(following)
        delta = earned + settings[reward.DISCOUNT] * ahead - value
        if not math.isfinite(delta):
            actor.roll_back()
            critic.roll_back()
            return 0.0, 0, 1
        error = self.policy_error(actor.waves[now].output, settings[reward.ENTROPY] * float(np.sign(delta)))
        usual = self.usual_error(delta) if settings[reward.INTENTIONAL] else 0.0
        for lane, gradient, kappa, change in (
            (actor, error, settings[reward.KAPPA_POLICY], settings[reward.POLICY_CHANGE] / max(usual, 1e-30)),
            (critic, actor.own.new_ones(1), settings[reward.KAPPA_VALUE], settings[reward.VALUE_CHANGE]),
        ):
            self.trace_gradient(lane, gradient)
            if settings[reward.INTENTIONAL]:
                limit = settings[reward.DELTA_CLIP] * usual
                self.intended(lane, change * min(max(delta, -limit), limit))
            else:
                self.overshoot_bounded(lane, delta, kappa)
            lane.own[block.GRADIENT].zero_()
            if done:
                lane.own[block.MOMENT1].zero_()
        return delta * delta, 1, self.keep_snapshot()

    def look_ahead(self, following: NDArray[Any]) -> float:
        """What the critic would say of the next observation, a world tick ahead; the counters stay as they are."""
        x, state = self.normalized(following), self.critic.state
        now = state[[counter.TICK, counter.AGE]]
        for _ in range(max(1, self.critic.options[option.BRAIN_TICKS])):
            output, _ = self.critic.fire(x)
            state[[counter.TICK, counter.AGE]] += 1
        state[[counter.TICK, counter.AGE]] = now
        return float(output[0])

    def trace_gradient(self, lane: Lane, error: Tensor) -> None:
        """z = discount decay z + gradient, which stays gathered."""
        wave, trace, gradient = lane.align(), lane.own[block.MOMENT1], lane.own[block.GRADIENT]
        assert wave is not None
        gradient.zero_()
        through = through_skips(lane, error) if lane.branches else backprop(lane.layers, wave, lane.errors, error)
        lane.gather(through)
        trace.mul_(self.settings[reward.DISCOUNT] * self.settings[reward.TRACE_DECAY]).add_(gradient)

    def overshoot_bounded(self, lane: Lane, delta: float, kappa: float) -> None:
        """ObGD: w += delta z rate / max(1, rate kappa max(|delta|, 1) sum |z|)."""
        trace, step_size = lane.own[block.MOMENT1], self.settings[reward.STEP_SIZE]
        total = float(trace.abs().sum())
        lane.own[block.VALUE].add_(
            trace, alpha=delta * step_size / max(1.0, step_size * kappa * max(abs(delta), 1.0) * total)
        )

    def usual_error(self, delta: float) -> float:
        """The running root mean square of delta, this one among them."""
        self.actor.state[counter.ADAM_STEP] += 1
        squares = self.delta_squares
        squares += reward.FORGETTING * (delta * delta - squares)
        return math.sqrt(float(squares[0]) / self.seen_share)

    @property
    def seen_share(self) -> float:
        """By how much a running mean that began at 0 is too small."""
        return 1.0 - (1.0 - reward.FORGETTING) ** int(self.actor.state[counter.ADAM_STEP])

    def intended(self, lane: Lane, change: float) -> None:
        """Intentional Updates: w += change p z / sum(p z z)."""
        trace, gradient, squares = lane.own[block.MOMENT1], lane.own[block.GRADIENT], lane.own[block.MOMENT2]
        squares.mul_(1.0 - reward.FORGETTING).addcmul_(gradient, gradient, value=reward.FORGETTING)
        scaled = trace / ((squares / self.seen_share).sqrt() + 1e-8)
        lane.own[block.VALUE].add_(scaled, alpha=change / max(float(scaled @ trace), 1e-30))

    def keep_snapshot(self) -> int:
        """Every SNAPSHOT_EVERY updates a snapshot of both networks where both are finite, else back to the last."""
        state, lanes = self.actor.state, (self.actor, self.critic)
        state[counter.SINCE_SNAPSHOT] += 1
        if state[counter.SINCE_SNAPSHOT] < self.actor.options[option.SNAPSHOT_EVERY]:
            return 0
        state[counter.SINCE_SNAPSHOT] = 0
        if not all(bool(torch.isfinite(lane.own[block.VALUE]).all()) for lane in lanes):
            for lane in lanes:
                lane.roll_back()
            return 1
        for lane in lanes:
            lane.own[block.GOOD_VALUE] = lane.own[block.VALUE]
            if len(lane.own) == block.MANY:
                lane.own[block.GOOD_MOMENT2] = lane.own[block.MOMENT2]
        return 0


class StreamingReference:
    """The torch backend of a brain that learns from reward, bound to its networks (see `kernels.streaming`)."""

    def __init__(self, actor: Net, critic: Net, rewarded: Rewarded) -> None:
        assert rewarded.sampled is not None
        self.lanes = [
            StreamingLane(
                Lane(actor, lane),
                Lane(critic._replace(arrays=critic.arrays._replace(counters=actor.arrays.counters)), lane),
                rewarded.settings,
                rewarded.statistics[lane],
                rewarded.sampled[lane],
            )
            for lane in range(len(actor.arrays.counters))
        ]

    def functions(self) -> tuple[Any, Any]:
        """act(observation) and learn(reward, following, terminated, truncated)."""
        return self.act, self.learn

    @tick_path()
    def act(self, observation: NDArray[Any]) -> int:
        """One tick of every lane; returns the number of roll-backs."""
        return sum(lane.act(observation[index]) for index, lane in enumerate(self.lanes))

    @tick_path()
    def learn(
        self, earned: NDArray[Any], following: NDArray[Any], terminated: NDArray[Any], truncated: NDArray[Any]
    ) -> tuple[float, int, int]:
        """One transition of every lane: (mean delta^2, updates, roll-backs)."""
        results = [
            lane.learn(float(earned[i]), following[i], bool(terminated[i]), bool(truncated[i]))
            for i, lane in enumerate(self.lanes)
        ]
        loss, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(updates)), int(updates), int(rollbacks)

"""Stream AC(lambda) in torch, for what `cpu_streaming` must mean: Elsayed et al. 2024 (arXiv 2410.14606).

Works on the same arrays as `reference_brain`, with the layers, forward pass and backprop of `reference`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from brains.kernels import layout as at
from brains.kernels.reference import backprop
from brains.kernels.reference_brain import MASK, Lane, draw, tick_path


class RunningMoments:
    """Mean and variance of a stream of numbers (Welford 1962), kept in views of a float64 array."""

    def __init__(self, count: NDArray[Any], mean: NDArray[Any], squares: NDArray[Any]) -> None:
        self.count, self.mean, self.squares = count, mean, squares

    def add(self, value: NDArray[Any]) -> None:
        """Take in one value."""
        self.count += 1.0
        off = value - self.mean
        self.mean += off / self.count
        self.squares += off * (value - self.mean)

    @property
    def deviation(self) -> NDArray[Any]:
        """sqrt(variance + 1e-8); the variance of fewer than two values is 1."""
        variance = self.squares / (self.count - 1.0) if self.count > 1.0 else np.ones_like(self.mean)
        return np.sqrt(variance + 1e-8)


class RewardedLane:
    """What any learning from reward needs in one lane: the network that acts, and the running moments."""

    def __init__(self, actor: Lane, settings: NDArray[Any], statistics: NDArray[Any]) -> None:
        self.actor, self.settings = actor, settings
        half = (len(statistics) - at.STATISTICS) // 2
        moments = statistics[at.STATISTICS :]
        self.seen = RunningMoments(statistics[at.COUNT : at.COUNT + 1], moments[:half], moments[half:])
        self.returns = RunningMoments(
            statistics[at.REWARD_COUNT : at.REWARD_COUNT + 1],
            statistics[at.REWARD_MEAN : at.REWARD_MEAN + 1],
            statistics[at.REWARD_SQUARES : at.REWARD_SQUARES + 1],
        )
        self.reward_trace = statistics[at.REWARD_TRACE : at.REWARD_TRACE + 1]

    def normalized(self, observation: NDArray[Any]) -> Tensor:
        """The observation, normalised by the running moments if that is on."""
        if self.settings[at.NORMALIZE_OBSERVATION]:
            observation = (observation - self.seen.mean) / self.seen.deviation
        return torch.from_numpy(observation).to(self.actor.own.dtype)

    def uniform(self) -> float:
        """A number in (0, 1) from the lane's stream."""
        stream, bits = draw(int(self.actor.state[at.STREAM]) & MASK, 1 << 24)
        self.actor.state[at.STREAM] = stream - (1 << 64) if stream >> 63 else stream
        return (bits + 0.5) / (1 << 24)

    def count_reward(self, reward: float, done: bool) -> None:
        """Take a reward into the running moments of the discounted return, if rewards are scaled."""
        if self.settings[at.SCALE_REWARD] and math.isfinite(reward):
            self.reward_trace[:] = (0.0 if done else self.settings[at.DISCOUNT] * self.reward_trace) + reward
            self.returns.add(self.reward_trace.copy())

    def scaled(self, reward: float) -> float:
        """The reward over the running deviation of the discounted return."""
        return reward / float(self.returns.deviation[0]) if self.settings[at.SCALE_REWARD] else reward


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
        for _ in range(max(1, self.actor.options[at.BRAIN_TICKS])):
            output, good = self.actor.fire(x)
            _, value_good = self.critic.fire(x)
            if not (good and value_good):
                for lane in (self.actor, self.critic):
                    lane.roll_back()
                    lane.rows.zero_()
                self.actor.state[at.AGE] = -1  # this tick teaches nothing
                rollbacks += 1
            self.actor.state[at.TICK] += 1
            self.actor.state[at.AGE] += 1
        if self.actor.options[at.DISCRETE]:
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
        if self.actor.options[at.DISCRETE]:
            log = output.clamp(min=1e-30).log()
            chosen = torch.zeros_like(output)
            chosen[int(action[0])] = 1.0
            return chosen - output - entropy * output * (log - (output * log).sum())
        mean, raw = output.view(2, -1)
        sigma = softplus(raw)
        off = (action - mean) / sigma
        return torch.cat([off / sigma, (off * off - 1.0 + entropy) / sigma * torch.sigmoid(raw)])

    def learn(
        self, reward: float, following: NDArray[Any], terminated: bool, truncated: bool
    ) -> tuple[float, int, int]:
        """One transition: (delta^2, updates, roll-backs)."""
        settings, actor, critic = self.settings, self.actor, self.critic
        done = terminated or truncated
        self.count_reward(reward, done)
        reward = self.scaled(reward)
        if actor.state[at.AGE] < (actor.stages if actor.options[at.EXECUTION] == at.STEPPING else 1):
            return 0.0, 0, 0
        now = (int(actor.state[at.TICK]) - 1) % actor.options[at.RING]
        value, ahead = float(critic.waves[now].output[0]), 0.0
        if not terminated:
            ahead = self.look_ahead(following)
        delta = reward + settings[at.DISCOUNT] * ahead - value
        if not math.isfinite(delta):
            actor.roll_back()
            critic.roll_back()
            return 0.0, 0, 1
        error = self.policy_error(actor.waves[now].output, settings[at.ENTROPY] * float(np.sign(delta)))
        for lane, gradient, kappa in (
            (actor, error, settings[at.KAPPA_POLICY]),
            (critic, actor.own.new_ones(1), settings[at.KAPPA_VALUE]),
        ):
            self.overshoot_bounded(lane, gradient, delta, kappa)
            if done:
                lane.own[at.MOMENT1].zero_()
        return delta * delta, 1, self.keep_snapshot()

    def look_ahead(self, following: NDArray[Any]) -> float:
        """What the critic would say of the next observation, a world tick ahead; the counters stay as they are."""
        x, state = self.normalized(following), self.critic.state
        now = state[[at.TICK, at.AGE]]
        for _ in range(max(1, self.critic.options[at.BRAIN_TICKS])):
            output, _ = self.critic.fire(x)
            state[[at.TICK, at.AGE]] += 1
        state[[at.TICK, at.AGE]] = now
        return float(output[0])

    def overshoot_bounded(self, lane: Lane, error: Tensor, delta: float, kappa: float) -> None:
        """z = discount decay z + gradient; ObGD: w += delta z rate / max(1, rate kappa max(|delta|, 1) sum |z|)."""
        wave, trace, gradient = lane.align(), lane.own[at.MOMENT1], lane.own[at.GRADIENT]
        assert wave is not None
        gradient.zero_()
        lane.gather(backprop(lane.layers, wave, lane.errors, error))
        trace.mul_(self.settings[at.DISCOUNT] * self.settings[at.TRACE_DECAY]).add_(gradient)
        rate, total = self.settings[at.STEP_SIZE], float(trace.abs().sum())
        lane.own[at.VALUE].add_(trace, alpha=delta * rate / max(1.0, rate * kappa * max(abs(delta), 1.0) * total))

    def keep_snapshot(self) -> int:
        """Every SNAPSHOT_EVERY updates a snapshot of both networks where both are finite, else back to the last."""
        state, lanes = self.actor.state, (self.actor, self.critic)
        state[at.SINCE_SNAPSHOT] += 1
        if state[at.SINCE_SNAPSHOT] < self.actor.options[at.SNAPSHOT_EVERY]:
            return 0
        state[at.SINCE_SNAPSHOT] = 0
        if not all(bool(torch.isfinite(lane.own[at.VALUE]).all()) for lane in lanes):
            for lane in lanes:
                lane.roll_back()
            return 1
        for lane in lanes:
            lane.own[at.FIRST_GOOD] = lane.own[at.VALUE]
        return 0


class StreamingReference:
    """The torch backend of a brain that learns from reward, bound to its arrays as `kernels.bind_streaming` says."""

    def __init__(
        self,
        actor: NDArray[Any],
        critic: NDArray[Any],
        options: NDArray[Any],
        state: NDArray[Any],
        actor_own: NDArray[Any],
        critic_own: NDArray[Any],
        actor_rows: NDArray[Any],
        critic_rows: NDArray[Any],
        settings: NDArray[Any],
        statistics: NDArray[Any],
        sampled: NDArray[Any],
    ) -> None:
        plain = [int(option) for option in options]
        numbers = np.zeros(at.NUMBERS + 2 * max(len(actor), len(critic)), np.float32)
        self.lanes = [
            StreamingLane(
                Lane(actor, plain, numbers, state[lane], actor_own[lane], actor_rows[lane]),
                Lane(critic, plain, numbers, state[lane], critic_own[lane], critic_rows[lane]),
                settings,
                statistics[lane],
                sampled[lane],
            )
            for lane in range(len(state))
        ]

    @tick_path()
    def act(self, observation: NDArray[Any]) -> int:
        """One tick of every lane; returns the number of roll-backs."""
        return sum(lane.act(observation[index]) for index, lane in enumerate(self.lanes))

    @tick_path()
    def learn(
        self, reward: NDArray[Any], following: NDArray[Any], terminated: NDArray[Any], truncated: NDArray[Any]
    ) -> tuple[float, int, int]:
        """One transition of every lane: (mean delta^2, updates, roll-backs)."""
        results = [
            lane.learn(float(reward[i]), following[i], bool(terminated[i]), bool(truncated[i]))
            for i, lane in enumerate(self.lanes)
        ]
        loss, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(updates)), int(updates), int(rollbacks)

"""A settling network that lives from reward alone: stream AC(lambda), its gradients by equilibrium propagation.

Elsayed et al. 2024 (arXiv 2410.14606), as `brains.stepping.streaming` has it, which differs in the networks: an actor
and a critic there are differentiated; here both settle, the actor's outputs are pulled along the gradient of log pi of
what was done and pushed against it, the critic's up and down, and the contrast of one sample is what the traces take
in. Deviation 4, after the three there (of which the third is not needed): no LayerNorm, hidden units are bounded
instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from agentsim.compiled import cache
from brains.brain import Body, Brain, BrainBase, Experience, Float, Frozen, Learning, State, load_arrays
from brains.eqprop.brain import settling_figures
from brains.eqprop.core import KERNEL as SETTLE
from brains.eqprop.core import Core
from brains.kernels.program import counter, reward
from brains.kernels.program import eqprop_reward as of
from brains.kernels.program.arrays import address_of
from brains.stepping.reward import moments, settings_of
from brains.stepping.settings import Reward

KERNEL = "brains.kernels.cpu.eqprop_reward:run"
OUTPUT_SCALE = 0.1  # of the first output weights: at first no action is preferred, and no state


class EqPropRewardConfig(BaseModel):
    """An actor and a critic that settle, and learn from reward, one sample at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["eqprop_reward"] = "eqprop_reward"
    """Networks that settle and learn from reward."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], Field(min_length=1, max_length=64)] = (64,)
    """Units of the hidden layers, from the input on, of each of the two networks."""
    units: Literal["rational_tanh", "tanh", "sigmoid", "clip", "clip2"] = "rational_tanh"
    """What hidden units are: smooth, or clipped to 0..1 or 0..2."""
    gated: bool = False
    """Whether the first layer is driven by (x A + a)(x G + g), a product, and not by x A + a alone."""
    rule: Literal["eqprop", "backprop"] = "eqprop"
    """Where gradients come from: two nudged phases, or backprop through the same networks without feedback."""
    free_sweeps: int = Field(default=2, ge=0, le=10_000)
    """Sweeps of the free phase, after a pass upwards."""
    nudged_sweeps: int = Field(default=1, ge=1, le=10_000)
    """Sweeps of each of the two nudged phases."""
    beta: float = Field(default=0.2, gt=0, le=10)
    """How strongly outputs are pulled along what would improve them, and against it."""
    gain: float = Field(default=0.3, gt=0, le=1)
    """Gamma, by which what comes down is multiplied, at most."""
    homeostasis: float | None = Field(default=0.5, gt=0)
    """The bound of gamma sigma^2, sigma the largest singular value of a layer's weights; null: gamma stays."""
    reward: Reward = Reward()
    """How it learns, of which `exploration` and `tracking` are not used."""


class EqPropRewardBrain(BrainBase):
    """All lanes share the two networks, and have traces and running moments of their own."""

    Config: Any = EqPropRewardConfig
    backend = "numba"

    def __init__(self, config: EqPropRewardConfig, body: Body, seed: np.random.SeedSequence) -> None:
        if body.teacher:
            raise ValueError("kind: eqprop_reward learns from reward, and this world has a teacher: use kind: eqprop")
        super().__init__(config, body)
        lanes, senses = body.lanes, body.observation_size
        actor_seed, critic_seed, stream = seed.spawn(3)
        outputs = body.actions if body.discrete else 2 * body.actions
        self.actor, self.critic = self._core(outputs, actor_seed), self._core(1, critic_seed)
        width = outputs + -outputs % 16
        self.observation = np.zeros((lanes, senses), np.float32)
        self.policy = np.zeros((lanes, width), np.float32)
        self.sampled = np.zeros((lanes, 1 if body.discrete else body.actions), np.float32)
        self.statistics = np.zeros((lanes, reward.STATISTICS_SIZE + 2 * senses), np.float64)
        self.counters = np.zeros((lanes, counter.COUNTERS), np.int64)
        self.counters[:, counter.STREAM] = stream.generate_state(lanes, np.uint64).view(np.int64)
        self.traces = [np.zeros((lanes, core.size), np.float32) for core in (self.actor, self.critic)]
        self.earned, self.following = np.zeros(lanes, np.float32), np.zeros((lanes, senses), np.float32)
        self.terminated, self.truncated = np.zeros((2, lanes), np.int64)
        self.result = np.zeros(3)
        self.residual = 0.0
        self.states = [np.zeros((lanes, size), np.float32) for size in self.actor.sizes]
        settings = settings_of(config.reward)
        entries: dict[int, Any] = {
            reward.ACTOR: self.actor.program, reward.CRITIC: self.critic.program, reward.SETTINGS: settings,
            reward.STATISTICS: self.statistics, reward.SAMPLED: self.sampled, reward.REWARD: self.earned,
            reward.FOLLOWING: self.following, reward.TERMINATED: self.terminated, reward.TRUNCATED: self.truncated,
            of.OBSERVATION: self.observation, of.POLICY: self.policy, of.COUNTERS: self.counters,
            of.ACTOR_TRACES: self.traces[0], of.CRITIC_TRACES: self.traces[1], of.RESULT: self.result,
        }  # fmt: skip
        self.frame = np.zeros(of.ENTRIES, np.int64)
        for entry, array in entries.items():
            self.frame[entry] = address_of(array)
        numbers = {of.LANES: lanes, of.SENSES: senses, of.DISCRETE: int(body.discrete), of.ACTIONS: body.actions}
        for entry, number in {**numbers, of.RUN: cache.address(SETTLE)}.items():
            self.frame[entry] = number
        self._run = cache.bound(KERNEL, self.frame, settings)

    def _core(self, outputs: int, seed: np.random.SeedSequence) -> Core:
        """A network of the config with so many outputs, small at first."""
        own = self.config.model_dump(exclude={"kind", "hidden", "units", "reward"})
        core = Core(
            (self.body.observation_size, *self.config.hidden, outputs), self._units, rows=self.body.lanes,
            cost="force", seed=seed, **own,
        )  # fmt: skip
        core.weights[-1][...] *= OUTPUT_SCALE
        return core

    @property
    def _units(self) -> list[str]:
        return [self.config.units] * len(self.config.hidden) + ["linear"]

    def act(self, observation: Float) -> NDArray[Any]:
        """Settle and draw from the policy: (N, obs) -> (N,) int64, or (N, actions) float32 clipped to the bounds."""
        self.observation[...] = observation
        self.frame[of.ASKED] = of.ACT
        self._run()
        for kept, state in zip(self.states, self.actor.states, strict=True):
            kept[...] = state
        self.residual = self.actor.residual
        if self.body.discrete:
            return self.sampled[:, 0].astype(np.int64)
        return np.clip(self.sampled, self.body.low, self.body.high).astype(np.float32)

    def learn(self, experience: Experience) -> Learning:
        """One step of stream AC(lambda) for every lane, from the action that was taken: where the world forbids some,
        that may not be the one that was drawn."""
        if self.body.discrete:
            self.sampled[:, 0] = experience.action
        self.observation[...], self.following[...] = experience.observation, experience.next_observation
        self.earned[...] = experience.reward
        self.terminated[...], self.truncated[...] = experience.terminated, experience.truncated
        self.frame[of.ASKED] = of.LEARN
        self._run()
        loss, updates, refused = self.result.tolist()
        return Learning(loss, int(updates), int(refused))

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget what is shown of these lanes; a free phase starts from a pass upwards anyway."""
        for state in self.states:
            state[lanes] = 0

    def arrays(self) -> State:
        """The live arrays; those of the networks, which all lanes share, have a leading axis of 1."""
        cores = {"actor": self.actor, "critic": self.critic}
        shared = {f"{name}.{key}": array[None] for name, core in cores.items() for key, array in core.arrays().items()}
        traces = {"actor.traces": self.traces[0], "critic.traces": self.traces[1]}
        own: State = {"policy": self.policy, "sampled": self.sampled, "statistics": self.statistics}
        return shared | traces | own | {"counters": self.counters}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        arrays = self.arrays()
        for name in ("actor.sizes", "critic.sizes"):
            if name in state and not np.array_equal(state[name], arrays[name]):
                raise ValueError(f"brain state {name!r} is of another network: {state[name]}, not {arrays[name]}")
        load_arrays(arrays, state)

    def activity(self) -> dict[str, NDArray[Any]]:
        """The states that acted, above the input: choices before the softmax, or means and deviations."""
        *hidden, output = (state.view() for state in self.states[1:])
        found = {**{f"hidden {index}": state for index, state in enumerate(hidden, start=1)}, "output": output}
        for state in found.values():
            state.flags.writeable = False
        return found

    def figures(self) -> dict[str, float]:
        """Of the actor: free energy, what was left to settle, and by layer gamma and sqrt(gamma) sigma."""
        return settling_figures(self.actor, self._units, self.states, self.residual)

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The same policy, its likeliest action and its moments as they are; with `lanes`, lane 0's in each."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        return Frozen(_Policy(self, body, self.statistics if lanes is None else self.statistics[:1]), body)


class _Policy(BrainBase):
    """The likeliest action of a brain's actor as it is now."""

    def __init__(self, brain: EqPropRewardBrain, body: Body, statistics: NDArray[np.float64]) -> None:
        super().__init__(brain.config, body)
        fresh = EqPropRewardBrain(brain.config, body, np.random.SeedSequence(0))
        self.core = fresh.actor
        self.core.load_state_dict(brain.actor.state_dict())
        self.mean, self.deviation = moments(brain.config.reward, body.observation_size, statistics)

    def act(self, observation: Float) -> NDArray[Any]:
        """(N,) int64, or (N, actions) float32."""
        output = self.core.settle((observation - self.mean) / self.deviation)
        if self.body.discrete:
            return output.argmax(1)
        return np.clip(output[:, : self.body.actions], self.body.low, self.body.high).astype(np.float32)

    def arrays(self) -> State:
        """Its network and moments, which all lanes share or have one each."""
        return {name: array[None] for name, array in self.core.arrays().items()} | {
            "mean": self.mean, "deviation": self.deviation
        }  # fmt: skip

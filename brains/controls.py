"""The trivial brains that every result is compared with. They learn nothing that a reader could not write by hand.

They ask the world's oracle about observations instead of listening to its teacher, so that sparse labels do not blind
them; a brain that claims to have learned must beat them. With `hears: teacher` they know only what a brain is told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from brains.brain import NO_LABEL, Body, Brain, BrainBase, Experience, Float, Learning, State, load_arrays


class Control(BrainBase):
    """What the controls share: one array of memory a lane, greedy copies, no learning unless a control says so."""

    backend = "numpy"
    memory_size = 0
    asks_the_oracle = False  # whether this kind may be handed the oracle
    probed = True  # whether its answers are its own: a probe of one that asks would say what the oracle knows

    def __init__(self, config: Any, body: Body, seed: np.random.SeedSequence) -> None:
        super().__init__(config, body)
        self.generator = np.random.Generator(np.random.PCG64(seed))
        self.memory = np.zeros((body.lanes, self.memory_size), np.float32)
        self.output = np.zeros((body.lanes, body.actions), np.float32)

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        arrays = self.arrays()
        load_arrays(arrays, state)
        words = [int(word) for word in arrays["generator"]]
        inner = {"state": words[0] | words[1] << 64, "inc": words[2] | words[3] << 64}
        self.generator.bit_generator.state = {
            "bit_generator": "PCG64", "state": inner, "has_uint32": words[4], "uinteger": words[5]
        }  # fmt: skip

    def arrays(self) -> State:
        """The memory and the random stream."""
        saved: Any = self.generator.bit_generator.state
        state, increment, low = saved["state"]["state"], saved["state"]["inc"], (1 << 64) - 1
        words = [state & low, state >> 64, increment & low, increment >> 64, saved["has_uint32"], saved["uinteger"]]
        return {"memory": self.memory, "generator": np.array(words, np.uint64)}

    def activity(self) -> dict[str, NDArray[Any]]:
        """The action as a strip of cells."""
        view = self.output.view()
        view.flags.writeable = False
        return {"action": view}

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The same control; with `lanes`, that many copies of lane 0."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        twin = type(self)(self.config, body, np.random.SeedSequence(0))
        twin.memory[:] = self.memory if lanes is None else self.memory[:1]
        return twin

    def show(self, action: NDArray[Any]) -> NDArray[Any]:
        """Remember the action for `activity`, and return it."""
        self.output[:] = np.eye(self.body.actions, dtype=np.float32)[action] if self.body.discrete else action
        return action

    def ask(self, observation: Float) -> NDArray[Any]:
        """The oracle's answers (N,). Raises ValueError where the world has none."""
        if self.body.oracle is None:
            raise ValueError(f"brain {self.config.kind} asks the world's oracle, and this world has none")
        return self.body.oracle(observation)

    def check_hearing(self) -> None:
        """Raise ValueError where this body has nobody to tell the control what is right."""
        if getattr(self.config, "hears", "oracle") == "oracle":
            self.ask(np.zeros((1, self.body.observation_size), np.float32))
        elif not (self.body.discrete and self.body.teacher):
            raise ValueError(
                f"brain {self.config.kind} with hears: teacher needs a teacher that names one of its actions"
            )

    def heard(self, experience: Experience) -> NDArray[Any]:
        """The right action (N,), as the oracle or else the teacher says; NO_LABEL where the teacher is silent."""
        if self.config.hears == "oracle":
            return self.ask(experience.observation)
        assert experience.teacher_action is not None, "check_hearing saw a teacher"
        return experience.teacher_action


class RandomConfig(BaseModel):
    """Uniformly random actions."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    kind: Literal["random"] = "random"
    """Uniformly random actions."""


class RandomBrain(Control):
    """Uniform over the actions, or over the box of a continuous body."""

    Config = RandomConfig

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64 or (N, actions) float32."""
        lanes, actions = len(observation), self.body.actions
        if self.body.discrete:
            return self.show(self.generator.integers(0, actions, lanes))
        return self.show(self.generator.uniform(self.body.low, self.body.high, (lanes, actions)).astype(np.float32))


class ConstantConfig(BaseModel):
    """Always the same action; on a continuous body `action` is a share of the way from low to high."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    kind: Literal["constant"] = "constant"
    """Always the same action."""
    action: float = Field(default=0, ge=0)
    """Which; on a continuous body a share of the way from low to high."""


class ConstantBrain(Control):
    """One action, always."""

    Config = ConstantConfig

    def __init__(self, config: ConstantConfig, body: Body, seed: np.random.SeedSequence) -> None:
        if body.discrete and (config.action != int(config.action) or config.action >= body.actions):
            raise ValueError(f"action {config.action:g} is not one of the world's 0 to {body.actions - 1}")
        if not body.discrete and config.action > 1:
            raise ValueError(f"action {config.action:g} is a share of the way from low to high: at most 1")
        super().__init__(config, body, seed)

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64 or (N, actions) float32."""
        lanes = len(observation)
        if self.body.discrete:
            return self.show(np.full(lanes, int(self.config.action)))
        low, high = np.array(self.body.low), np.array(self.body.high)
        return self.show(np.tile(low + self.config.action * (high - low), (lanes, 1)).astype(np.float32))


class AlternateConfig(BaseModel):
    """One action after the other, a tick each, round and round."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    kind: Literal["alternate"] = "alternate"
    """Actions in turn."""
    actions: tuple[NonNegativeInt, ...] = Field(default=(0, 1), min_length=1)
    """Which, a tick each, round and round."""


class AlternateBrain(Control):
    """Blind actions in turn; the memory holds whose turn it is."""

    Config = AlternateConfig
    memory_size = 1

    def __init__(self, config: AlternateConfig, body: Body, seed: np.random.SeedSequence) -> None:
        if not body.discrete or max(config.actions) >= body.actions:
            raise ValueError(f"actions {list(config.actions)} are not all among the world's discrete actions")
        super().__init__(config, body, seed)

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64."""
        turn = self.memory[:, 0].astype(np.int64) % len(self.config.actions)
        self.memory[:, 0] = (turn + 1) % len(self.config.actions)
        return self.show(np.array(self.config.actions)[turn])


class OracleConfig(BaseModel):
    """The oracle, answering the observation of `delay` ticks ago."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    kind: Literal["oracle"] = "oracle"
    """The world's oracle."""
    delay: int = Field(default=0, ge=0, le=10_000)
    """How many ticks old the observation is that it answers."""


class DelayedOracleBrain(Control):
    """The ceiling of a brain of that latency. Until the first observation is old enough it answers action 0."""

    Config: type[BaseModel] = OracleConfig
    asks_the_oracle, probed = True, False

    def __init__(self, config: Any, body: Body, seed: np.random.SeedSequence) -> None:
        self.delay = getattr(config, "delay", 1)
        self.memory_size = self.delay + 1
        super().__init__(config, body, seed)
        self.check_hearing()
        self.latency, self.settling_ticks = self.delay, self.delay + 1

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64."""
        self.memory[:, :-1] = self.memory[:, 1:]
        self.memory[:, -1] = self.ask(observation)
        return self.show(self.memory[:, 0].astype(np.int64))

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget what was seen."""
        self.memory[lanes] = 0.0


class RepeatLastLabelConfig(BaseModel):
    """The right answer of the previous tick; with `hears: teacher`, the last label that the teacher gave."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    kind: Literal["repeat_last_label"] = "repeat_last_label"
    """The last label again."""
    hears: Literal["oracle", "teacher"] = "oracle"
    """Whose label: the oracle's at every tick, or the teacher's where one was given."""


class RepeatLastLabelBrain(DelayedOracleBrain):
    """The previous tick's right answer, which is the oracle one tick late; or the last label that was given."""

    Config = RepeatLastLabelConfig

    def __init__(self, config: RepeatLastLabelConfig, body: Body, seed: np.random.SeedSequence) -> None:
        self.probed = config.hears == "teacher"
        super().__init__(config, body, seed)

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64."""
        if not self.probed:
            return super().act(observation)
        return self.show(self.memory[:, 0].astype(np.int64))

    def learn(self, experience: Experience) -> Learning:
        """Remember what the teacher says, where it speaks."""
        if self.probed:
            label = self.heard(experience)
            self.memory[:, 0] = np.where(label == NO_LABEL, self.memory[:, 0], label)
        return Learning()


class BiasOnlyConfig(BaseModel):
    """A bias for each action, trained on the last label: b += rate (t - s(b)) (s(b) (1 - s(b)) + 0.01)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    kind: Literal["bias_only"] = "bias_only"
    """A bias for each action."""
    learning_rate: float = Field(default=1.0, gt=0)
    """The size of an update."""
    hears: Literal["oracle", "teacher"] = "oracle"
    """Whose labels: the oracle's at every tick, or the teacher's where they were given."""


class BiasOnlyBrain(Control):
    """Sigmoid biases and no input: it can know the commonest recent label and nothing else."""

    Config = BiasOnlyConfig
    asks_the_oracle = True

    def __init__(self, config: BiasOnlyConfig, body: Body, seed: np.random.SeedSequence) -> None:
        self.memory_size = body.actions
        super().__init__(config, body, seed)
        self.check_hearing()

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64: the largest bias."""
        return self.show(np.argmax(self.memory, axis=1))

    def learn(self, experience: Experience) -> Learning:
        """One update, in the lanes that heard a label, from the right answer to what was just seen."""
        label = self.heard(experience)
        spoken = label != NO_LABEL
        if not spoken.any():
            return Learning()
        output = 1.0 / (1.0 + np.exp(-self.memory))
        error = (np.eye(self.body.actions, dtype=np.float32)[label] - output) * spoken[:, None]
        self.memory += self.config.learning_rate * error * (output * (1.0 - output) + 0.01)
        return Learning(float(np.square(error).sum(1)[spoken].mean()), 1)

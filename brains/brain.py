"""The Brain protocol: what a brain is to the rest of agentsim, and nothing else.

A brain is handed a `Body` (what it can sense and do) and a `numpy.random.SeedSequence` (its only source of chance).
Every array has a leading lane axis N; N = 1 in the window. A brain never sees wall time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

Float = NDArray[np.float32]
State = dict[str, NDArray[Any]]  # flat, so that it can be saved without pickle: "name" or "part.name" -> array

NO_LABEL = -1  # teacher_action of a discrete lane whose teacher is silent on this tick; NaN in a continuous one


@dataclass(frozen=True)
class Body:
    """What a brain can sense and do.

    `actions` counts the choices of a discrete body, and the dimensions of a continuous one, whose bounds are
    `low` and `high`, each (actions,). `teacher` says whether the world ever names the right action; `oracle`, where the
    world has one, answers observations (M, observation_size) with the right actions; only kinds of brain that declare
    `asks_the_oracle` are handed it. `shadows`, where the world has one, makes so many copies of it, a perfect
    simulator; only kinds that declare `lives_in_shadows` are handed that.
    """

    observation_size: int
    actions: int
    discrete: bool = True
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    teacher: bool = False
    lanes: int = 1
    oracle: Callable[[Float], NDArray[Any]] | None = None
    shadows: Callable[[int], Any] | None = None

    def without_oracle(self) -> Body:
        """The same body for a brain that must find out for itself."""
        return replace(self, oracle=None)


@dataclass(slots=True)
class Experience:
    """One tick as the brain lived it; the arrays are only valid until the next tick, copy what is kept.

    observation, next_observation: (N, observation_size) float32; action: (N,) int64 or (N, actions) float32;
    reward: (N,) float32; terminated, truncated: (N,) bool. Where a lane terminated or was truncated,
    `next_observation` is the final one of the old episode. `teacher_action`: the right answer to `observation`,
    shaped like action, NO_LABEL (NaN) where the teacher is silent; None where the world has none.
    """

    observation: Float
    action: NDArray[Any]
    reward: Float
    next_observation: Float
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    teacher_action: NDArray[Any] | None = None


@dataclass(slots=True)
class Learning:
    """What a learning step changed and what it cost: loss before the update, updates applied, roll-backs after
    a non-finite value, and whatever else is worth plotting (name -> number)."""

    loss: float = 0.0
    updates: int = 0
    rollbacks: int = 0
    extra: dict[str, float] = field(default_factory=dict)


class Brain(Protocol):
    """A learner that acts once a tick. `latency` is the ticks from an observation to the first action that can
    depend on it (0: the same tick); holding an observation for `settling_ticks` ticks from fresh state gives the
    brain's final word on it (1: at once)."""

    latency: int
    settling_ticks: int

    def warm_up(self) -> None:
        """Compile and touch everything that the first tick would otherwise wait for; changes no state."""

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the lanes that are True in the mask (N,); keep what was learned."""

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick: (N, observation_size) -> (N,) int64 in [0, actions), or (N, actions) float32 within bounds."""

    def learn(self, experience: Experience) -> Learning:
        """Take in one tick's experience and make the first learning step of the tick."""

    def rehearse(self) -> Learning:
        """One more learning step without a new experience (replay, dreaming); no `updates` and no `extra` where it has
        nothing to learn from."""

    def state_dict(self) -> State:
        """Everything that resuming exactly needs, as arrays that nothing changes later (copies)."""

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError, naming the entry, if a name, shape or dtype does not fit."""

    def activity(self) -> dict[str, NDArray[Any]]:
        """What the window draws, read-only, one entry a layer in order, each (N, units)."""

    def figures(self) -> dict[str, float]:
        """What else there is to know of it, asked for once a simulated second: name -> number; a part of the name after
        a slash is the layer that it is about. It changes nothing."""

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """A brain with the same knowledge that acts greedily and never learns, with fresh activity. With `lanes`,
        that many lanes sharing lane 0's knowledge: what a probe asks."""


class BrainBase:
    """A brain without the obvious parts: a subclass must `act`, and overrides what else is not as here.

    `arrays` names the live arrays that are its whole state, each with a leading lane axis; what saves, loads and copies
    a brain follows from them.
    """

    latency = 0
    settling_ticks = 1
    drawn_as: ClassVar[dict[str, str]] = {}  # entries of `activity` that the window draws as "bars" or as a "line"

    def __init__(self, config: Any, body: Body) -> None:
        self.config, self.body = config, body

    def warm_up(self) -> None:
        """Nothing to compile."""

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """No activity to forget."""

    def act(self, observation: Float) -> NDArray[Any]:
        """Each brain's own."""
        raise NotImplementedError

    def learn(self, experience: Experience) -> Learning:
        """Nothing."""
        return Learning()

    def rehearse(self) -> Learning:
        """No memory, no rehearsal."""
        return Learning()

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state, by name."""
        return {}

    def state_dict(self) -> State:
        """Copies of all arrays."""
        return {name: array.copy() for name, array in self.arrays().items()}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        load_arrays(self.arrays(), state)

    def fingerprint(self) -> State:
        """What of its state can change while it lives: what the rolling hash covers."""
        return self.state_dict()

    def adopt(self, state: State, *, changed: bool) -> None:
        """Take over what another brain of this kind learned, whose body and layers are the same; it may have had other
        lanes, of which lane 0 is taken, or, where it `changed`, other settings. Raises ValueError if it does not fit.
        """
        load_arrays(self.arrays(), in_lanes(self.arrays(), state))

    def activity(self) -> dict[str, NDArray[Any]]:
        """Nothing to draw."""
        return {}

    def imagines(self) -> Float | None:
        """What it expects to sense in the next T ticks, (N, T, observation_size), which the window draws: nothing. It
        changes nothing."""
        return None

    def figures(self) -> dict[str, float]:
        """Nothing to tell."""
        return {}

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """A brain of the same class and arrays, reset, that is never taught; with `lanes`, lane 0's in each of them."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        twin = type(self)(self.config, body, np.random.SeedSequence(0))  # type: ignore[call-arg]  # a kind's signature
        for name, array in twin.arrays().items():
            array[...] = self.arrays()[name] if lanes is None else self.arrays()[name][:1]
        twin.reset(np.ones(body.lanes, np.bool_))
        return Frozen(twin, body)


class Frozen(BrainBase):
    """Another brain that only acts."""

    def __init__(self, brain: Brain, body: Body) -> None:
        super().__init__(None, body)
        self.brain, self.latency, self.settling_ticks = brain, brain.latency, brain.settling_ticks

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """The brain's."""
        self.brain.reset(lanes)

    def act(self, observation: Float) -> NDArray[Any]:
        """The brain's action."""
        return self.brain.act(observation)

    def state_dict(self) -> State:
        """The brain's."""
        return self.brain.state_dict()

    def load_state_dict(self, state: State) -> None:
        """The brain's."""
        self.brain.load_state_dict(state)

    def activity(self) -> dict[str, NDArray[Any]]:
        """The brain's."""
        return self.brain.activity()

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The brain's."""
        return self.brain.frozen_copy(lanes)


def figures_of(brain: Brain) -> dict[str, float]:
    """What a brain tells of itself besides, of that what are finite numbers; a brain may be older than the question.
    Raises TypeError or ValueError where it is something else."""
    asked: dict[str, float] = getattr(brain, "figures", dict)()
    return {str(name): float(value) for name, value in asked.items() if math.isfinite(value)}


class Kind(Protocol):
    """What makes brains: `kind(config, body, seed)` is a brain for that body. Raises ValueError, starting with the key
    if one is to blame, where the config does not fit the body.

    `Config` says what its YAML may say. A kind that sets `asks_the_oracle` to True is handed `Body.oracle`.
    """

    Config: type[BaseModel]

    def __call__(self, config: Any, body: Body, seed: np.random.SeedSequence) -> Brain:
        """A brain of this kind, newly born."""


_Maker = TypeVar("_Maker", bound=Callable[..., Any])


def kind(config: type[BaseModel]) -> Callable[[_Maker], _Maker]:
    """Declare a function (config, body, seed) -> Brain to be a kind of brain with this Config."""

    def declare(maker: _Maker) -> _Maker:
        maker.Config = config  # type: ignore[attr-defined]
        return maker

    return declare


def in_lanes(arrays: State, saved: State) -> State:
    """`saved` with as many lanes as `arrays`, all of them its lane 0, where it has another number of lanes."""
    found = {}
    for name, array in saved.items():
        wanted = arrays[name].shape if name in arrays else array.shape
        other = array.shape[1:] == wanted[1:] and array.shape[:1] != wanted[:1] and array.size
        found[name] = np.broadcast_to(array[:1], wanted) if other else array
    return found


def load_arrays(arrays: State, saved: State) -> None:
    """Copy `saved` into `arrays`, in place. Raises ValueError naming the first entry that does not fit."""
    for name in sorted(arrays.keys() ^ saved.keys()):
        raise ValueError(f"brain state {name!r} is {'missing' if name in arrays else 'unknown'}")
    for name, array in arrays.items():
        if (array.shape, array.dtype) != (saved[name].shape, saved[name].dtype):
            raise ValueError(
                f"brain state {name!r} is {saved[name].dtype}{list(saved[name].shape)}, "
                f"this brain needs {array.dtype}{list(array.shape)}"
            )
    for name, array in arrays.items():
        array[...] = saved[name]

"""An evolution strategy that lives in the loop: its mean acts, its members live in shadows of the world."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from brains.brain import Body, Brain, BrainBase, Experience, Float, Frozen, Learning, State, load_arrays
from brains.evolution.engine import Evolution
from brains.evolution.rollout import Policies, first_policy, outputs, policy
from brains.evolution.settings import EvolutionConfig

GHOSTS = 64  # members whose worlds are drawn, at most


class EvolutionBrainConfig(BaseModel):
    """A small policy that an evolution strategy moves; without the shadows that it wants it only acts."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["evolution"] = "evolution"
    """An evolution strategy."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=512)], ...], Field(max_length=4)] = (16,)
    """Units of the hidden layers, rational tanh."""
    window: Annotated[int, Field(ge=1, le=100_000)] = 30
    """Ticks that a member lives in a generation."""
    worlds: Literal["shadows", "real"] = "shadows"
    """Where members live: side by side in shadows, a perfect simulator, while the mean acts; or in turn in the world
    there is, where each of them acts for a window."""
    evolution: EvolutionConfig = EvolutionConfig()
    """The strategy."""


class Shadows(Protocol):
    """Copies of a world beside it, see `worlds.shadows`."""

    observations: Any

    def begin(self, generator: np.random.Generator) -> None:
        """A new episode in every lane."""

    def advance(self, actions: NDArray[np.int64]) -> Float:
        """A tick of every lane; returns rewards (count,)."""

    def take_over(self, source: NDArray[Any], target: NDArray[Any]) -> None:
        """Lanes of `target` go on from where those of `source` are."""

    def arrays(self) -> State:
        """The live arrays that going on exactly needs."""

    def take_in(self) -> None:
        """Show what the arrays say, after a change."""


class EvolutionBrain(BrainBase):
    """Learns from reward alone, in worlds that are not the one it acts in: a perfect simulator. At the edge of a window
    the mean moves, and the odd twin of each pair takes over the even twin's world, chance included.

    Raises ValueError for a body with continuous actions.
    """

    Config: Any = EvolutionBrainConfig
    backend = "numba"
    crowd = True  # what it `imagines` is at one time, and no way

    def __init__(self, config: EvolutionBrainConfig, body: Body, seed: np.random.SeedSequence) -> None:
        if not body.discrete:
            raise ValueError("kind: evolution chooses one of several actions, and this world has continuous ones")
        super().__init__(config, body)
        weights, worlds, noise = seed.spawn(3)
        self.sizes = (body.observation_size, *config.hidden, body.actions)
        first = first_policy(self.sizes, np.random.default_rng(weights))
        number = int(noise.generate_state(1, np.uint64)[0])
        self.evolution = Evolution(config.evolution, policy(self.sizes), first, number)
        self.parts = [place.of(self.evolution.mean) for place in self.evolution.places]
        self.layers = [np.zeros((body.lanes, size), np.float32) for size in self.sizes[1:]]
        population = config.evolution.population
        self.fitness, self.ticks = np.zeros(population, np.float64), np.zeros(1, np.int64)
        self.steps = np.zeros(1, np.int64)  # of the simulator
        self.seed = np.array([number], np.uint64)
        self.learns = body.shadows is not None
        self.shadows: Shadows | None = None
        self.told = np.zeros(2)  # of the last window: what members earned a tick, and the share of ties
        if body.shadows is not None:
            self.shadows = body.shadows(population)
            if self.shadows.observations.shape[1] != body.observation_size:
                raise ValueError("kind: evolution sees what its shadows show; leave out world.history and wrappers")
            self.shadows.begin(np.random.default_rng(worlds))
            self.policies = Policies(self.sizes, population)
            self._meet()

    def _meet(self) -> None:
        """Begin a window: twins in one world, members about the mean."""
        assert self.shadows is not None
        lanes = np.arange(len(self.fitness))
        self.shadows.take_over(lanes[::2], lanes[1::2])
        self._members()

    def _members(self) -> None:
        for chunk in self.evolution.chunks():
            self.policies.become(self.evolution.members(chunk), 2 * chunk.start)

    def act(self, observation: Float) -> NDArray[Any]:
        """The largest output of the mean's policy, (N,)."""
        for layer, said in zip(self.layers, outputs(self.parts, observation), strict=True):
            layer[...] = said
        return self.layers[-1].argmax(1)

    def learn(self, experience: Experience) -> Learning:
        """A tick of all members; at the edge of a window, a generation, whose loss is minus the mean reward a tick."""
        if self.shadows is None:
            return Learning()
        self.fitness += self.shadows.advance(self.policies.act(self.shadows.observations))
        self.ticks += 1
        self.steps += len(self.fitness)
        if self.ticks[0] < self.config.window:
            return Learning()
        learning = self._generation(self.fitness)
        self._meet()
        return learning

    def _generation(self, fitness: NDArray[np.float64]) -> Learning:
        """The mean moves, and fitness is counted anew."""
        differences = fitness[::2] - fitness[1::2]
        self.told[:] = fitness.mean() / self.config.window, np.mean(differences == 0)
        self.evolution.tell(differences)
        self.fitness[:], self.ticks[:] = 0, 0
        return Learning(-float(self.told[0]), 1)

    def imagines(self) -> Float | None:
        """What its members see, (1, members, observation_size), of the first GHOSTS of them."""
        return None if self.shadows is None else np.array(self.shadows.observations[None, :GHOSTS])

    def activity(self) -> dict[str, NDArray[Any]]:
        """Of the mean's policy."""
        names = [f"hidden {k}" for k in range(len(self.layers) - 1)] + ["output"]
        shown = {name: layer.view() for name, layer in zip(names, self.layers, strict=True)}
        for layer in shown.values():
            layer.flags.writeable = False
        return shown

    def figures(self) -> dict[str, float]:
        """Generations, steps of the simulator, and of the last window members' reward a tick and ties."""
        if not self.learns:
            return {}
        fitness, ties = self.told.tolist()
        counted = {"generations": float(self.evolution.generation), "simulated": float(self.steps[0])}
        return {"fitness": fitness, "ties": ties, **counted}

    def arrays(self) -> State:
        """The strategy, and where it learns what members came to, and their shadows."""
        if not self.learns:
            return self._strategy()
        shadows = {} if self.shadows is None else self.shadows.arrays()
        worlds = {f"shadows.{name}": array for name, array in shadows.items()}
        own = {"fitness": self.fitness, "ticks": self.ticks, "steps": self.steps, "told": self.told, "seed": self.seed}
        return {**self._strategy(), **worlds, **own}

    def _strategy(self) -> State:
        return {f"evolution.{name}": array for name, array in self.evolution.arrays().items()}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        load_arrays(self.arrays(), state)
        self.evolution.seed = int(self.seed[0])
        if self.shadows is not None:
            self.shadows.take_in()
            self._members()

    def adopt(self, state: State, *, changed: bool) -> None:
        """Take over a strategy's mean and moments; its own shadows go on. Raises ValueError if it does not fit."""
        own = self._strategy()
        load_arrays(own, {name: array for name, array in state.items() if name in own})
        if self.shadows is not None:
            self.fitness[:], self.ticks[:] = 0, 0
            self._meet()

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The mean, which only acts."""
        body = replace(self.body, lanes=lanes or self.body.lanes, shadows=None)
        twin = EvolutionBrain(self.config, body, np.random.SeedSequence(0))
        twin.evolution.mean[:] = self.evolution.mean
        return Frozen(twin, body)

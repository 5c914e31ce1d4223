"""Who lives in the body of a world: a brain, or a team of several, swapped for others while the world goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from agentsim.config.brain import checked
from agentsim.config.load import Config
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from agentsim.loop.building import build_brain, build_team, fitting_brains, kernels_of
from agentsim.loop.commands import SwapBrain
from agentsim.loop.environment import Environment
from agentsim.loop.snapshot import Snapshot
from brains.brain import Brain
from brains.team import Team


class Resident:
    """`brain` lives in the body of an environment now; `present` is the run's config with that brain, or those brains.

    `swaps`: how often it was swapped, which is part of the seed of the next.
    """

    def __init__(self, config: Config, environment: Environment, seed: np.random.SeedSequence) -> None:
        """Raises UserError if the brain is not valid or does not fit."""
        self._environment, self._seed = environment, seed
        self.present, self.swaps = config, 0
        try:
            self.brain = self._built(config)
        except UserError as error:
            if config.brains:
                raise
            fitting = ", ".join(name for name, _ in fitting_brains(environment.body)) or "none that is shipped"
            teacher = "a" if environment.body.teacher else "no"
            raise UserError(f"{error}\n{config.world.id} has {teacher} teacher; brains that fit: {fitting}") from error

    @property
    def name(self) -> str:
        """What to call the brain that lives now, or the several ones."""
        return self.present.name_of_brain

    def check(self, swap: SwapBrain) -> None:
        """Raises UserError if there is no such brain, or no such place for it."""
        checked(swap.config)
        self._check_place(swap.whose)

    def swap(self, swap: SwapBrain, compile_kernels: Callable[[Sequence[str]], None]) -> None:
        """Another brain moves in and starts from nothing. Raises UserError if it cannot; then the old one stays."""
        self.swaps += 1
        self._check_place(swap.whose)
        update: dict[str, Any] = {"brain": checked(swap.config), "brain_name": swap.name}
        if swap.whose is not None:
            member = self.present.brains[swap.whose].model_copy(update=update)
            update = {"brains": {**self.present.brains, swap.whose: member}}
        else:
            update["brains"] = {}
        present = self.present.model_copy(update=update)
        brain = self._built(present)
        compile_kernels(kernels_of(brain))
        brain.warm_up()
        if swap.whose is not None and isinstance(brain, Team) and isinstance(self.brain, Team):
            brain.members |= {name: member for name, member in self.brain.members.items() if name != swap.whose}
        self.brain, self.present = brain, present

    def state(self) -> dict[str, Any]:
        """Who it is, as the entries of a snapshot."""
        present = self.present
        return {"brain_name": self.name, "brain": present.brain, "brains": present.brains, "swaps": self.swaps}

    def restore(self, snapshot: Snapshot) -> None:
        """The brain of a snapshot, but for its arrays. Raises UserError if it is not valid or does not fit."""
        brains = {"brain_name": snapshot.brain_name, "brain": snapshot.brain, "brains": snapshot.brains}
        self.swaps, self.present = snapshot.swaps, self.present.model_copy(update=brains)
        self.brain = self._built(self.present)

    def _check_place(self, whose: str | None) -> None:
        """Raises UserError if none of several brains is called so."""
        known = self.present.brains
        if whose is not None and whose not in known:
            raise UserError(f"there is no brain called {whose!r} here, {suggest(whose, known, 'brains')}")

    def _built(self, config: Config) -> Brain:
        seed = np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, self.swaps))
        environment = self._environment
        if config.brains:
            return build_team(config.brains, environment.agents, environment.body, seed)
        return build_brain(config.one_brain, environment.body, seed)

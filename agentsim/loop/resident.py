"""Who lives in the body of a world: a brain, or a team of several, swapped for others while the world goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from agentsim.config.brain import BrainConfig, checked
from agentsim.config.load import Config
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from agentsim.loop.building import build_brain, build_team, fitting_brains, kernels_of
from agentsim.loop.commands import ChangeBrain, SwapBrain
from agentsim.loop.environment import Environment
from agentsim.loop.snapshot import Kept, Snapshot, part
from brains.brain import Brain, State
from brains.team import Team

SHELF = 64  # brains that are kept


class Resident:
    """`brain` lives in the body of an environment now; `present` is the run's config with that brain, or those brains.

    `shelf` are the brains that lived here before, trained as they are, the last one to leave at the end; one that is
    swapped in again is taken from it. `swaps`: how often there was a swap or a change, which is part of the seed of the
    next brain.
    """

    def __init__(self, config: Config, environment: Environment, seed: np.random.SeedSequence) -> None:
        """Raises UserError if the brain is not valid or does not fit."""
        self._environment, self._seed = environment, seed
        self.present, self.swaps = config, 0
        self.shelf: list[tuple[Kept, State]] = []
        self._born: dict[str, int] = {}  # whose -> the tick at which the brain would have been new, where that is not 0
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

    def age(self, tick: int, whose: str | None = None) -> int:
        """How many ticks the present brain, or one of several, has lived."""
        return tick - self._born.get(whose or "", 0)

    def config_of(self, whose: str | None) -> tuple[BrainConfig, str]:
        """The config and the name of the present brain, or of one of several. Raises UserError if nobody says whose."""
        if whose is None:
            if self.present.brains:
                raise UserError(f"there are several brains here; say whose: {', '.join(self.present.brains)}")
            return self.present.one_brain, self.present.name_of_brain
        member = self.present.brains[whose]
        return member.brain, member.brain_name

    def kept(self, name: str, config: BrainConfig, whose: str | None) -> Kept | None:
        """The brain of that name and config that is on the shelf, if it is; of several, the last that left."""
        return next((kept for kept, _ in reversed(self.shelf) if kept == (name, config, whose)), None)

    def check(self, command: SwapBrain | ChangeBrain) -> None:
        """Raises UserError if there is no such brain, or no such place for it."""
        self._check_place(command.whose)
        if isinstance(command, SwapBrain):
            checked(command.config)
        else:
            self._changed(command)

    def swap(self, swap: SwapBrain, tick: int, compile_kernels: Callable[[Sequence[str]], None]) -> str | None:
        """Another brain moves in: as it was when it left, if it has lived here and is not wanted `fresh`, else from
        nothing, as does one in the place of its like. Raises UserError if it cannot; then the old one stays. Returns
        what a person should know."""
        self.swaps += 1
        self._check_place(swap.whose)
        config = checked(swap.config)
        present = self._with(swap.whose, config, swap.name)
        brain = self._moved_in(present, swap.whose, compile_kernels)
        leaving = self._leaving(swap.whose, tick)
        like = any(kept == (swap.name, config, swap.whose) for kept, _ in leaving)
        again = None if swap.fresh or like else self.kept(swap.name, config, swap.whose)
        if again is not None:
            index = next(i for i, (kept, _) in enumerate(self.shelf) if kept is again)
            arrays = self.shelf[index][1]
            member = _member(brain, swap.whose)
            member.load_state_dict(arrays)
            member.reset(np.ones(self._lanes(brain, swap.whose), np.bool_))
            del self.shelf[index]
        self._born[swap.whose or ""] = tick - (again.ticks if again else 0)
        self.brain, self.present = brain, present
        self.shelf += leaving
        forgotten, self.shelf = self.shelf[:-SHELF], self.shelf[-SHELF:]
        names = ", ".join(kept.name for kept, _ in forgotten)
        return f"more than {SHELF} brains have lived here; gone for good: {names}" if names else None

    def change(self, change: ChangeBrain, compile_kernels: Callable[[Sequence[str]], None]) -> str | None:
        """The living brain goes on with other settings and what it has learned. Raises UserError if it cannot. Returns
        what a person should know: nothing."""
        self.swaps += 1
        self._check_place(change.whose)
        config = self._changed(change)
        old = _member(self.brain, change.whose)
        present = self._with(change.whose, config, self.config_of(change.whose)[1])
        brain = self._moved_in(present, change.whose, compile_kernels)
        try:
            _member(brain, change.whose).adopt(old.state_dict(), changed=True)  # type: ignore[attr-defined]
        except (ValueError, AttributeError) as error:
            raise UserError(f"brain: it cannot keep what it has learned: {error}") from error
        self.brain, self.present = brain, present
        return None

    # --- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Who it is, as the entries of a snapshot."""
        present, shelf = self.present, tuple(kept for kept, _ in self.shelf)
        who = {"brain_name": self.name, "brain": present.brain, "brains": present.brains, "swaps": self.swaps}
        return who | {"shelf": shelf, "born": dict(self._born)}

    def arrays(self) -> State:
        """The arrays of the present brain and of those on the shelf."""
        found = {f"brain/{name}": array for name, array in self.brain.state_dict().items()}
        for index, (_, arrays) in enumerate(self.shelf):
            found |= {f"shelf/{index}/{name}": array for name, array in arrays.items()}
        return found

    def restore(self, snapshot: Snapshot, arrays: State) -> None:
        """The brains of a snapshot. Raises UserError or ValueError if they are not valid or do not fit."""
        brains = {"brain_name": snapshot.brain_name, "brain": snapshot.brain, "brains": snapshot.brains}
        self.swaps, self.present = snapshot.swaps, self.present.model_copy(update=brains)
        self.brain, self._born = self._built(self.present), dict(snapshot.born)
        self.brain.load_state_dict(part(arrays, "brain/"))
        self.shelf = [(kept, part(arrays, f"shelf/{index}/")) for index, kept in enumerate(snapshot.shelf)]

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_place(self, whose: str | None) -> None:
        """Raises UserError if none of several brains is called so."""
        known = self.present.brains
        if whose is not None and whose not in known:
            raise UserError(f"there is no brain called {whose!r} here, {suggest(whose, known, 'brains')}")

    def _changed(self, change: ChangeBrain) -> BrainConfig:
        """The config of the living brain with the changes. Raises UserError."""
        config, _ = self.config_of(change.whose)
        return checked({key: value for key, value in (config | change.changes).items() if key != "from"})

    def _with(self, whose: str | None, brain: BrainConfig, name: str) -> Config:
        update: dict[str, Any] = {"brain": brain, "brain_name": name}
        if whose is None:
            return self.present.model_copy(update={**update, "brains": {}})
        member = self.present.brains[whose].model_copy(update=update)
        return self.present.model_copy(update={"brains": {**self.present.brains, whose: member}})

    def _moved_in(self, present: Config, whose: str | None, compile_kernels: Callable[[Sequence[str]], None]) -> Brain:
        """The brain, or team, of that config, with the present members of the team where they are not `whose`."""
        brain = self._built(present)
        compile_kernels(kernels_of(brain))
        brain.warm_up()
        if whose is not None and isinstance(brain, Team) and isinstance(self.brain, Team):
            brain.members |= {name: member for name, member in self.brain.members.items() if name != whose}
        return brain

    def _leaving(self, whose: str | None, tick: int) -> list[tuple[Kept, State]]:
        """Whoever makes room, to be kept."""
        if whose is None and isinstance(self.brain, Team):
            return [kept for name in self.brain.members for kept in self._leaving(name, tick)]
        config, name = self.config_of(whose)
        kept = Kept(name=name, brain=config, whose=whose, ticks=self.age(tick, whose))
        return [(kept, _member(self.brain, whose).state_dict())]

    def _lanes(self, brain: Brain, whose: str | None) -> int:
        """In how many lanes the brain, or one of a team, lives."""
        team = isinstance(brain, Team) and whose is not None
        return len(brain.members[whose].lanes) if team else self._environment.body.lanes  # type: ignore[attr-defined]

    def _built(self, config: Config) -> Brain:
        seed = np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, self.swaps))
        environment = self._environment
        if config.brains:
            return build_team(config.brains, environment.agents, environment.body, seed)
        return build_brain(config.one_brain, environment.body, seed)


def _member(brain: Brain, whose: str | None) -> Brain:
    """The brain itself, or one of a team."""
    return brain.members[whose].brain if whose is not None and isinstance(brain, Team) else brain

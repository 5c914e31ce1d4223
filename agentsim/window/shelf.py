"""The brains that a person may put into the world: the list of them, and what can be done to the one that lives there.
Each method that a key calls returns a few words on what it did, for the toast."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from agentsim.config.brain import checked
from agentsim.config.brain_file import SUFFIX
from agentsim.errors import UserError
from agentsim.loop.building import fitting_brains, fitting_files
from agentsim.loop.commands import ChangeBrain, Command, SwapBrain
from agentsim.loop.keeping import save_brain
from agentsim.loop.simulation import Simulation
from brains.rules import RULES


class Shelf:
    """`brains`: name and config of each that fits. `whose`: of several that live there, the one that is meant. `menu`:
    whether the list is open, and `at` which line of it."""

    def __init__(self, simulation: Simulation, submit: Callable[[Command, str], str]):
        """`submit` gives a command, and returns the words or why it cannot be."""
        self.simulation, self._submit = simulation, submit
        body, present = simulation.environment.body, simulation.resident.present
        self.whose: str | None = next(iter(present.brains), None)
        self.brains = [*fitting_brains(body), *fitting_files(Path(), body)]
        if not present.brains and present.name_of_brain not in dict(self.brains):
            self.brains.insert(0, (present.name_of_brain, dict(present.one_brain)))
        self.menu, self.at = False, 0

    def swap(self, direction: int) -> str:
        """The next brain of the list."""
        names = [name for name, _ in self.brains]
        if not names:
            return "no brain in configs/brains fits this world"
        present = self._present()
        at = names.index(present) + direction if present in names else min(direction, 0)
        return "this is the only brain here" if names == [present] else self.pick(at % len(names))

    def pick(self, index: int) -> str:
        """A brain of the list: as it was when it left, if it has lived here."""
        if index >= len(self.brains):
            return f"there are {len(self.brains)} brains for this world"
        name, config = self.brains[index]
        if name == self._present():
            return f"{name} is here; n puts in a new one"
        kept = self.simulation.resident.kept(name, checked(config), self.whose)
        age = f", {kept.ticks:,} ticks old" if kept else ""
        whose = f"{self.whose}, " if self.whose else ""
        swap = SwapBrain(name=name, config=config, whose=self.whose)
        return self._submit(swap, f"{whose}brain {index + 1}: {name}{age}")

    def renew(self, _: int = 0) -> str:
        """The present brain, from nothing; the one that it was is kept."""
        config, name = self.simulation.resident.config_of(self.whose)
        return self._submit(SwapBrain(name=name, config=dict(config), whose=self.whose, fresh=True), f"a new {name}")

    def change_rule(self, _: int = 0) -> str:
        """The next learning rule; what was learned stays."""
        config, _name = self.simulation.resident.config_of(self.whose)
        waiting, rules = self.simulation.orders.waiting(ChangeBrain), [*RULES]
        rule = (waiting.changes if waiting else {}).get("rule", config.get("rule"))
        if rule not in rules:
            return "this brain has no rule to change"
        rule = rules[(rules.index(rule) + 1) % len(rules)]
        return self._submit(ChangeBrain(changes={"rule": rule}, whose=self.whose), f"rule: {rule}")

    def change_rate(self, direction: int) -> str:
        """Half or twice the learning rate; what was learned stays."""
        config, _name = self.simulation.resident.config_of(self.whose)
        waiting = self.simulation.orders.waiting(ChangeBrain)
        rate = (waiting.changes if waiting else {}).get("learning_rate", config.get("learning_rate"))
        if rate is None:
            return "this brain has no learning rate"
        rate *= 2.0**direction
        return self._submit(
            ChangeBrain(changes={"learning_rate": rate}, whose=self.whose), f"learning rate: {rate:.3g}"
        )

    def next_agent(self, _: int = 0) -> str:
        """The next of several brains is the one to swap."""
        names = list(self.simulation.resident.present.brains)
        if self.whose not in names:
            return "there is one brain here"
        self.whose = names[(names.index(self.whose) + 1) % len(names)]
        return f"[ ] and 1 … 9 swap the brain of {self.whose}"

    def save_brain(self, _: int = 0) -> str:
        """The brain that lives now, in a file of its own."""
        directory, tick = self.simulation.run_directory, self.simulation.tick_index
        if directory is None:
            return "this run has no directory to save in"
        name = re.sub(r"[^\w-]+", "-", self.simulation.resident.config_of(self.whose)[1])
        path = directory / f"{name}-{tick:08d}{SUFFIX}"
        try:
            save_brain(self.simulation, path, self.whose)
        except UserError as error:
            return str(error)
        return f"saved: {path}"

    def toggle_menu(self, _: int = 0) -> str:
        """The list of brains."""
        self.menu = not self.menu and bool(self.brains)
        names = [name for name, _ in self.brains]
        self.at = names.index(self._present()) if self._present() in names else 0
        return "" if self.brains else "no brain in configs/brains fits this world"

    def menu_rows(self) -> list[tuple[str, str, bool]]:
        """Every brain that fits: its name, what there is to say of it, whether it is the one that lives now."""
        resident, tick, rows = self.simulation.resident, self.simulation.tick_index, []
        present = self._present()
        for name, config in self.brains:
            kept = resident.kept(name, checked(config), self.whose)
            if name == present:
                what = f"lives now, {resident.age(tick, self.whose):,} ticks old"
            else:
                what = f"lived here, {kept.ticks:,} ticks old" if kept else str(config.get("rule", config["kind"]))
            rows.append((name, what, name == present))
        return rows

    def move(self, lines: int) -> str:
        """Up or down in the list."""
        self.at = min(max(0, self.at + lines), len(self.brains) - 1)
        return ""

    def choose(self, _: int = 0) -> str:
        """The brain that is marked in the list."""
        self.menu = False
        return self.pick(self.at)

    def _present(self) -> str:
        """The brain that lives here now, or will from the next tick on."""
        waiting = self.simulation.orders.waiting(SwapBrain)
        if waiting is not None and waiting.whose == self.whose:
            return waiting.name
        return self.simulation.resident.config_of(self.whose)[1]

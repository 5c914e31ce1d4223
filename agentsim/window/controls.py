"""What a person does to the simulation. Each method returns a few words on what it did, for the toast."""

from __future__ import annotations

import re
from math import log2
from pathlib import Path

from pygame import Rect, Surface

from agentsim.config.brain import checked
from agentsim.config.brain_file import SUFFIX
from agentsim.errors import UserError
from agentsim.loop.building import fitting_brains, fitting_files
from agentsim.loop.commands import (
    ChangeBrain,
    Command,
    DragTarget,
    Push,
    ResetWorld,
    SetLearning,
    SwapBrain,
    SwitchTask,
)
from agentsim.loop.keeping import save_brain
from agentsim.loop.simulation import Simulation
from agentsim.window.keys import Key
from agentsim.window.video import Video
from brains.rules import RULES

SLOWEST, FASTEST = -4, 4  # speeds are powers of two


def speed_name(speed: float) -> str:
    """1/4x, 1x, 2x."""
    return f"1/{1 / speed:g}x" if speed < 1 and (1 / speed).is_integer() else f"{speed:g}x"


class Controls:
    """The keys' actions on one simulation. Commands go through `submit`, so that they are recorded and replayed."""

    def __init__(self, simulation: Simulation):
        self.simulation = simulation
        body, present = simulation.environment.body, simulation.resident.present
        self.whose: str | None = next(iter(present.brains), None)  # of several brains, the one to swap
        self.brains = [*fitting_brains(body), *fitting_files(Path(), body)]
        if not present.brains and present.name_of_brain not in dict(self.brains):
            self.brains.insert(0, (present.name_of_brain, dict(present.one_brain)))
        self.video: Video | None = None
        self._ended_videos: list[Video] = []
        self.quitting = self.help = self.ended = False
        self._paced = "sleep" if simulation.clock.pacing == "none" else simulation.clock.pacing
        self._drag: tuple[float, float] | None = None
        self._let_go = False
        self._dragged = -1  # tick of the last drag: one a tick is enough

    def perform(self, action: str, argument: int) -> str:
        """Do what a key means."""
        if action == "pause" and self.ended:
            return "the run has ended: q quits"
        if self.simulation.error is not None and action not in {"toggle_help", "record", "quit"}:
            return "the run has ended: q quits"
        return str(getattr(self, action)(argument))

    def offers(self, key: Key) -> bool:
        """Whether this world, and whoever lives in it, has what the key is for."""
        environment, several = self.simulation.environment, self.simulation.resident.present.brains
        match key.action or key.label:
            case "switch_task":
                return bool(environment.tasks)
            case "mouse":
                return environment.world.drag_target is not None
            case "push":
                return environment.hand.can_push
            case "next_agent":
                return len(several) > 1
        return True

    # --- pace: these are no commands, they do not change what is computed ----------------------------------------

    def pause(self, _: int = 0) -> str:
        """Hold still, or go on."""
        self.simulation.pause(not self.simulation.paused)
        return "paused" if self.simulation.paused else "running"

    def step(self, _: int = 0) -> str:
        """One tick."""
        if not self.simulation.paused:
            self.simulation.pause()
        self.simulation.step()
        return f"tick {self.simulation.tick_index + 1:,}"

    def speed(self, direction: int) -> str:
        """To the next power of two."""
        clock = self.simulation.clock
        if clock.pacing == "none":
            return self.flat_out()
        nearest = round(log2(clock.speed))
        clock.set_speed(2.0 ** max(SLOWEST, min(FASTEST, nearest + direction)))
        return f"speed {speed_name(clock.speed)}"

    def flat_out(self, _: int = 0) -> str:
        """No pacing at all, or the pacing there was."""
        clock = self.simulation.clock
        if clock.pacing == "none":
            clock.set_pacing(self._paced)
            return f"speed {speed_name(clock.speed)}"
        if self.simulation.config.learn.slack:
            return "this run learns in its slack; flat out there is none"
        clock.set_pacing("none")
        return "as fast as it goes"

    # --- commands ------------------------------------------------------------------------------------------------

    def switch_task(self, _: int = 0) -> str:
        """The next task."""
        environment, waiting = self.simulation.environment, self.simulation.orders.waiting(SwitchTask)
        if not environment.tasks:
            return "this world has no tasks"
        task = ((waiting.task if waiting else environment.task) + 1) % len(environment.tasks)
        return self._submit(SwitchTask(task=task), f"task: {environment.tasks[task]}")

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

    def _present(self) -> str:
        """The brain that lives here now, or will from the next tick on."""
        waiting = self.simulation.orders.waiting(SwapBrain)
        if waiting is not None and waiting.whose == self.whose:
            return waiting.name
        return self.simulation.resident.config_of(self.whose)[1]

    def next_agent(self, _: int = 0) -> str:
        """The next of several brains is the one to swap."""
        names = list(self.simulation.resident.present.brains)
        if self.whose not in names:
            return "there is one brain here"
        self.whose = names[(names.index(self.whose) + 1) % len(names)]
        return f"[ ] and 1 … 9 swap the brain of {self.whose}"

    def learning(self, _: int = 0) -> str:
        """Learn, or only act."""
        waiting = self.simulation.orders.waiting(SetLearning)
        on = not (waiting.on if waiting else self.simulation.learning)
        return self._submit(SetLearning(on=on), f"learning {'on' if on else 'off'}")

    def reset(self, _: int = 0) -> str:
        """The next episode."""
        return self._submit(ResetWorld(), "world reset")

    def push(self, direction: int) -> str:
        """A shove to the left or right."""
        return self._submit(Push(direction=1 if direction > 0 else -1), "push ←" if direction < 0 else "push →")

    def drag(self, at: tuple[int, int], picture: Rect) -> None:
        """Put the target where the mouse is; the picture shows the unit square, y up."""
        if picture.width and self.simulation.environment.world.drag_target is not None:
            x, y = (at[0] - picture.left) / picture.width, 1 - (at[1] - picture.top) / picture.height
            self._drag, self._let_go = (min(max(x, 0.0), 0.9999), min(max(y, 0.0), 0.9999)), False

    def follow_mouse(self) -> None:
        """Submit the drag, on every tick for as long as the button is down."""
        if self._drag is not None and self._dragged != self.simulation.tick_index:
            x, y = self._drag
            self._submit(DragTarget(x=x, y=y), "")
            self._dragged = self.simulation.tick_index
            if self._let_go:
                self._drag = None

    def let_go(self) -> None:
        """The button is up: what was dragged stays where it is from the next tick on."""
        self._let_go = True
        if self._dragged == self.simulation.tick_index:
            self._drag = None

    def _submit(self, command: Command, done: str) -> str:
        try:
            self.simulation.submit(command)
        except UserError as error:
            return str(error)
        return f"{done}, at the next tick" if done and self.simulation.paused else done

    # --- keeping -------------------------------------------------------------------------------------------------

    def save(self, _: int = 0) -> str:
        """A checkpoint after the present tick."""
        if self.simulation.run_directory is None:
            return "this run has no directory to save in"
        self.simulation.save()
        return f"saved: {self.simulation.run_directory}"

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

    def record(self, _: int = 0) -> str:
        """Start a video, or end it; it begins with the next frame."""
        if self.video is not None:
            return self.end_video()
        directory, tick = self.simulation.run_directory, self.simulation.tick_index
        if directory is None:
            return "this run has no directory for a video"
        self.video = Video(directory / f"video-{tick:08d}.png")
        return "recording; v ends it"

    def end_video(self) -> str:
        """No more frames; the encoder goes on with what it has."""
        if self.video is None:
            return ""
        self.video.finish()
        self._ended_videos.append(self.video)
        video, self.video = self.video, None
        return f"video: {video.path.name}" if video.frames else "nothing was recorded"

    def take_video_frame(self, surface: Surface) -> None:
        """The window as it is now."""
        if self.video is not None:
            self.video.take(surface, self.simulation.clock.source.now())
            if self.video.full:
                self.end_video()

    def close(self) -> None:
        """Let every video be finished, within half a minute."""
        self.end_video()
        for video in self._ended_videos:
            video.wait(30)

    # --- the window itself ---------------------------------------------------------------------------------------

    def quit(self, _: int = 0) -> str:
        """Leave the loop after the present tick; whoever opened the window saves."""
        self.quitting = True
        self.simulation.stop()
        return "saving …"

    def toggle_help(self, _: int = 0) -> str:
        """The list of keys."""
        self.help = not self.help
        return ""

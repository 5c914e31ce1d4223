"""What a person does to the simulation. Each method returns a few words on what it did, for the toast."""

from __future__ import annotations

from math import hypot, log2

from pygame import Rect, Surface

from agentsim.errors import UserError
from agentsim.loop.commands import (
    Command,
    DragTarget,
    Draw,
    Push,
    ResetWorld,
    SetLearning,
    SwitchTask,
)
from agentsim.loop.simulation import Simulation
from agentsim.window.display import full_screen, is_full_screen
from agentsim.window.keys import Key
from agentsim.window.shelf import Shelf
from agentsim.window.showing import SPANS
from agentsim.window.video import Video

SHORTEST = 0.01  # line that is worth a command, in widths of the picture
SLOWEST, FASTEST = -4, 4  # speeds are powers of two


def speed_name(speed: float) -> str:
    """1/4x, 1x, 2x."""
    return f"1/{1 / speed:g}x" if speed < 1 and (1 / speed).is_integer() else f"{speed:g}x"


class Controls:
    """The keys' actions on one simulation. Commands go through `submit`, so that they are recorded and replayed."""

    def __init__(self, simulation: Simulation):
        self.simulation = simulation
        self.shelf = Shelf(simulation, self._submit)
        self.video: Video | None = None
        self._ended_videos: list[Video] = []
        self.quitting = self.help = self.ended = False
        self.span = SPANS[0]  # simulated seconds that the curves show
        self._paced = "sleep" if simulation.clock.pacing == "none" else simulation.clock.pacing
        self._drag: tuple[float, float] | None = None
        self._let_go = False
        self._pen: tuple[float, float] | None = None  # where the line that is being drawn has come to
        self._dragged = -1  # tick of the last drag: one a tick is enough

    def perform(self, action: str, argument: int) -> str:
        """Do what a key means."""
        over = self.simulation.error is not None or (self.ended and action == "pause")
        if over and action not in {"toggle_help", "record", "quit", "full_screen", "escape", "next_span"}:
            return "the run has ended: q quits"
        if action == "toggle_menu":
            self.help = False
        return str(getattr(self.shelf if hasattr(self.shelf, action) else self, action)(argument))

    def offers(self, key: Key) -> bool:
        """Whether this world, and whoever lives in it, has what the key is for."""
        environment, several = self.simulation.environment, self.simulation.resident.present.brains
        match key.action or key.label:
            case "switch_task":
                return bool(environment.tasks)
            case "mouse":
                return environment.world.drag_target is not None
            case "pen":
                return environment.world.draw is not None
            case "digit":
                return self._digits_are_tasks == (key.label[0] == "0")
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

    @property
    def _digits_are_tasks(self) -> bool:
        return "0" in self.simulation.environment.tasks

    def digit(self, digit: int) -> str:
        """The task of that name, or, where it is asked for already, the last one; else a brain from the list."""
        environment, waiting = self.simulation.environment, self.simulation.orders.waiting(SwitchTask)
        if not self._digits_are_tasks:
            return self.shelf.pick(digit - 1) if digit else "brains are 1 … 9"
        tasks, present = environment.tasks, waiting.task if waiting else environment.task
        task = len(tasks) - 1 if tasks[present] == str(digit) else tasks.index(str(digit))
        return self._submit(SwitchTask(task=task), f"task: {tasks[task]}")

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
        """Put the target where the mouse is, or draw to there; the picture shows the unit square, y up."""
        world = self.simulation.environment.world
        if not picture.width:
            return
        x, y = (at[0] - picture.left) / picture.width, 1 - (at[1] - picture.top) / picture.height
        x, y = min(max(x, 0.0), 0.9999), min(max(y, 0.0), 0.9999)
        if world.drag_target is not None:
            self._drag, self._let_go = (x, y), False
        elif world.draw is not None and (self._pen is None or hypot(x - self._pen[0], y - self._pen[1]) > SHORTEST):
            from_x, from_y = self._pen or (x, y)
            self._pen = x, y
            self._submit(Draw(x=from_x, y=from_y, to_x=x, to_y=y), "")

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
        self._let_go, self._pen = True, None
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
        self.help, self.shelf.menu = not self.help, False
        return ""

    def next_span(self, _: int = 0) -> str:
        """How much of the past the curves show."""
        self.span = SPANS[(SPANS.index(self.span) + 1) % len(SPANS)]
        return "curves: everything" if self.span is None else f"curves: the last {self.span:g} s"

    def full_screen(self, _: int = 0) -> str:
        """The whole screen, or a window again."""
        full_screen(not is_full_screen())
        return ""

    def escape(self, _: int = 0) -> str:
        """Close what is open, else leave full screen."""
        if self.shelf.menu or self.help:
            self.shelf.menu = self.help = False
        elif is_full_screen():
            full_screen(False)
        return ""

"""The window's picture of a simulation: which panel shows what, and what of it has changed since it was drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect, Surface

from agentsim.errors import said
from agentsim.loop.commands import Command
from agentsim.loop.simulation import Simulation
from agentsim.loop.timings import SECOND
from agentsim.window import overlays
from agentsim.window.canvas import BLUE, DIM, GREEN, GROUND, INK, ORANGE, RED, Canvas
from agentsim.window.controls import Controls, speed_name
from agentsim.window.conversion import layers_of, pixels_of
from agentsim.window.frames import Frames, Slice
from agentsim.window.keys import KEYS
from agentsim.window.layout import arrange
from agentsim.window.panels.brain import draw_brain
from agentsim.window.panels.curves import draw_curves
from agentsim.window.panels.header import draw_footer, draw_header
from agentsim.window.panels.pace import draw_pace
from agentsim.window.panels.ticks import draw_ticks
from agentsim.window.panels.world import draw_ghosts, draw_world
from agentsim.window.showing import curves_of, imagined_lines, layers_of_brain, mark_of
from brains.brain import figures_of

TOAST = 2 * SECOND
MOST_MARKS = 500
FOOTER = "space pause    .  step    + -  speed    t  task    [ ] tab  brains    l  learning    h  all keys    q  quit"

# The panels, and how many ns at least lie between two drawings of each.
PANELS = {
    "header": SECOND // 10,
    "world": 0,
    "brain": 0,
    "curves": SECOND // 4,
    "ticks": SECOND // 15,
    "pace": SECOND // 4,
    "footer": SECOND,
}


class Picture:
    """Draws panels, one a slice, and then shows those of a frame together, with what lies over them.

    Together, because every update of the display waits for the display server once.
    """

    def __init__(self, simulation: Simulation, controls: Controls, frames: Frames):
        self.simulation, self.controls, self.frames = simulation, controls, frames
        self.world_rect = Rect(0, 0, 0, 0)
        self.problem: str | None = None  # what failed in drawing the world or the brain
        self._failing: set[str] = set()
        self._now = simulation.clock.source.now
        self._image: Surface | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._peaks: dict[str, float] = {}
        self.marks: list[tuple[int, str]] = []  # (tick, what a person did then)
        self._dragged = -2  # the tick of the last one
        self._pace, self._pace_since = (simulation.clock.pacing, simulation.clock.speed, False), 0
        self._toast, self._toast_until = "", 0
        self.resize()

    def resize(self) -> None:
        """Begin anew for a display of another size."""
        display = pygame.display.get_surface()
        self.layout = arrange(display.get_size())
        cut_off = self.layout.size != display.get_size()  # a very small window shows a part of the smallest picture
        self.canvas = Canvas(Surface(self.layout.size).convert() if cut_off else display, self.layout.scale)
        self.canvas.surface.fill(GROUND)
        self._overlays: list[overlays.Overlay] = []
        self._overlay_key: object = ()
        self._drawn: dict[str, object] = {}  # panel -> what it showed when it was drawn
        self._times: dict[str, int] = {}
        self._changed = [self.canvas.surface.get_rect()]  # drawn, but not shown yet

    @property
    def ended(self) -> bool:
        """Whether the run is over, and the window still open."""
        return self.controls.ended

    def end(self) -> None:
        """The run is over: say so, for as long as the window stays open."""
        self.controls.ended = True
        self.toast("the run has ended: q closes the window")
        self._drawn.pop("header", None)

    def mark(self, tick: int, command: Command) -> None:
        """Keep what a person did, for the curves; of a drag or a line only its beginning."""
        what = mark_of(command)
        held = what in ("drag", "draw")
        goes_on = held and self._dragged >= tick - 1
        if held:
            self._dragged = tick
        if what is not None and not goes_on:
            self.marks = [*self.marks, (tick, what)][-MOST_MARKS:]

    def toast(self, text: str) -> None:
        """Say something for two seconds."""
        self._toast, self._toast_until = text, self._now() + TOAST

    # --- slices --------------------------------------------------------------------------------------------------

    def slices(self) -> list[Slice]:
        """What the next frame consists of: the panels that have something new to show, and the overlays' changes."""
        now, simulation = self._now(), self.simulation
        shows: dict[str, object] = {
            "header": self._header(),
            "world": (simulation.tick_index, simulation.environment.task),
            "brain": (simulation.tick_index, simulation.brain_name),
            "curves": (
                len(simulation.telemetry.rows),
                len(simulation.telemetry.totals.phases),
                len(self.marks),
                self.controls.span,
            ),
            "ticks": simulation.clock.statistics.n,
            "pace": (simulation.clock.statistics.n, simulation.clock.statistics.asked_hz, simulation.paused),
            "footer": "",
        }
        frame: list[Slice] = []
        if self._toast and now > self._toast_until:
            self._toast = ""
        if self._overlay_key != self._overlays_wanted():
            frame.append(("overlays", self._draw_overlays))
            self._uncover()
        places = self.layout.panels()
        for name, interval in ((name, PANELS[name]) for name in PANELS if name in places):
            fresh = name not in self._drawn
            if fresh or (self._drawn[name] != shows[name] and now - self._times[name] >= interval):
                self._drawn[name], self._times[name] = shows[name], now
                if name == "world":
                    frame.append(("render", self._render))
                frame.append((name, self._drawer(name)))
        if frame:
            frame.append(("show", self._show))
        video = self.controls.video
        if video is not None and video.due(now) and not simulation.paused:
            frame.append(("video", self._film))
        return frame

    def _drawer(self, name: str) -> Callable[[], None]:
        def draw() -> None:
            rect = getattr(self.layout, name)
            getattr(self, f"_draw_{name}")(rect)
            self._changed.append(rect)

        return draw

    def _show(self) -> None:
        """Put the overlays on what has changed, and show it."""
        for rect in self._changed:
            for surface, place in self._overlays:
                common = place.clip(rect)
                if common.size != (0, 0):
                    self.canvas.surface.blit(surface, common, common.move(-place.left, -place.top))
        if self.canvas.surface is not (display := pygame.display.get_surface()):
            display.blits([(self.canvas.surface, rect, rect) for rect in self._changed])
        pygame.display.update(self._changed)
        self._changed = []

    def _film(self) -> None:
        self.controls.take_video_frame(self.canvas.surface)

    def _guard(self, what: str, call: Callable[[], Any]) -> Any:
        """The call's result; None, and the run paused, if a world's or a brain's own code fails in it."""
        if what in self._failing:
            return None
        try:
            return call()
        except Exception as error:
            self._failing.add(what)
            self.problem = f"{what} failed: {said(error)}"
            self.simulation.pause()
            return None

    # --- panels --------------------------------------------------------------------------------------------------

    def _header(self) -> tuple[str, tuple[str, ...], tuple[tuple[str, Any], ...]]:
        simulation, clock = self.simulation, self.simulation.clock
        hz = simulation.config.clock.tick_hz
        details = (
            f"brain {simulation.brain_name}",
            f"seed {simulation.config.run.seed}",
            f"tick {simulation.tick_index:,}",
            f"{int(simulation.tick_index / hz * 10) / 10:.1f} s",
        )
        pills: list[tuple[str, Any]] = []
        if self.controls.video is not None:
            pills.append(("● REC", RED))
        task = simulation.telemetry.task_name(simulation.environment.task)
        if task is not None:
            pills.append((task.upper(), INK))
        pills.append(("LEARNING ON", BLUE) if simulation.learning else ("LEARNING OFF", ORANGE))
        pills.append(("MAX", ORANGE) if clock.pacing == "none" else (speed_name(clock.speed), INK))
        if simulation.orders.closed is not None:
            pills.append(("REPLAY", ORANGE))
        if simulation.error is not None:
            pills.append(("STOPPED", RED))
        elif self.ended:
            pills.append(("ENDED", ORANGE))
        elif simulation.warm_up_seconds is None:
            pills.append(("STARTING", ORANGE))
        else:
            pills.append(("PAUSED", ORANGE) if simulation.paused else ("RUNNING", BLUE))
        return simulation.config.world.id.rpartition("/")[2], details, tuple(pills)

    def _draw_header(self, rect: Rect) -> None:
        draw_header(self.canvas, rect, *self._header())

    def _draw_footer(self, rect: Rect) -> None:
        draw_footer(self.canvas, rect, FOOTER)

    def _render(self) -> None:
        self._pixels = self._guard("the world's render()", lambda: pixels_of(self.simulation.environment.render()))

    def _draw_world(self, rect: Rect) -> None:
        if self._pixels is not None:
            height, width = self._pixels.shape[:2]
            self._image = pygame.image.frombuffer(self._pixels.tobytes(), (width, height), "RGB").convert()
        world = self.simulation.environment.world
        hand = "drag the target" if world.drag_target is not None else "draw with the mouse" if world.draw else ""
        self.world_rect = draw_world(self.canvas, rect, self._image, hand)
        lines = self._guard("what the brain imagines", lambda: imagined_lines(self.simulation))
        if lines is not None and self._image is not None:
            crowd = getattr(self.simulation.brain, "crowd", False)
            draw_ghosts(self.canvas, self.world_rect, lines, crowd=crowd)

    def _draw_brain(self, rect: Rect) -> None:
        brain, body = self.simulation.brain, self.simulation.environment.body
        activity = self._guard("the brain's activity()", lambda: layers_of(brain.activity())) or {}
        figures = self._guard("the brain's figures()", lambda: figures_of(brain)) or {}
        layers = layers_of_brain(self.simulation, activity, figures, self._peaks)
        self._peaks = {layer.name: layer.peak for layer in layers}
        units = sum(layer.values.size for layer in layers) - body.observation_size * body.lanes
        latency = f"latency {brain.latency} tick{'' if brain.latency == 1 else 's'}"
        draw_brain(self.canvas, rect, layers, f"{units} units  ·  {latency}")

    def _draw_curves(self, rect: Rect) -> None:
        simulation, span = self.simulation, self.controls.span
        telemetry, hz = simulation.telemetry, simulation.config.clock.tick_hz
        switches = [(phase.start / hz, telemetry.task_name(phase.task) or "") for phase in telemetry.totals.phases]
        marks = [(tick / hz, what) for tick, what in self.marks]
        first = telemetry.rows[0].tick if telemetry.rows else simulation.tick_index
        since = max(0.0, first / hz - 1.5) if first > 1.5 * hz else 0.0  # later than 0 in a run that was resumed
        note = ""
        if span is not None:
            since, note = max(since, simulation.tick_index / hz - span), f", last {span:g} s"
        colours = (BLUE, GREEN if simulation.environment.agents else ORANGE)
        draw_curves(self.canvas, rect, curves_of(simulation, span), colours, switches, marks, since, note)

    def _draw_ticks(self, rect: Rect) -> None:
        statistics, clock = self.simulation.clock.statistics, self.simulation.clock
        last = statistics.last(200)
        execution = (statistics.end[last] - statistics.start[last]) / 1e6
        period = 0.0 if clock.pacing == "none" else clock.period / 1e6
        missed = statistics.end[last] - statistics.due[last] > clock.period
        draw_ticks(self.canvas, rect, execution, missed & (period > 0), period)

    def _draw_pace(self, rect: Rect) -> None:
        clock, metrics = self.simulation.clock, self.simulation.telemetry.rows
        statistics = clock.statistics
        pace = clock.pacing, clock.speed, self.simulation.paused
        if pace != self._pace:
            self._pace, self._pace_since = pace, statistics.n
        asked, achieved = statistics.asked_hz, self._achieved_hz()
        factor = None if achieved is None else achieved / statistics.tick_hz
        wanted = "max" if asked is None else speed_name(clock.speed)
        share = statistics.misses / max(1, statistics.n)
        p50, p99 = (statistics.execution.percentile(percent) or 0.0 for percent in (50, 99))
        loss = next((row.loss for row in reversed(metrics) if row.loss is not None), None)
        rows = [  # the first ones, where there is no room for all
            ("real time", "-" if factor is None else f"{factor:.2f}x of {wanted}", INK),
            ("tick p50 / p99", f"{p50 / 1e6:.2f} / {p99 / 1e6:.2f} ms", INK),
            ("misses", f"{statistics.misses:,}  ({100 * share:.2f} %)", RED if share >= 0.01 else INK),
        ]
        for name, own in list(metrics[-1].agents.items() if metrics else ())[:2]:
            rows.append((f"{name}, score", "-" if own.score is None else f"{own.score:.2f}", INK))
        rows.append(("loss", "-" if loss is None else f"{loss:.3g}", INK))
        rows.append(("frames", f"{self.frames.drawn:,} drawn, {self.frames.shed:,} shed", INK))
        rates = [("target", "max" if asked is None else _hertz(asked)), ("achieved", _hertz(achieved))]
        draw_pace(self.canvas, rect, rates, rows)

    def _achieved_hz(self) -> float | None:
        """Ticks a second over the last 120, but only those of the present pace."""
        statistics = self.simulation.clock.statistics
        starts = statistics.start[statistics.last(min(120, statistics.n - self._pace_since))]
        return (len(starts) - 1) * SECOND / int(starts[-1] - starts[0]) if len(starts) > 2 else None

    # --- overlays ------------------------------------------------------------------------------------------------

    def _uncover(self) -> None:
        """Have everything drawn again that lies under the present overlays."""
        for _, place in self._overlays:
            self._changed.append(self.canvas.surface.fill(GROUND, place))
            for name, panel in self.layout.panels().items():
                if place.colliderect(panel):
                    self._drawn.pop(name, None)

    def _overlays_wanted(self) -> tuple[object, ...]:
        problem = self.problem if self.simulation.paused else None
        menu = self.controls.shelf.menu and (self.controls.shelf.at, self.simulation.tick_index // 30)
        return self._toast, self.controls.help, menu, self.simulation.error, problem

    def _draw_overlays(self) -> None:
        self._overlay_key = self._overlays_wanted()
        self._overlays = []
        if error := self.simulation.error:
            what, _, saved = str(error).partition("\n")
            lines = [(what, INK), (saved or "this run is not recorded, nothing was saved", DIM)]
            if (directory := self.simulation.run_directory) is not None:
                lines.append((f"Go on from there, once it is mended: agentsim run --resume {directory}", INK))
            lines.append(("h shows the keys, q closes the window.", DIM))
            self._overlays.append(overlays.error_card(self.canvas, "The run has stopped", lines, self.layout.size))
        elif self.problem is not None and self.simulation.paused:
            lines = [(self.problem, INK), ("The run itself is unharmed: space goes on without the picture.", DIM)]
            self._overlays.append(overlays.error_card(self.canvas, "Paused: no picture", lines, self.layout.size))
        if self.controls.help:
            keys = [(key.label, key.what) for key in KEYS if self.controls.offers(key)]
            half = -(-len(keys) // 2)
            columns = [("Keys", keys[:half]), ("", keys[half:])]
            self._overlays.append(overlays.help_card(self.canvas, columns, self.layout.size))
        elif self.controls.shelf.menu:
            rows, at = self.controls.shelf.menu_rows(), self.controls.shelf.at
            self._overlays.append(overlays.list_card(self.canvas, "Brains", rows, at, self.layout.size))
        if self._toast:
            covered = self._overlays[-1][1] if self._overlays else None
            self._overlays.append(overlays.toast_card(self.canvas, self._toast, self.layout.world, covered))
        self._changed += [place for _, place in self._overlays]


def _hertz(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:,.0f} Hz" if rate >= 1000 else f"{rate:.1f} Hz"

"""The window's picture of a simulation: which panel shows what, and what of it has changed since it was drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect, Surface

from agentsim.errors import said
from agentsim.loop.simulation import Simulation
from agentsim.loop.timings import SECOND
from agentsim.window import overlays
from agentsim.window.canvas import BLUE, DIM, GROUND, INK, ORANGE, RED, Canvas
from agentsim.window.controls import Controls, speed_name
from agentsim.window.conversion import layers_of, pixels_of
from agentsim.window.frames import Frames, Slice
from agentsim.window.keys import KEYS
from agentsim.window.layout import arrange
from agentsim.window.panels.brain import draw_brain
from agentsim.window.panels.curves import Curve, draw_curves
from agentsim.window.panels.header import draw_footer, draw_header
from agentsim.window.panels.pace import draw_pace
from agentsim.window.panels.ticks import draw_ticks
from agentsim.window.panels.world import draw_world
from brains.team import Team

TOAST = 2 * SECOND
FOOTER = "space pause    .  step    + -  speed    t  task    [ ]  brain    l  learning    h  all keys    q  quit"

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
            "curves": (len(simulation.telemetry.rows), len(simulation.telemetry.totals.phases)),
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
        for name, interval in PANELS.items():
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
        can_drag = self.simulation.environment.world.drag_target is not None
        self.world_rect = draw_world(self.canvas, rect, self._image, "drag the target" if can_drag else "")

    def _draw_brain(self, rect: Rect) -> None:
        brain, body = self.simulation.brain, self.simulation.environment.body
        activity = self._guard("the brain's activity()", lambda: layers_of(brain.activity())) or {}
        observation, agents = self.simulation.environment.observation, self.simulation.environment.agents
        senses = {f"{agent} senses": observation[lane : lane + 1] for lane, agent in enumerate(agents)}
        activity = {**(senses or {"observation": observation}), **activity}
        layers = {name: np.asarray(layer, np.float64)[0].ravel() for name, layer in activity.items()}
        peaks = {}
        for name, layer in layers.items():
            largest = float(np.abs(layer[np.isfinite(layer)]).max(initial=1e-6))
            peaks[name] = max(largest, 0.99 * self._peaks.get(name, 0.0))
        self._peaks = peaks
        chosen: dict[str, int] = {}
        if (experience := self.simulation.last) is not None and body.discrete:
            members = brain.members.items() if isinstance(brain, Team) else ()
            for owner, lane in [(f"{name} ", int(member.lanes[0])) for name, member in members] or [("", 0)]:
                last = [name for name in layers if name.startswith(owner)][-1:]
                chosen |= {name: int(experience.action[lane]) for name in last if layers[name].size == body.actions}
        units = sum(layer.size for layer in layers.values()) - body.observation_size * max(1, len(senses))
        note = [f"{units} units"]
        note.append(f"latency {brain.latency} tick{'' if brain.latency == 1 else 's'}")
        draw_brain(self.canvas, rect, layers, peaks, chosen, "  ·  ".join(note))

    def _draw_curves(self, rect: Rect) -> None:
        telemetry, hz = self.simulation.telemetry, self.simulation.config.clock.tick_hz
        switches = [(phase.start / hz, telemetry.task_name(phase.task) or "") for phase in telemetry.totals.phases]
        first = telemetry.rows[0].tick if telemetry.rows else self.simulation.tick_index
        since = max(0.0, first / hz - 1.5) if first > 1.5 * hz else 0.0  # later than 0 in a run that was resumed
        draw_curves(self.canvas, rect, curves_of(self.simulation), switches, since)

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
        rows = [
            ("real time", "-" if factor is None else f"{factor:.2f}x of {wanted}", INK),
            ("tick p50 / p99", f"{p50 / 1e6:.2f} / {p99 / 1e6:.2f} ms", INK),
            ("misses", f"{statistics.misses:,}  ({100 * share:.2f} %)", RED if share >= 0.01 else INK),
            ("frames", f"{self.frames.drawn:,} drawn, {self.frames.shed:,} shed", INK),
            ("loss", "-" if loss is None else f"{loss:.3g}", INK),
        ]
        for name, own in list(metrics[-1].agents.items() if metrics else ())[:2]:
            rows.append((f"{name}, score", "-" if own.score is None else f"{own.score:.2f}", INK))
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
            for name in PANELS:
                if place.colliderect(getattr(self.layout, name)):
                    self._drawn.pop(name, None)

    def _overlays_wanted(self) -> tuple[object, ...]:
        problem = self.problem if self.simulation.paused else None
        return self._toast, self.controls.help, self.simulation.error, problem

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
            brains = [(str(n) if n < 10 else "·", name) for n, (name, _) in enumerate(self.controls.brains, 1)]
            columns = [("Keys", keys), ("Brains", brains[: len(keys)])]
            self._overlays.append(overlays.help_card(self.canvas, columns, self.layout.size))
        if self._toast:
            self._overlays.append(overlays.toast_card(self.canvas, self._toast, self.layout.world))
        self._changed += [place for _, place in self._overlays]


def _hertz(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:,.0f} Hz" if rate >= 1000 else f"{rate:.1f} Hz"


def curves_of(simulation: Simulation) -> list[Curve]:
    """Accuracy and score where the world has them, or the accuracy of two agents; else episode returns and the loss."""
    telemetry, hz = simulation.telemetry, simulation.config.clock.tick_hz
    rows = telemetry.rows
    ticks = [row.tick for row in rows]

    def known(ticks: list[int], values: list[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pairs = [(tick / hz, value) for tick, value in zip(ticks, values, strict=True) if value is not None]
        both = np.array(pairs, np.float64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    accuracy, score = known(ticks, [row.accuracy for row in rows]), known(ticks, [row.score for row in rows])
    if agents := simulation.environment.agents:
        own = [known(ticks, [row.agents[name].accuracy for row in rows]) for name in agents]
        return [
            Curve(f"{name}, accuracy", *curve, colour, percent=True)
            for name, curve, colour in zip(agents, own, (BLUE, ORANGE), strict=False)
        ]
    if len(accuracy[0]) or len(score[0]) or simulation.environment.body.teacher:
        low = -1.0 if score[1].min(initial=0) < 0 else 0.0  # beyond -1 and 1 it is clipped; the legend says how much
        return [
            Curve("accuracy", *accuracy, BLUE, percent=True),
            Curve("score", *score, ORANGE, low),
        ]
    returns = known([tick for tick, _ in telemetry.returns], [value for _, value in telemetry.returns])
    loss = known(ticks, [row.loss for row in rows])
    named = (("return", returns, BLUE), ("loss", loss, ORANGE))
    return [
        Curve(name, *curve, colour, min(0.0, curve[1].min(initial=0)), curve[1].max(initial=0) or 1.0)
        for name, curve, colour in named
    ]

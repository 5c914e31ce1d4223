"""The window, on SDL's dummy driver: nothing it does changes the simulation, except what a person does, recorded."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["SDL_VIDEODRIVER"] = "dummy"

import numpy as np
import pygame
import pytest
from pygame import Rect

from agentsim import window
from agentsim.config.load import Config
from agentsim.loop.clock import Clock
from agentsim.loop.commands import DragTarget, Push, ResetWorld, Script, SetLearning, SwapBrain, SwitchTask
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import COMMANDS, StampedCommand, read_lines
from agentsim.runs.recorded import record
from agentsim.window import layout, video
from agentsim.window.app import App
from agentsim.window.canvas import BLUE, ORANGE, WELL, Canvas
from agentsim.window.frames import SECOND, Frames
from agentsim.window.keys import KEYS
from agentsim.window.panels.curves import decimate

Make = Callable[..., Config]
SIZES = [(960, 640), (1280, 800), (1920, 1080), (2560, 1440), (1000, 1600)]
PHASES = [{"task": "chase", "seconds": 0.5}, {"task": "avoid", "seconds": 1}]


@pytest.fixture(autouse=True)
def no_display_left() -> Iterator[None]:
    yield
    pygame.display.quit()


def key(code: int, typed: str = "") -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=code, unicode=typed, mod=0)


class Person(App):
    """An App before which somebody sits who does one thing after another, each after a turn of the loop, then quits."""

    def __init__(self, simulation: Simulation, *actions: Any, size: tuple[int, int] = (960, 640)) -> None:
        super().__init__(simulation, size)
        self.actions = iter([*actions, key(pygame.K_q)])

    def _turn(self, until: int | None) -> None:
        action = next(self.actions, None)
        if callable(action):
            action()
        elif action is not None:
            pygame.event.post(action)
        self._polled = -SECOND
        super()._turn(until)


def recorded(simulation: Simulation) -> list[tuple[int, Any]]:
    assert simulation.run_directory is not None
    lines = read_lines(simulation.run_directory / COMMANDS, StampedCommand)
    return [(line.tick, line.command) for line in lines]


# --- the simulation is the same with and without a window --------------------------------------------------------


@pytest.mark.parametrize("world", ["agentsim/ChaseAvoid-v0", "CartPole-v1"])
def test_a_windowed_run_has_the_hash_of_a_headless_one(world: str, make_config: Make) -> None:
    keys = {"phases": PHASES} if "Chase" in world else {}
    headless, windowed = (Simulation(make_config(world, **keys)) for _ in range(2))
    headless.run(200)
    window.run(windowed, ticks=200, size=(960, 640))
    assert windowed.tick_index == 200
    assert windowed.state_hash() == headless.state_hash()
    assert windowed.close()["frames"]["drawn"] > 0


def test_it_ends_where_the_run_ends(make_config: Make) -> None:
    simulation = Simulation(make_config(run__seconds=0.5))
    window.run(simulation, size=(960, 640))
    assert simulation.tick_index == 30


# --- keys --------------------------------------------------------------------------------------------------------

SUBMITTED: dict[str, tuple[pygame.event.Event, Any]] = {
    "t": (key(pygame.K_t, "t"), SwitchTask(task=1)),
    "l": (key(pygame.K_l, "l"), SetLearning(on=False)),
    "r": (key(pygame.K_r, "r"), ResetWorld()),
}


@pytest.mark.parametrize("label", SUBMITTED)
def test_a_command_key_submits_a_recorded_command(label: str, make_config: Make, tmp_path: Path) -> None:
    """Pressed after tick 1, it takes effect at tick 1 (counted from 0), and a replay of the commands agrees."""
    pressed, command = SUBMITTED[label]
    simulation = record(make_config(), tmp_path / "run")
    Person(simulation, pressed, None, None, None).run()
    assert recorded(simulation) == [(1, command)]
    again = Simulation(make_config(), script=Script({1: [command]}))
    again.run(simulation.tick_index)
    assert again.state_hash() == simulation.state_hash()


def test_arrows_push_the_cart(make_config: Make, tmp_path: Path) -> None:
    simulation = record(make_config("CartPole-v1"), tmp_path / "run")
    Person(simulation, key(pygame.K_LEFT), key(pygame.K_RIGHT), None).run()
    assert recorded(simulation) == [(1, Push(direction=-1)), (2, Push(direction=1))]


def test_a_key_that_this_world_cannot_follow_says_so(make_config: Make, tmp_path: Path) -> None:
    simulation = record(make_config(), tmp_path / "run")
    said: list[str] = []
    person = Person(simulation, key(pygame.K_LEFT), None)
    person.picture.toast = said.append  # type: ignore[method-assign]
    person.run()
    assert recorded(simulation) == []
    assert any("push" in text for text in said)


def test_brackets_and_digits_swap_the_brain_and_the_world_goes_on(make_config: Make, tmp_path: Path) -> None:
    simulation = record(make_config(), tmp_path / "run")
    one, two, three = {"kind": "linear", "rate": 0.1}, {"kind": "linear", "rate": 0.2}, {"kind": "linear", "rate": 0.3}
    person = Person(
        simulation,
        key(pygame.K_1),
        None,
        key(pygame.K_RIGHTBRACKET, "]"),
        None,
        key(0, "["),
        None,
        key(pygame.K_9),
        None,
    )
    person.controls.brains = [("one", one), ("two", two), ("three", three)]
    person.run()
    assert recorded(simulation) == [
        (1, SwapBrain(name="one", config=one)),
        (3, SwapBrain(name="two", config=two)),
        (5, SwapBrain(name="one", config=one)),
    ]
    assert simulation.environment.episode == 0
    assert simulation.brain_name == "one"


def test_the_brains_offered_are_the_shipped_ones_that_fit(make_config: Make) -> None:
    """The oracle needs the world that it knows the answer of, so CartPole does not offer it."""
    offered = {
        world: [name for name, _ in App(Simulation(make_config(world))).controls.brains]
        for world in ("agentsim/ChaseAvoid-v0", "CartPole-v1")
    }
    assert "arena" in offered["agentsim/ChaseAvoid-v0"]
    assert "oracle-delay-2" in offered["agentsim/ChaseAvoid-v0"]
    assert "oracle-delay-2" not in offered["CartPole-v1"]


def test_space_pauses_and_period_does_one_tick(make_config: Make) -> None:
    simulation = Simulation(make_config())
    seen: list[tuple[int, bool]] = []
    look = lambda: seen.append((simulation.tick_index, simulation.paused))  # noqa: E731
    space, period = key(pygame.K_SPACE, " "), key(pygame.K_PERIOD, ".")
    Person(simulation, space, look, look, period, look, look, period, look, look, space, None, look).run()
    ticks, paused = zip(*seen, strict=True)
    assert ticks[:2] == (1, 1), "paused after the first tick"
    assert ticks[3] == 2 and ticks[5] == 3, "one tick a press"
    assert paused == (True,) * 6 + (False,)
    assert ticks[6] > 3


def test_speed_keys_walk_the_powers_of_two(make_config: Make) -> None:
    """From 1/16 to 16, no further; + and = and the keypad are the same; m is flat out and back."""
    simulation = Simulation(make_config(clock={"pacing": "sleep", "tick_hz": 1000}))
    clock = simulation.clock
    seen: list[Any] = []
    speed, pacing = (lambda: seen.append(clock.speed)), (lambda: seen.append(clock.pacing))
    faster = [
        key(pygame.K_EQUALS, "="),
        key(pygame.K_EQUALS, "+"),
        key(pygame.K_KP_PLUS, "+"),
        key(pygame.K_PLUS),
        key(0, "+"),
    ]
    slower = [key(pygame.K_MINUS, "-"), key(pygame.K_KP_MINUS, "-")] * 5
    m = key(pygame.K_m, "m")
    Person(simulation, *faster, speed, *slower, speed, m, pacing, m, pacing).run()
    assert seen == [16.0, 1 / 16, "none", "sleep"]
    assert clock.period == 16_000_000, "1000 Hz at 1/16"


def test_s_saves_a_checkpoint(make_config: Make, tmp_path: Path) -> None:
    simulation = record(make_config(run__checkpoint_every=1000), tmp_path / "run")
    saved: list[int] = []

    class Saved(Listener):
        def save(self, simulation: Simulation) -> None:
            saved.append(simulation.tick_index)

    simulation.listen(Saved())
    Person(simulation, key(pygame.K_s, "s"), None, None).run()
    assert saved == [2], "after the tick that follows the key"
    simulation.close()


def test_the_mouse_drags_the_target(make_config: Make, tmp_path: Path) -> None:
    """A quarter from the left and a quarter from the top of the picture is (0.25, 0.75): y points up."""
    simulation = record(make_config(), tmp_path / "run")
    person = Person(simulation, None)

    def at(x: float, y: float) -> tuple[int, int]:
        picture = person.picture.world_rect
        return picture.left + round(x * picture.width), picture.top + round(y * picture.height)

    def down() -> None:
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=at(0.25, 0.25)))

    def move() -> None:
        pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, buttons=(1, 0, 0), pos=at(0.5, 0.9), rel=(0, 0)))

    def up() -> None:
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, button=1, pos=at(0.5, 0.9)))

    person.actions = iter([down, move, up, move, None, key(pygame.K_q)])
    person.run()
    commands = [command for _, command in recorded(simulation)]
    assert all(isinstance(command, DragTarget) for command in commands)
    tolerance = 1 / person.picture.world_rect.width
    assert [(c.x, c.y) for c in commands] == [
        pytest.approx((0.25, 0.75), abs=tolerance),
        pytest.approx((0.5, 0.1), abs=tolerance),
    ]


def test_h_shows_every_key_and_hides_it(make_config: Make) -> None:
    person = Person(Simulation(make_config()))
    places: list[list[Rect]] = []
    look = lambda: places.append([rect for _, rect in person.picture._overlays])  # noqa: E731
    h = key(pygame.K_h, "h")
    wait = [lambda: setattr(person.frames, "_due", 0)] * 3
    person.actions = iter([h, *wait, look, h, *wait, look, key(pygame.K_q)])
    person.run()
    (card,), hidden = places
    assert Rect(0, 0, 960, 640).contains(card)
    assert hidden == []


def test_closing_the_window_quits(make_config: Make) -> None:
    simulation = Simulation(make_config())
    Person(simulation, None, pygame.event.Event(pygame.QUIT), None).run()
    assert simulation.tick_index == 2
    assert simulation.interrupted is None


def test_every_key_is_tried_above() -> None:
    tried = set(SUBMITTED) | {"←  →", "[  ]", "1 … 9", "space", ".", "+  -", "m", "s", "mouse", "h", "q", "v", "a"}
    assert tried == {entry.label for entry in KEYS}


# --- errors ------------------------------------------------------------------------------------------------------


def test_an_error_shows_what_happened_and_the_window_stays(make_config: Make, tmp_path: Path) -> None:
    simulation = record(make_config(brain={"kind": "linear", "fail_at": 3}), tmp_path / "run")
    shown: list[str] = []
    person = Person(simulation, *[None] * 12)
    draw_text = Canvas.text

    def text(self: Canvas, words: str, *args: Any, **keys: Any) -> Rect:
        shown.append(words)
        return draw_text(self, words, *args, **keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Canvas, "text", text)
        person.run()
    assert simulation.error is not None
    assert next(person.actions, None) is None, "it stayed open until the person quit"
    everything = " ".join(shown)
    assert "act() failed" in everything and "STOPPED" in everything
    assert f"agentsim run --resume {tmp_path / 'run'}" in everything


def test_a_world_that_cannot_draw_itself_pauses_the_run(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(make_config())
    person = Person(simulation)
    monkeypatch.setattr(simulation.environment, "render", lambda: 1 / 0)
    seen: list[bool] = []
    space = key(pygame.K_SPACE, " ")
    person.actions = iter([None, lambda: seen.append(simulation.paused), space, None, None, key(pygame.K_q)])
    person.run()
    assert seen == [True]
    assert person.picture.problem is not None and "ZeroDivisionError" in person.picture.problem
    assert simulation.error is None and simulation.tick_index > 1


# --- layout ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*SIZES, (300, 200)])
def test_panels_do_not_overlap(size: tuple[int, int]) -> None:
    arranged = layout.arrange(size)
    everything = Rect(0, 0, *arranged.size)
    places = arranged.panels()
    assert all(everything.contains(rect) for rect in places.values())
    for one, other in itertools.combinations(places.values(), 2):
        assert not one.colliderect(other)


@pytest.mark.parametrize(
    "units", [[1], [4], [8, 64, 32, 4], [8, 32, 64, 64, 64, 32, 4], [8, 288, 512, 2000, 4], [16] * 40]
)
@pytest.mark.parametrize("size", SIZES)
def test_strips_hold_every_unit_and_stay_inside(units: list[int], size: tuple[int, int]) -> None:
    arranged = layout.arrange(size)
    placed = layout.strips(units, arranged.brain, arranged.scale)
    assert placed
    for count, (rect, rows, columns) in zip(units, placed, strict=False):
        assert (rows - 1) * columns < count <= rows * columns
        assert arranged.brain.contains(rect)
        assert rect.width >= columns
    for (one, _, _), (other, _, _) in itertools.pairwise(placed):
        assert one.bottom < other.top


@pytest.mark.parametrize("size", SIZES)
def test_no_text_is_cut_off_or_covers_another(size: tuple[int, int], make_config: Make, tmp_path: Path) -> None:
    """Every text lies inside the panel that drew it, unshortened, and clear of the panel's other texts."""
    simulation = record(make_config(phases=PHASES), tmp_path / "run")
    simulation.run(120)
    app = App(simulation, size)
    texts: dict[str, list[tuple[str, Rect]]] = {}
    drawing = [""]
    draw_text, render = Canvas.text, Canvas.render

    def text(self: Canvas, words: str, *args: Any, **keys: Any) -> Rect:
        rect = draw_text(self, words, *args, **keys)
        assert rect.width == render(self, words, keys.get("size", 12), bold=keys.get("bold", False)).get_width(), words
        texts.setdefault(drawing[0], []).append((words, rect))
        return rect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Canvas, "text", text)
        for name, draw in app.picture.slices():
            drawing[0] = name
            draw()
    places = app.picture.layout.panels()
    assert set(texts) == set(places)
    for name, drawn in texts.items():
        for words, rect in drawn:
            assert places[name].contains(rect), (name, words)
        for (a, one), (b, other) in itertools.combinations(drawn, 2):
            assert not one.colliderect(other.inflate(-2, -4)), (name, a, b)


def test_a_resized_window_is_arranged_anew(make_config: Make) -> None:
    person = Person(Simulation(make_config()))

    def resize() -> None:
        pygame.display.set_mode((1500, 900), pygame.RESIZABLE)
        pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=(1500, 900), w=1500, h=900))

    def shrink() -> None:
        pygame.display.set_mode((400, 300), pygame.RESIZABLE)
        pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=(400, 300), w=400, h=300))

    sizes: list[tuple[int, int]] = []
    look = lambda: sizes.append(person.picture.layout.size)  # noqa: E731
    person.actions = iter([resize, None, None, look, shrink, None, None, look, key(pygame.K_q)])
    person.run()
    assert sizes == [(1500, 900), layout.SMALLEST_SIZE]


def test_cells_have_the_colour_of_their_level() -> None:
    """0 is the grey of the well; -1 is blue, 1 is orange; unknown is grey; beyond is clipped."""
    pygame.display.init()
    pygame.font.init()
    canvas = Canvas(pygame.Surface((300, 40), depth=32), 1.0)
    xs, ys = canvas.cells(Rect(0, 0, 300, 40), 1, 6, np.array([0.0, -1.0, 1.0, np.nan, -np.inf, 7.0]))
    colours = [canvas.surface.get_at((x + 20, ys[0] + 20)) for x in xs[:-1]]
    assert colours[0] == colours[3] == WELL
    assert colours[1] == colours[4] == BLUE
    assert colours[2] == colours[5] == ORANGE


def test_decimated_curves_keep_their_mean() -> None:
    """Means of equal stretches: 1000 points in 100 stretches of 10 keep the overall mean exactly."""
    at = np.arange(1000.0)
    values = np.random.default_rng(0).normal(size=1000)
    few_at, few = decimate(at, values, 100)
    assert len(few) == 100
    assert few.mean() == pytest.approx(values.mean())
    assert few_at[0] == 4.5
    assert few[7] == pytest.approx(values[70:80].mean())


# --- frames are shed, ticks are not ------------------------------------------------------------------------------


def test_a_slow_panel_is_shed_and_not_the_tick(make_config: Make, virtual_time: Any) -> None:
    """60 Hz for 4 s; a world that takes 100 ms to draw is drawn once a second at most, and only that costs a tick."""
    config = make_config(clock={"pacing": "sleep", "tick_hz": 60})
    simulation = Simulation(config, clock=Clock(config.clock, virtual_time))
    render = simulation.environment.render
    draws: list[int] = []

    def slow() -> Any:
        virtual_time.pass_ms(100)
        draws.append(virtual_time.now())
        return render()

    simulation.environment.render = slow  # type: ignore[method-assign]
    window.run(simulation, ticks=240, size=(960, 640))
    in_run = len(draws) - 2  # two are drawn before it
    assert 1 <= in_run <= 4
    assert simulation.clock.statistics.misses <= in_run
    assert simulation.close()["frames"]["shed"] > 60


def test_slices_are_drawn_in_the_slack_of_several_ticks(virtual_time: Any) -> None:
    """3 slices of 2 ms do not fit into the 3 ms of slack of a tick: each tick draws one, none overruns it."""
    frames = Frames(virtual_time.now)
    done: list[str] = []

    def drawing(name: str) -> tuple[str, Callable[[], None]]:
        return name, lambda: (virtual_time.pass_ms(2), done.append(name))[0]

    frame = [drawing(name) for name in "abc"]
    frames.draw(frame)
    done.clear()
    for _ in range(30):
        until = virtual_time.now() + 3_000_000
        frames.spend(until, lambda: list(frame))
        assert virtual_time.now() <= until
        virtual_time.time = until + 1_000_000
    assert "".join(done[:6]) == "abcabc"
    assert frames.drawn == len(done) // 3


def test_a_frame_with_nothing_new_counts_neither_way(virtual_time: Any) -> None:
    frames = Frames(virtual_time.now)
    for _ in range(100):
        frames.spend(None, list)
        virtual_time.pass_ms(20)
    assert (frames.drawn, frames.shed) == (0, 0)


# --- video -------------------------------------------------------------------------------------------------------


def test_video_shows_what_the_frames_showed(tmp_path: Path) -> None:
    """Memory order is blue, green, red, unused: the first pure colours come out as what they were."""
    from PIL import Image

    size = (64, 48)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    raw = b"".join(bytes([b, g, r, 0]) * (size[0] * size[1]) for r, g, b in colours)
    path = tmp_path / "video.gif"
    assert video.encode(io.BytesIO(raw + b"torn"), path, size) == 3
    with Image.open(path) as gif:
        assert gif.size == size and gif.n_frames == 3
        for frame, colour in enumerate(colours):
            gif.seek(frame)
            assert gif.convert("RGB").getpixel((30, 20)) == colour
            assert gif.info["duration"] == 1000 / video.FRAMES_PER_SECOND


def test_v_records_a_video_into_the_run_directory(
    make_config: Make, tmp_path: Path, virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows what passes from one press to the next, give or take a frame; equal frames are shown longer."""
    from PIL import Image

    monkeypatch.setattr(video, "WAITING", 0)  # any number: here only the encoder takes time
    config = make_config(clock={"pacing": "sleep", "tick_hz": 60})
    simulation = record(config, tmp_path / "run", Clock(config.clock, virtual_time))
    pressed: list[int] = []

    def press() -> None:
        pressed.append(virtual_time.now())
        pygame.event.post(key(pygame.K_v, "v"))

    Person(simulation, press, *[None] * 120, press).run()
    (path,) = (tmp_path / "run").glob("video-*.gif")
    with Image.open(path) as gif:
        total = 0
        for frame in range(gif.n_frames):
            gif.seek(frame)
            total += gif.info["duration"]
    passed = (pressed[1] - pressed[0]) / 1e6
    assert passed > 900 and total == pytest.approx(passed, abs=1000 / video.FRAMES_PER_SECOND)

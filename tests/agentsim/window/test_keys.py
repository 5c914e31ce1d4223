"""Keys and the mouse: what a person does changes the simulation, and is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest
from pygame import Rect

from agentsim.config.brain_file import read_brain_file
from agentsim.config.load import Config
from agentsim.loop.commands import DragTarget, Push, ResetWorld, Script, SetLearning, SwapBrain, SwitchTask
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record, replay
from agentsim.window.app import App
from agentsim.window.canvas import ORANGE
from agentsim.window.keys import KEYS
from brains.rules import RULES
from tests.agentsim.window.person import Person, key, recorded

Make = Callable[..., Config]
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
    person.controls.shelf.brains = [("one", one), ("two", two), ("three", three)]
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
        world: [name for name, _ in App(Simulation(make_config(world))).controls.shelf.brains]
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
        pytest.approx((0.5, 0.1), abs=tolerance),  # where it was let go
    ]


def test_a_target_that_is_held_stays_where_the_mouse_is(make_config: Make, tmp_path: Path) -> None:
    """One press and no motion: a command on every tick until the button is up."""
    simulation = record(make_config(), tmp_path / "run")
    person = Person(simulation)

    def post(kind: int) -> Callable[[], None]:
        return lambda: pygame.event.post(pygame.event.Event(kind, button=1, pos=person.picture.world_rect.center))

    down, up = post(pygame.MOUSEBUTTONDOWN), post(pygame.MOUSEBUTTONUP)
    person.actions = iter([down, None, None, None, up, None, None, key(pygame.K_q)])
    person.run()
    assert [tick for tick, _ in recorded(simulation)] == [1, 2, 3, 4, 5]


def test_a_replay_takes_no_commands(make_config: Make, tmp_path: Path) -> None:
    with record(make_config(), tmp_path / "run") as simulation:
        simulation.run(20)
    again, check = replay(tmp_path / "run")
    said: list[str] = []
    person = Person(again, key(pygame.K_t), key(pygame.K_l), None)
    person.picture.toast = said.append  # type: ignore[method-assign]
    assert ("REPLAY", ORANGE) in person.picture._header()[2]
    person.run()
    again.run()
    assert check.first_difference is None and any("this is a replay" in text for text in said)


def test_what_was_covered_is_drawn_again(make_config: Make) -> None:
    """Another window's picture over ours is gone after the event that says that it is, though nothing has changed."""
    simulation = Simulation(make_config())
    seen: list[Any] = []
    person = Person(simulation)

    def cover() -> None:
        seen.append(pygame.surfarray.array3d(pygame.display.get_surface()))
        pygame.display.get_surface().fill((200, 10, 10))
        pygame.event.post(pygame.event.Event(pygame.VIDEOEXPOSE))

    def look() -> None:
        seen.append(pygame.surfarray.array3d(pygame.display.get_surface()))

    person.actions = iter([key(pygame.K_SPACE), *[None] * 60, cover, *[None] * 30, look, key(pygame.K_q)])
    person.run()
    before, after = seen
    assert (before == after).mean() > 0.98 and not (after == (200, 10, 10)).all(axis=2).any()


def test_the_window_stays_at_the_end_until_it_is_closed(make_config: Make) -> None:
    simulation = Simulation(make_config())
    person = Person(simulation)
    turns: list[bool] = []
    person.actions = iter([*[lambda: turns.append(person.picture.ended)] * 6, key(pygame.K_q)])
    person.run(3, stay=True)
    assert simulation.tick_index == 3 and turns[-1] and not turns[0]


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


def test_keys_for_the_brain_that_lives(make_config: Make, tmp_path: Path) -> None:
    """A new one, its rule and its rate as recorded commands; a brain file that holds what lives."""
    simulation = record(make_config(brain={"kind": "stepping", "layers": [{}], "rule": "tween"}), tmp_path / "run")
    faster, slower = key(pygame.K_PERIOD, ">"), key(pygame.K_COMMA, "<")
    Person(simulation, key(pygame.K_n), key(pygame.K_u), faster, slower, key(pygame.K_b), None, None).run()
    fresh, rule, fast, slow = (command for _, command in recorded(simulation))
    assert fresh.fresh and fresh.config["kind"] == "stepping"
    rules = [*RULES]
    assert rule.changes == {"rule": rules[(rules.index("tween") + 1) % len(rules)]}
    assert (fast.changes, slow.changes) == ({"learning_rate": 0.04}, {"learning_rate": 0.02})
    (file,) = (tmp_path / "run").glob("*.brain")
    header, _ = read_brain_file(file)
    assert header.brain["rule"] == rule.changes["rule"] and header.brain["learning_rate"] == 0.02


def test_keys_pressed_twice_while_paused_count_from_what_waits(make_config: Make, tmp_path: Path) -> None:
    """Two presses are there and back, of the task, the learning and the rule; the second brain is another one."""
    simulation = record(make_config(), tmp_path / "run")
    pause, go_on = key(pygame.K_SPACE), key(pygame.K_SPACE)
    twice = [key(code) for code in (pygame.K_t, pygame.K_t, pygame.K_l, pygame.K_l)]
    brackets = [key(pygame.K_RIGHTBRACKET, "]")] * 2
    said: list[str] = []
    person = Person(simulation, pause, None, *twice, *brackets, go_on, None)
    names = [name for name, _ in person.controls.shelf.brains]
    person.picture.toast = said.append  # type: ignore[method-assign]
    person.run()
    tasks, learning, brains = (
        [getattr(command, what) for _, command in recorded(simulation) if isinstance(command, kind)]
        for kind, what in ((SwitchTask, "task"), (SetLearning, "on"), (SwapBrain, "name"))
    )
    assert (tasks, learning) == ([1, 0], [False, True])
    at = names.index("linear")
    assert brains == [names[(at + 1) % len(names)], names[(at + 2) % len(names)]]
    assert any("at the next tick" in text for text in said)


@pytest.mark.parametrize(
    ("world", "missing"),
    [
        ("agentsim/ChaseAvoid-v0", {"←  →", "a", "0 … 9", "pen"}),
        ("CartPole-v1", {"t", "mouse", "a", "0 … 9", "pen"}),
        ("Pendulum-v1", {"t", "mouse", "a", "←  →", "0 … 9", "pen"}),
    ],
)
def test_h_offers_what_there_is(world: str, missing: set[str], make_config: Make) -> None:
    person = Person(Simulation(make_config(world, brain={"kind": "random"})))
    assert {entry.label for entry in KEYS if not person.controls.offers(entry)} == missing
    pygame.display.quit()


def test_flat_out_drawing_has_a_fifth_of_the_time(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that takes 10 ms, on a clock that only drawing moves but for 1 ms a tick."""
    simulation = Simulation(make_config())
    app, now, drawn = App(simulation, (960, 640)), [0], [0]
    monkeypatch.setattr(app.source, "now", lambda: now[0], raising=False)

    def spend(until: Any, begin: Any) -> None:
        now[0] += 10_000_000
        drawn[0] += 10_000_000

    monkeypatch.setattr(app.frames, "spend", spend)
    for _ in range(2000):
        now[0] += 1_000_000
        app._turn(None)
    assert 0.15 < drawn[0] / now[0] <= 0.21
    pygame.display.quit()


def test_every_key_is_tried_above() -> None:
    others = {
        "←  →",
        "[  ]",
        "1 … 9",
        "0 … 9",  # and the pen: test_dreaming.py
        "pen",
        "space",
        ".",
        "+  -",
        "m",
        "s",
        "mouse",
        "h",
        "q",
        "v",
        "a",
        "n",
        "u",
        "<  >",
        "b",
        "tab",
        "w",
        "f",
        "esc",
    }
    assert set(SUBMITTED) | others == {entry.label for entry in KEYS}

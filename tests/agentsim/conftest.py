"""What the tests of the loop share: a small brain, small configs, and a clock on virtual time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import brains
from agentsim.config.load import Config

CHASE = "agentsim/ChaseAvoid-v0"


@pytest.fixture(scope="package", autouse=True)
def linear_brain() -> Iterator[None]:
    """The kind "linear", for the tests in this folder only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        patch.setitem(brains.BRAINS, "linear", "linear_brain:LinearBrain")
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_as_from_a_terminal() -> Iterator[None]:
    """Ctrl-C and hanging up reach the tests and what they start, under nohup and in the background too."""
    asked: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    ignored = [number for number in asked if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, asked[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


class VirtualTime:
    """Time that passes only when slept or told to: `now` in ns."""

    def __init__(self) -> None:
        self.time = 1_000_000_007

    def now(self) -> int:
        return self.time

    def sleep(self, duration: int) -> None:
        self.time += duration

    def pass_ms(self, milliseconds: float) -> None:
        self.time += round(milliseconds * 1e6)


@pytest.fixture
def virtual_time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def make_config(make_config_once: Callable[..., Config]) -> Callable[..., Config]:
    """A config from `section__key=value` arguments: flat out, with the linear brain, on ChaseAvoid."""
    return make_config_once


@pytest.fixture(scope="session")
def make_config_once() -> Callable[..., Config]:
    """`make_config` for fixtures and tests that outlive one test function's fixtures."""

    def make(world: str = CHASE, **keys: Any) -> Config:
        data: dict[str, Any] = {
            "world": {"id": world},
            "brain": {"kind": "linear"},
            "clock": {"pacing": "none"},
            "learn": {"steps_per_tick": 2},
            "run": {"seed": 3, "hash_every": 10, "checkpoint_every": 0.5, "probe_states": 20},
        }
        for key, value in keys.items():
            section, _, name = key.partition("__")
            if name:
                data.setdefault(section, {})[name] = value
            else:
                data[section] = value
        return Config.model_validate(data)

    return make

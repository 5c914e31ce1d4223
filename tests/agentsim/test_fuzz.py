"""Damaged configs and checkpoints, by the hundred and from a seed: refused in a few readable lines, or taken as they
are; never a crash, never a state that was not saved."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim.config.load import Config, load_config
from agentsim.config.naming import brain_names
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.runs.checkpoint import CHECKPOINT, read_checkpoint
from agentsim.runs.recorded import record, restored

SHIPPED = Path(__file__).parents[2] / "configs"
FILES = sorted([*SHIPPED.glob("*.yaml"), *(SHIPPED / "brains").glob("*.yaml")])
# what a hand or another program may leave in a file
ODD = [
    *("nan", "-.inf", "1e999", "-1", "0", "true", "null", "~", "''", "[]", "{}", "[[[[]]]]", "2026-01-01", "0x1F"),
    *("9" * 400, "a" * 100_000, "\x00", "\ufeff", "\u2028", "é" * 50, "!!python/object:os.system ls", "!!binary aGk="),
    *("&a [*a]", "*nobody", "<<: 3", "? - :", "- " * 300, "{" * 300, "%YAML 9.9", "---\n...\n---", "\t", "#", "|", ">"),
    *("../" * 300 + "no/such/file", "a.b.c", "world", "kind: stepping", "repeat: 1e9", "'unclosed", '"\\x"', "1_000"),
]
ALIASES = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)


def damaged_text(text: str, rng: np.random.Generator) -> str:
    """One to four small misfortunes."""
    lines = text.split("\n")
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(lines)))
        line, odd = lines[at], ODD[rng.integers(len(ODD))]
        cut = int(rng.integers(len(line) + 1))
        match rng.integers(8):
            case 0:
                lines[at] = line[:cut] + odd + line[cut:]
            case 1:
                lines[at] = line[:cut] + line[cut + 1 :]
            case 2:
                lines[at] = f"{line.partition(':')[0]}: {odd}"
            case 3:
                lines.insert(at, lines[rng.integers(len(lines))])
            case 4:
                del lines[at]
                lines = lines or [""]
            case 5:
                lines[at] = " " * int(rng.integers(1, 5)) + line
            case 6:
                lines[at] = line.replace("type", "tpye").replace("id", "di").replace("kind", "knid")
            case 7:
                lines[at] = "".join(rng.permutation(list(line)))
    return "\n".join(lines)


def refused_or_taken(path: Path) -> bool:
    """Whether a config is one; if not, that it is said in readable lines which file is to blame."""
    try:
        config = load_config(path)
    except UserError as error:
        lines = str(error).split("\n")
        assert 0 < len(lines) <= 61 and max(map(len, lines)) <= 1000, str(error)[:3000]
        assert path.name in lines[0], lines[0]
        return False
    assert isinstance(config, Config)
    assert load_config(written(path, config)).model_dump() == config.model_dump()
    return True


def written(path: Path, config: Config) -> Path:
    again = path.with_name("resolved.yaml")
    again.write_text(config.to_yaml())
    return again


def damage_configs(folder: Path, count: int, seed: int) -> int:
    """How many of so many damaged configs could still be read."""
    rng, taken = np.random.default_rng(seed), 0
    texts = [path.read_text() for path in FILES]
    known = set(brain_names())
    for number in range(count):
        path = folder / f"damaged-{number}.yaml"
        path.write_text(damaged_text(texts[rng.integers(len(texts))], rng), encoding="utf-8", errors="surrogatepass")
        taken += refused_or_taken(path)
        path.unlink()
    assert set(brain_names()) == known
    return taken


def test_damaged_configs(tmp_path: Path) -> None:
    taken = damage_configs(tmp_path, 300, seed=1)
    assert 5 < taken < 250  # both happen, or the damage is too small or too large to find anything


@pytest.mark.slow
def test_many_damaged_configs(tmp_path: Path) -> None:
    damage_configs(tmp_path, 5000, seed=2)


@pytest.mark.parametrize("text", [ALIASES, "world: " + "[" * 5000, "a" * 2_000_000, "k: 1\n" * 20_000])
def test_a_config_that_would_fill_the_memory_or_the_screen(text: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    assert not refused_or_taken(path)


# --- checkpoints -------------------------------------------------------------------------------------------------


def damaged_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """One misfortune of a disk, or of a person with an editor."""
    at = int(rng.integers(len(data)))
    head = 8 + int.from_bytes(data[:8], "little")
    match rng.integers(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
        case 2:
            at = int(rng.integers(head))  # in the part that says what is where
            return data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :]
        case 3:
            return data[:at] + rng.bytes(int(rng.integers(1, 100))) + data[at:]
        case 4:
            return data[:at] + bytes(min(512, len(data) - at)) + data[at + 512 :]
    digits = [place for place in range(8, head) if chr(data[place]).isdigit()]
    at = digits[rng.integers(len(digits))]
    return data[:at] + str(rng.integers(10)).encode() + data[at + 1 :]


def damage_checkpoints(config: Config, folder: Path, count: int, seed: int) -> None:
    """Every damaged one is refused in a line, or holds what was saved; nothing else is written."""
    with record(config, folder / "run") as simulation:
        simulation.run(40)
    path = folder / "run" / CHECKPOINT
    whole, rng = path.read_bytes(), np.random.default_rng(seed)
    _, arrays = read_checkpoint(path)
    expected = restored(folder / "run").state_hash()
    for _ in range(count):
        copy = folder / "copy"
        shutil.copytree(folder / "run", copy)
        (copy / CHECKPOINT).write_bytes(damaged_bytes(whole, rng))
        try:
            simulation = restored(copy, drawn=False)
        except UserError as error:
            assert CHECKPOINT in str(error) and "\n" not in str(error), error
        else:
            assert simulation.state_hash() == expected
            _, found = read_checkpoint(copy / CHECKPOINT)
            assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in arrays.items()}
        shutil.rmtree(copy)


def test_damaged_checkpoints(make_config_once: Callable[..., Config], tmp_path: Path) -> None:
    damage_checkpoints(make_config_once("CartPole-v1"), tmp_path, 100, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arena", "cartpole", "duel"])
def test_many_damaged_checkpoints(name: str, tmp_path: Path) -> None:
    damage_checkpoints(load_config(name, overrides=["clock.pacing=none"]), tmp_path, 600, seed=2)


# --- a day -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_day_at_60_hz(tmp_path: Path) -> None:
    """5.2 million ticks, flat out and recorded: memory stays flat within 5 MB once the first of 24 hours is over, and
    the run is resumed within seconds."""
    import time

    import psutil

    overrides = ["clock.pacing=none", "brain.layers=[{units: 16}, {}]", "learn.steps_per_tick=1", "run.hash_every=3600"]
    config = load_config("arena", "online-backprop", overrides=[*overrides, "phases=[]"])
    hour, process = 60 * 60 * 60, psutil.Process()
    used = []
    with record(config, tmp_path / "run", drawn=False) as simulation:
        for _ in range(24):
            simulation.run(hour)
            assert simulation.error is None
            used.append(process.memory_info().rss / 1e6)
    assert max(used[1:]) - min(used[1:]) < 5, used
    before = time.monotonic()
    again = restored(tmp_path / "run", drawn=False)
    assert again.tick_index == 24 * hour and time.monotonic() - before < 10
    assert isinstance(again, Simulation)

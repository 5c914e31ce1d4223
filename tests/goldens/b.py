"""Goldens of one machine: every shipped config and every brain config, 300 ticks of each, to the bit.

    python -m tests.goldens.b record FILE                 FILE, and FILE.npz with the arrays
    python -m tests.goldens.b check FILE                  says what differs; exit status 1 if anything does
    python -m tests.goldens.b check FILE --within 1e-5    arrays alone; floats may be so far off, absolute or relative

Compared are the arrays of a checkpoint after 1, 10, 100 and 300 ticks, the figures of the result, and the bytes of
every other file in the run directory but versions.json. What compiled code computes depends on the CPU, NumPy and
numba: FILE is of the machine that recorded it, and not committed. A life that learns is chaotic: what a new kernel
rounds in another way grows from tick to tick, which --within shows, as it names the ticks. To be expected (measured
with the kernels compiled for another CPU) is agreement to 1e-5 after 10 ticks everywhere, and after 300 of the brains
without Adam; the arena's brain is off by 1e-4 after 100 and by 2e-3 after 300.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from agentsim import Simulation, UserError, load_config
from agentsim.batch import training
from agentsim.batch.collatz import settings
from agentsim.batch.collatz.task import CollatzTask
from agentsim.config.load import config_names
from agentsim.config.naming import brain_names
from agentsim.loop.clock import Clock
from agentsim.loop.commands import Command, DragTarget, Push, ResetWorld, SwitchTask
from agentsim.runs import recorded
from agentsim.system.machine import machine, versions

MOMENTS = (1, 10, 100, 300)  # ticks
BATCHES = 5  # of an offline training
BLOCKS = ("norm-tween", "normal-backprop", "tween", "tween-chain")  # as shipped, they learn every 1,000 ticks
HAND: dict[int, Command] = {  # what a person does, by tick, where the world can do it
    50: SwitchTask(task=1),
    120: DragTarget(x=0.25, y=0.75),
    150: Push(direction=1),
    240: ResetWorld(),
}
FIGURES = (  # of result.json: those that know no wall time
    *("world", "brain", "seed", "ticks", "hash", "accuracy", "score", "probe", "agents", "phases", "reward", "events"),
    *("episodes", "learning_steps", "rollbacks", "backend", "error"),
)
CHECKPOINT, RESULT, VERSIONS = "checkpoint.safetensors", "result.json", "versions.json"

Said = dict[str, Any]  # name of a figure or a file -> the figure, or a digest
Arrays = dict[str, Any]  # "after N ticks, NAME" -> array


# --- lives -------------------------------------------------------------------------------------------------------


class LearningTime:
    """Time that passes when slept, and 2 ms with every learning step: slack holds as many steps on every machine."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        return self.time

    def sleep(self, duration: int) -> None:
        self.time += duration

    def costing(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            self.time += 2_000_000
            return step(*arguments)

        return slow


def cases() -> Iterator[tuple[str, Said, Arrays]]:
    """Every case as it is now, by name."""
    for config in config_names():
        yield config, *lived(config)
    for brain in brain_names():
        changes = ["brain.schedule.block=100"] if brain in BLOCKS else []
        for config in ["cartpole", "arena-reward"] if brain.startswith("reward") else ["arena"]:
            yield f"{config} with {brain}", *lived(config, brain, *changes)
    for name in settings.names():
        yield f"collatz {name}", {}, trained(name)


def lived(source: str, brain: str | None = None, *changes: str) -> tuple[Said, Arrays]:
    """A run, flat out; one that learns in the slack, in a time of its own."""
    config, time = load_config(source, brain, changes), LearningTime()
    slack = config.learn.slack
    if not slack:
        config = load_config(source, brain, [*changes, "clock.pacing=none"])
    arrays: Arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        simulation = recorded.record(config, run, Clock(config.clock, time) if slack else None)
        learner: Any = simulation.brain
        if slack:
            learner.learn, learner.rehearse = time.costing(learner.learn), time.costing(learner.rehearse)
        for moment in MOMENTS:
            simulation.run(moment - simulation.tick_index, act)
            state = simulation.snapshot()[1]
            arrays |= {f"after {moment} ticks, {name}": array for name, array in state.items()}
        simulation.close()
        return said(run), arrays


def act(simulation: Simulation) -> None:
    """Do what a person does at this tick, if this world can."""
    if simulation.tick_index in HAND:
        try:
            simulation.submit(HAND[simulation.tick_index])
        except UserError:
            return


def trained(name: str) -> Arrays:
    """The checkpoint of a short offline training."""
    with tempfile.TemporaryDirectory() as folder:
        training.train(CollatzTask(settings.load(name, [f"batches={BATCHES}"])), Path(folder))
        _, arrays = checkpoint(Path(folder) / CHECKPOINT)
    return {f"after {BATCHES} batches, {key}": array for key, array in arrays.items()}


def said(run: Path) -> Said:
    """What a run directory says: figures, and digests of bytes and of arrays."""
    found: Said = {}
    for path in sorted(run.rglob("*")):
        if path.name == CHECKPOINT:
            header, arrays = checkpoint(path)
            found |= {f"{CHECKPOINT}, {key}": value for key, value in header.items()}
            found |= {f"{CHECKPOINT}, {key}": digest(array) for key, array in arrays.items()}
        elif path.name == RESULT:
            result = json.loads(path.read_text(encoding="utf-8"))
            found |= {f"{RESULT}, {key}": result.get(key) for key in FIGURES}
        elif path.name != VERSIONS:
            found[str(path.relative_to(run))] = digest(np.frombuffer(path.read_bytes(), np.uint8))
    return found


def checkpoint(path: Path) -> tuple[dict[str, Any], Arrays]:
    """What a checkpoint says in its header, and its arrays."""
    with safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()["agentsim"])
        return header, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def digest(array: np.ndarray) -> str:
    written = f"{array.dtype.str} {array.shape} ".encode() + array.tobytes()
    return hashlib.blake2b(written, digest_size=12).hexdigest()


# --- what differs ------------------------------------------------------------------------------------------------


def different(before: Said, now: Said) -> Iterator[str]:
    """A line for everything that is not what it was."""
    for name in before | now:
        if before.get(name) != now.get(name):
            yield f"{name}: {before.get(name, 'nothing')} -> {now.get(name, 'nothing')}"


def different_arrays(before: Arrays, now: Arrays, within: float) -> Iterator[str]:
    """A line for every array that is not what it was, to the bit, or `within` so much if it is of floats."""
    for name in before | now:
        if name not in before or name not in now:
            yield f"{name}: is {'new' if name in now else 'missing'}"
            continue
        old, new = before[name], now[name]
        if (old.dtype, old.shape) != (new.dtype, new.shape):
            yield f"{name}: {old.dtype} {old.shape} -> {new.dtype} {new.shape}"
        elif old.tobytes() != new.tobytes():
            off = np.abs(new.astype(np.float64) - old.astype(np.float64))
            off[np.isnan(old.astype(np.float64)) & np.isnan(new.astype(np.float64))] = 0.0
            allowed = within * np.maximum(1.0, np.abs(old)) if old.dtype.kind == "f" else 0.0
            if not within or not (off <= allowed).all():
                yield f"{name}: {np.count_nonzero(~(off <= allowed))} of {off.size} differ, by at most {off.max():.2g}"


# --- the command line --------------------------------------------------------------------------------------------


def here() -> dict[str, str]:
    """What the bits depend on besides the code."""
    return {"cpu": str(machine()["cpu"]), **versions()}


def record(file: Path) -> int:
    everything: dict[str, Any] = {"here": here(), "cases": {}}
    arrays: Arrays = {}
    for name, figures, state in cases():
        print(name, flush=True)
        everything["cases"][name] = figures
        arrays |= {f"{name}: {key}": array for key, array in state.items()}
    file.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(f"{file}.npz", **arrays)
    return 0


def check(file: Path, within: float) -> int:
    before = json.loads(file.read_text(encoding="utf-8"))
    if elsewhere := list(different(before["here"], here())):
        print(f"{file}: recorded elsewhere ({'; '.join(elsewhere)}); record it here, from the commit it was made at")
        return 2
    missing, differences = set(before["cases"]), 0
    with np.load(f"{file}.npz") as arrays:
        for name, figures, state in cases():
            missing.discard(name)
            recorded = {key.removeprefix(f"{name}: "): arrays[key] for key in arrays if key.startswith(f"{name}: ")}
            lines = list(different_arrays(recorded, state, within))
            if not within:
                lines += different(before["cases"].get(name, {}), json.loads(json.dumps(figures)))
            print(f"{name}: {'differs' if lines else 'the same'}", *lines, sep="\n    ", flush=True)
            differences += len(lines)
    lines = [f"{name}: is no longer there" for name in sorted(missing)]
    print(*lines, f"differences: {differences + len(lines)}", sep="\n")
    return int(differences + len(lines) > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "check"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--within", type=float, default=0.0, metavar="TOLERANCE")
    asked = parser.parse_args()
    return record(asked.file) if asked.what == "record" else check(asked.file, asked.within)


if __name__ == "__main__":
    sys.exit(main())

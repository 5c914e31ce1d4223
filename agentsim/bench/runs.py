"""One run of a learning benchmark, and many of them side by side in processes, kept as one JSON file each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from agentsim.bench.entries import Entry
from agentsim.building import timetable
from agentsim.config import Config
from agentsim.errors import UserError
from agentsim.figures import probe_simulation
from agentsim.machine import limit_threads
from agentsim.registry import import_module
from agentsim.simulation import Simulation

Result = dict[str, Any]
FIGURES = (
    "world",
    "brain",
    "seed",
    "ticks",
    "hash",
    "accuracy",
    "score",
    "reward",
    "episodes",
    "learning_steps",
    "rollbacks",
)


@dataclass(frozen=True)
class Run:
    """An entry with its seed."""

    entry: Entry
    seed: int

    @property
    def config(self) -> Config:
        """The entry's config with this seed."""
        run = self.entry.config.run.model_copy(update={"seed": self.seed})
        return self.entry.config.model_copy(update={"run": run})

    @property
    def digest(self) -> str:
        """A digest of the whole resolved config."""
        return hashlib.blake2b(self.config.model_dump_json().encode(), digest_size=8).hexdigest()

    def path(self, directory: Path) -> Path:
        """Where the run's result is kept."""
        name = "-".join([Path(self.entry.source).stem, self.entry.name, f"seed-{self.seed}", self.digest])
        return directory / (re.sub(r"[^\w.]+", "-", name) + ".json")


def run_once(config: Config) -> Result | None:
    """Run to the end, with a probe at the end of every phase; None if it was interrupted. Raises UserError."""
    simulation = Simulation(config)
    end = simulation.end_tick or 0
    ends = {tick for tick in timetable(config, simulation.environment.tasks) if 0 < tick < end} | {end}
    probes = []
    probing = 0.0

    def at_the_end_of_a_phase(simulation: Simulation) -> None:
        nonlocal probing
        if simulation.tick_index in ends:
            before = time.process_time()
            probes.append(probe_simulation(simulation) or None)
            probing += time.process_time() - before

    with simulation:
        simulation.warm_up()
        before = time.process_time()
        simulation.run(on_tick=at_the_end_of_a_phase)
        taken = time.process_time() - before - probing
        result = simulation.close()
    if simulation.interrupted is not None:
        return None
    if simulation.error is not None:
        raise UserError(str(simulation.error))
    telemetry = simulation.telemetry
    phases = [phase | {"probe": None} for phase in result["phases"]]
    for phase, found in zip(phases, probes, strict=False):
        phase["probe"] = found
    return {
        **{name: result[name] for name in FIGURES},
        "phases": phases,
        "curve": {name: list(getattr(telemetry, name)) for name in ("tick", "accuracy", "score", "reward")},
        "returns": telemetry.returns,
        "cpu_seconds": taken,
        "versions": result["versions"],
    }


def all_results(runs: Sequence[Run], jobs: int, modules: Sequence[str]) -> Iterator[tuple[Run, Result | str]]:
    """Each run with its result, or with what went wrong, as they finish. Ctrl-C ends it with KeyboardInterrupt.

    With one job everything happens in this process; otherwise in `jobs` others, one compute thread each, where
    `modules` are imported first.
    """
    if jobs == 1:
        for run in runs:
            yield run, _result(partial(run_once, run.config))
        return
    limit_threads()  # heard by the processes that are started now
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, (list(modules),))
    try:
        futures: dict[Future[Result | None], Run] = {pool.submit(run_once, run.config): run for run in runs}
        for future in as_completed(futures):
            yield futures[future], _result(future.result)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _result(get: Callable[[], Result | None]) -> Result | str:
    try:
        result: Result | None = get()
    except Exception as error:
        return str(error) or type(error).__name__
    if result is None:
        raise KeyboardInterrupt
    return result


def _prepare(modules: list[str]) -> None:
    """In a fresh process: leave Ctrl-C to the parent (a run that is under way hears it), import what it needs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in modules:
        import_module(module)


def read_result(run: Run, directory: Path) -> Result | None:
    """The result of a run that is already there. None if there is none, or none that is whole."""
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(run.path(directory).read_text(encoding="utf-8"))
        if kept["digest"] == run.digest and kept["result"].keys() >= {*FIGURES}:
            return dict(kept["result"])
    return None


def write_result(run: Run, result: Result, directory: Path) -> None:
    """Keep a result; a reader sees all of it or nothing. Raises UserError."""
    path = run.path(directory)
    data = {"digest": run.digest, "config": run.config.model_dump(mode="json"), "result": result}
    try:
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(data), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; give another --out") from error

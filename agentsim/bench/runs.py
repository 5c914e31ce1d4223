"""One run of a learning benchmark; and many runs side by side in processes, kept as one JSON file each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import typer
from pydantic import BaseModel

from agentsim.bench.entries import Entry
from agentsim.bench.report import progress
from agentsim.building import timetable
from agentsim.config import Config
from agentsim.errors import UserError
from agentsim.figures import probe_simulation
from agentsim.machine import limit_threads
from agentsim.registry import import_module
from agentsim.simulation import Simulation

Result = dict[str, Any]


class Job(Protocol):
    """Something to run and to keep: the config that decides its result, and the words that tell it from the others."""

    @property
    def config(self) -> BaseModel:
        """What the result is a function of."""

    @property
    def words(self) -> dict[str, Any]:
        """What a person calls it."""


J = TypeVar("J", bound=Job)

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
    def words(self) -> dict[str, Any]:
        """Config, row and seed."""
        return {"config": Path(self.entry.source).stem, "row": self.entry.name, "seed": self.seed}


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


@dataclass(frozen=True)
class Sweep(Generic[J]):
    """What a sweep comes to: the results that there are, what went wrong, and whether it was interrupted."""

    kept: dict[J, Result]
    failed: list[dict[str, Any]]
    interrupted: bool


def sweep(
    what: str,
    chosen: Sequence[J],
    work: Callable[[Any], Result | None],
    figures: Collection[str],
    *,
    jobs: int,
    out: Path,
    modules: Sequence[str] = (),
) -> Sweep[J]:
    """Do the jobs that are missing in `out`, `jobs` at a time; Ctrl-C ends it early. Raises UserError.

    `work(job.config)` makes a result with at least these `figures`, or None where it was interrupted.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}; give a directory that can be written") from error
    kept = {job: found for job in chosen if (found := read_result(job, out, figures)) is not None}
    missing = [job for job in chosen if job not in kept]
    typer.echo(f"{len(missing)} {what}, {jobs} at a time; {len(kept)} already in {out}", err=True)
    failed: list[dict[str, Any]] = []
    interrupted = False
    bar, task = progress(what, len(missing))
    try:
        with bar:
            for job, result in all_results(missing, work, jobs, modules):
                if isinstance(result, str):
                    failed.append({**job.words, "why": result})
                else:
                    kept[job] = result
                    write_result(job, result, out)
                bar.advance(task)
    except KeyboardInterrupt:
        interrupted = True
    return Sweep({job: kept[job] for job in chosen if job in kept}, failed, interrupted)


def by_entry(swept: Sweep[Run], entries: Sequence[Entry]) -> dict[Entry, list[Result]]:
    """The results of each entry, over the seeds that there are."""
    return {entry: [result for run, result in swept.kept.items() if run.entry is entry] for entry in entries}


def show_failures(failed: Sequence[dict[str, Any]]) -> None:
    """A line on stderr for each."""
    for failure in failed:
        words = ", ".join(f"{name} {value}" for name, value in failure.items() if name != "why")
        typer.echo(f"failed: {words}: {failure['why']}", err=True)


def all_results(
    chosen: Sequence[J], work: Callable[[Any], Result | None], jobs: int, modules: Sequence[str]
) -> Iterator[tuple[J, Result | str]]:
    """Each job with its result, or with what went wrong, as they finish. Ctrl-C ends it with KeyboardInterrupt.

    With `jobs` 1 everything happens in this process; otherwise in so many others, one compute thread each, where
    `modules` are imported first.
    """
    if jobs == 1:
        for job in chosen:
            yield job, _result(partial(work, job.config))
        return
    limit_threads()  # heard by the processes that are started now
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, (list(modules),))
    try:
        futures: dict[Future[Result | None], J] = {pool.submit(work, job.config): job for job in chosen}
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


def digest(job: Job) -> str:
    """A digest of the whole config."""
    return hashlib.blake2b(job.config.model_dump_json().encode(), digest_size=8).hexdigest()


def path_of(job: Job, directory: Path) -> Path:
    """Where a job's result is kept."""
    name = "-".join([*map(str, job.words.values()), digest(job)])
    return directory / (re.sub(r"[^\w.]+", "-", name) + ".json")


def read_result(job: Job, directory: Path, figures: Collection[str]) -> Result | None:
    """The result of a job that is already there. None if there is none, or none that is whole."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path_of(job, directory).read_text(encoding="utf-8"))
        if kept["digest"] == digest(job) and kept["result"].keys() >= {*figures}:
            return dict(kept["result"])
    return None


def write_result(job: Job, result: Result, directory: Path) -> None:
    """Keep a result; a reader sees all of it or nothing. Raises UserError."""
    path = path_of(job, directory)
    data = {"digest": digest(job), "config": job.config.model_dump(mode="json"), "result": result}
    try:
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(data), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; give another --out") from error

"""Many jobs side by side in processes, kept as one JSON file each."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import typer
from pydantic import BaseModel

from agentsim.errors import UserError
from agentsim.registry import import_module
from agentsim.runs.directory import new_run_directory
from agentsim.studies.entries import Entry, Run
from agentsim.studies.report import progress
from agentsim.system.files import write_whole
from agentsim.system.hashing import short_digest
from agentsim.system.machine import limit_threads
from agentsim.system.process import end_on_signals

Result = dict[str, Any]


class Job(Protocol):
    """Something to run and to keep: the config that decides its result, and the words that tell it from the others."""

    @property
    def config(self) -> BaseModel:
        """What the result is a function of."""

    @property
    def version(self) -> str:
        """The kind of job, with a number that counts up when the figures of the same config change."""

    @property
    def words(self) -> dict[str, Any]:
        """What a person calls it."""


J = TypeVar("J", bound=Job)

POOLS = 4  # that a sweep starts at most: another one where a process was killed


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
    part_done: Callable[[J], float] = lambda job: 0.0,
) -> Sweep[J]:
    """Do the jobs that are missing in `out`, `jobs` at a time; Ctrl-C or SIGTERM ends it early. Raises UserError.

    `work(job.config)` makes a result with at least these `figures`, or None where it was interrupted. `part_done` says
    which share of a job that is not finished is done, for the progress bar.
    """
    kept = {job: found for job in chosen if (found := read_result(job, out, figures)) is not None}
    missing = [job for job in chosen if job not in kept]
    typer.echo(f"{len(missing)} {what}, {jobs} at a time; {len(kept)} already in {out}", err=True)
    failed: list[dict[str, Any]] = []
    interrupted = False
    bar, task = progress(what, len(missing))
    try:
        left = list(missing)

        def show() -> None:
            bar.update(task, completed=len(missing) - len(left) + sum(map(part_done, tuple(left))))

        with end_on_signals(_interrupt), bar, _often(show):
            for job, result in all_results(missing, work, jobs, modules):
                if isinstance(result, str):
                    failed.append({**job.words, "why": result})
                else:
                    kept[job] = result
                    write_result(job, result, out)
                left.remove(job)
    except KeyboardInterrupt:
        interrupted = True
    _show_failures(failed)
    return Sweep({job: kept[job] for job in chosen if job in kept}, failed, interrupted)


def study_directory(out: Path | None, name: str) -> Path:
    """Where a study is kept: `out`, made if it is not there, or a new directory under runs/. Raises UserError."""
    if out is None:
        return new_run_directory(name)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}; give a directory that can be written") from error
    return out


def by_entry(swept: Sweep[Run], entries: Sequence[Entry]) -> dict[Entry, list[Result]]:
    """The results of each entry, over the seeds that there are."""
    return {entry: [result for run, result in swept.kept.items() if run.entry is entry] for entry in entries}


@contextlib.contextmanager
def _often(call: Callable[[], None]) -> Iterator[None]:
    """`call` every half second in a thread of its own, and at the end."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(0.5):
            call()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        call()


def _interrupt(_number: int) -> None:
    raise KeyboardInterrupt


def _show_failures(failed: Sequence[dict[str, Any]]) -> None:
    """A line on stderr for each."""
    for failure in failed:
        typer.echo(f"failed: {words_of(failure)}: {failure['why']}", err=True)


def words_of(failure: dict[str, Any]) -> str:
    """Which job failed."""
    return ", ".join(f"{name} {value}" for name, value in failure.items() if name != "why")


def all_results(
    chosen: Sequence[J], work: Callable[[Any], Result | None], jobs: int, modules: Sequence[str]
) -> Iterator[tuple[J, Result | str]]:
    """Each job with its result, or with what went wrong, as they finish. Ctrl-C ends it with KeyboardInterrupt.

    With `jobs` 1 everything happens in this process; otherwise in so many others, one compute thread each, where
    `modules` are imported first. Where one of those is killed, its pool is lost: what is left goes to another one, last
    job first, so that one that always kills its process does not take the others with it.
    """
    if jobs == 1:
        for job in chosen:
            yield job, _result(partial(work, job.config))
        return
    limit_threads()  # heard by the processes that are started now
    left = list(chosen)
    for _ in range(POOLS):
        done = set()
        for job, result in _results_of_a_pool(left, work, jobs, modules):
            done.add(job)
            yield job, result
        left = [job for job in reversed(left) if job not in done]
        if not left:
            return
    for job in left:
        yield job, f"the process it ran in was killed, or another one beside it, {POOLS} times; give fewer --jobs"


def _results_of_a_pool(
    chosen: Sequence[J], work: Callable[[Any], Result | None], jobs: int, modules: Sequence[str]
) -> Iterator[tuple[J, Result | str]]:
    """Each job with its result or with what went wrong, without those that were lost with a killed process."""
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, (list(modules),))
    futures: dict[Future[Result | None], J] = {}
    try:
        with contextlib.suppress(BrokenProcessPool):
            for job in chosen:
                futures[pool.submit(work, job.config)] = job
        for future in as_completed(futures):
            if not isinstance(future.exception(), BrokenProcessPool):
                yield futures[future], _result(future.result)
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        while children := active_children():  # one job more than there are processes has been handed out
            for pid in [child.pid for child in children if child.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
            time.sleep(0.05)
        raise


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
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        import_module(module)


def _end_with_parent() -> None:
    """A parent that was killed can end no one; what a run has saved lies in its checkpoint."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def digest(job: Job) -> str:
    """A digest of the version and the whole config."""
    return short_digest(job.version + job.config.model_dump_json())


def _checksum(job: Job, result: Any) -> str:
    """A digest of a job's result, the same before and after it was kept."""
    return short_digest(digest(job) + json.dumps(result))


def path_of(job: Job, directory: Path) -> Path:
    """Where a job's result is kept."""
    name = "-".join([*map(str, job.words.values()), digest(job)])
    return directory / (re.sub(r"[^\w.]+", "-", name)[-180:] + ".json")


def read_result(job: Job, directory: Path, figures: Collection[str]) -> Result | None:
    """The result of a job that is already there. None if there is none, or none that is whole and as it was kept."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        kept = json.loads(path_of(job, directory).read_text(encoding="utf-8"))
        if kept["checksum"] == _checksum(job, kept["result"]) and kept["result"].keys() >= {*figures}:
            return dict(kept["result"])
    return None


def write_result(job: Job, result: Result, directory: Path) -> None:
    """Keep a result; a reader sees all of it or nothing. Raises UserError."""
    path = path_of(job, directory)
    config = job.config.model_dump(mode="json")
    data = {"version": job.version, "config": config, "checksum": _checksum(job, result), "result": result}
    try:
        write_whole(path, json.dumps(data).encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; give another --out") from error

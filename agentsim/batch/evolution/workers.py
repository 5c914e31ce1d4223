"""A generation judged by many workers, each of which holds the strategy's parameters and optimizer.

In generation g every worker judges some chunks of pairs; the coordinator gathers the differences d_p, float32, and
sends all of them with the next call; whoever has them makes all noise anew and takes the same step, chunk by chunk in
the same order. So 4 bytes a pair are all that goes to a worker in a generation, and parameters are the same to the bit
in every process, however many workers there are.

Deviation: (1) pairs of a worker that is late or lost are not counted as 0: the coordinator, which holds a replica too,
judges them itself, so that a run ends with the same bits whoever was lost.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from statistics import median
from typing import Any, NamedTuple, Protocol

import numpy as np

from agentsim.batch.evolution.control import ControlTask
from agentsim.batch.evolution.judged import Judge, Judged, joined
from agentsim.batch.evolution.regression import RegressionTask
from agentsim.batch.evolution.settings import (
    AcrobotConfig,
    ArenaConfig,
    CartPoleConfig,
    ControlConfig,
    MountainCarConfig,
    RegressionConfig,
)
from agentsim.errors import UserError
from agentsim.system.hashing import rolling_hash
from brains.brain import Float, State

HASHED = 100  # generations between looks at whether a worker's state is the coordinator's
PATIENCE = 60.0  # seconds, for a call
BEGIN = 120.0  # seconds, for the first workers to be there, and for a call more that makes a task and compiles
CONFIGS: Mapping[str, type[RegressionConfig] | type[ControlConfig]] = {
    config.mode: config for config in (RegressionConfig, CartPoleConfig, AcrobotConfig, MountainCarConfig, ArenaConfig)
}


class Snapshot(NamedTuple):
    """All that a worker needs to join: the task's mode and config, JSON, and the strategy's state."""

    mode: str
    config: str
    state: State


class Call(NamedTuple):
    """What a worker is asked: to take in `told`, the last generation's d (pairs,) float32, or to begin from a snapshot,
    and then to judge pairs from `first` to before `stop` in this generation. Text, numbers and arrays alone."""

    generation: int
    first: int
    stop: int
    told: Float | None
    snapshot: Snapshot | None


class Reply(NamedTuple):
    """What a worker found, and every HASHED generations what tells its state from any other; else that is empty."""

    judged: Judged
    digest: str


class Pool(Protocol):
    """Processes, each of which holds a Replica and answers one call at a time."""

    def start(self) -> Hashable:
        """Another worker; it need not be ready."""
        ...

    def ready(self, worker: Hashable, patience: float) -> bool:
        """Whether a worker is there, after so many seconds at most."""
        ...

    def send(self, worker: Hashable, call: Call) -> None:
        """Ask a worker, which answers in its own time."""
        ...

    def receive(self, worker: Hashable, patience: float) -> Reply | None:
        """Its answer; None where it is lost, or says nothing for so many seconds."""
        ...

    def stop(self, worker: Hashable) -> None:
        """End a worker, whatever it does."""
        ...


class Replica:
    """What a worker holds: a task of its own, which is never validated."""

    def __init__(self) -> None:
        self.task: Judge | None = None

    def live(self, call: Call) -> Reply:
        """Go on by a generation, or begin, and judge. Raises ValueError for a call that is not of its generation."""
        if call.snapshot is not None:
            self.task = task_of(call.snapshot.mode, call.snapshot.config)
            self.task.evolution.load_state_dict(call.snapshot.state)
        elif self.task is not None and call.told is not None:
            self.task.evolution.tell(call.told)
        if self.task is None or self.task.evolution.generation != call.generation:
            raise ValueError(f"a call of generation {call.generation} to a worker that is not there")
        found = self.task.judge(call.generation, range(call.first, call.stop))
        return Reply(found, digest_of(self.task) if call.generation % HASHED == 0 else "")


def task_of(mode: str, config: str) -> Judge:
    """The task of a config, JSON. Raises KeyError for a mode that has none, ValueError for a config that is not one."""
    kind: Any = RegressionTask if CONFIGS[mode] is RegressionConfig else ControlTask
    task: Judge = kind(CONFIGS[mode].model_validate_json(config))
    return task


def digest_of(task: Judge) -> str:
    """What tells the strategy's state from any other."""
    return rolling_hash("", task.evolution.generation, task.evolution.arrays())


class Coordinator:
    """Has generations judged by workers, of one task after another.

    `bytes_sent` and `bytes_received` count differences; `snapshots` those that were sent, `lost` workers that were late
    or lost. Raises UserError where no worker comes.
    """

    def __init__(self, pool: Pool, workers: int, *, patience: float = PATIENCE) -> None:
        self.pool, self.patience = pool, patience
        self.bytes_sent = self.bytes_received = self.lost = self.snapshots = 0
        self.task: Judge | None = None
        self.told: tuple[int, Float] | None = None  # the last generation's differences
        self.seconds: list[float] = []  # that each generation took
        self.at: dict[Hashable, int | None] = {}  # generation of those that are there; None: needs a snapshot
        self.coming = [pool.start() for _ in range(workers)]
        until = time.monotonic() + BEGIN
        if not [worker for worker in self.coming if pool.ready(worker, max(0.0, until - time.monotonic()))]:
            raise UserError(f"no worker was there after {BEGIN:g} s; leave out --workers, or look at the cluster")

    def judge(self, task: Judge, generation: int) -> Judged:
        """All pairs of a generation, in their order, each exactly as the task alone would judge it."""
        began = time.monotonic()
        if task is not self.task:
            self.task, self.told, self.at = task, None, dict.fromkeys(self.at)
        self._welcome()
        workers, step = [*self.at], task.evolution.config.chunk_pairs
        cuts = np.linspace(0, len([*task.evolution.chunks()]), max(1, len(workers)) + 1).round().astype(int) * step
        ends = np.minimum(cuts, task.evolution.config.pairs).tolist()
        begins = None in self.at.values()
        for worker, first, stop in zip(workers, ends, ends[1:], strict=False):
            self.pool.send(worker, self._call(worker, task, generation, first, stop))
        digest = digest_of(task) if generation % HASHED == 0 else ""
        until, parts = time.monotonic() + self.patience + begins * BEGIN, []
        for k, pairs in enumerate(map(range, ends, ends[1:])):
            found = self._reply(workers[k], generation, digest, until) if workers else None
            parts.append(found or task.judge(generation, pairs))
        everyone = joined(parts)
        self.told = generation, everyone.differences
        self.seconds.append(time.monotonic() - began)
        return everyone

    def _welcome(self) -> None:
        """Take in those that are there by now."""
        for worker in [worker for worker in self.coming if self.pool.ready(worker, 0)]:
            self.coming.remove(worker)
            self.at[worker] = None

    def _call(self, worker: Hashable, task: Judge, generation: int, first: int, stop: int) -> Call:
        """What goes on from where the worker is, if the last differences do; else all that there is."""
        at = self.at[worker]
        if at is not None and self.told is not None and (at, generation) == (self.told[0], self.told[0] + 1):
            self.bytes_sent += self.told[1].nbytes
            return Call(generation, first, stop, self.told[1], None)
        state = task.evolution.state_dict()
        self.snapshots += 1
        return Call(generation, first, stop, None, Snapshot(task.config.mode, task.config.model_dump_json(), state))

    def _reply(self, worker: Hashable, generation: int, digest: str, until: float) -> Judged | None:
        """What a worker found; None where it is late, lost or elsewhere than the coordinator: another one comes in the
        place of the former, the latter gets a snapshot."""
        reply = self.pool.receive(worker, max(0.0, until - time.monotonic()))
        if reply is None:
            self.lost += 1
            self.pool.stop(worker)
            del self.at[worker]
            self.coming.append(self.pool.start())
            return None
        self.at[worker] = generation if reply.digest == digest else None
        self.bytes_received += reply.judged.differences.nbytes
        return reply.judged if reply.digest == digest else None

    def figures(self) -> dict[str, float]:
        """What there was of workers, of what went to and fro and of wall time, the median of all generations, JSON
        data."""
        figures = {"workers": len(self.at) + len(self.coming), "lost": self.lost, "snapshots": self.snapshots}
        sent = {"bytes_sent": self.bytes_sent, "bytes_received": self.bytes_received}
        return {**figures, **sent, "milliseconds": 1e3 * median(self.seconds or [0.0])}


def in_words(figures: Mapping[str, float]) -> str:
    """The same, for a person."""
    count = f"{figures['workers']:.0f} worker" + "s" * (figures["workers"] != 1)
    bytes_ = f"{figures['bytes_sent']:,.0f} bytes of differences sent and {figures['bytes_received']:,.0f} received"
    rest = f"{figures['snapshots']:.0f} snapshots sent, {figures['lost']:.0f} workers lost"
    return f"{count}: {figures['milliseconds']:.1f} ms a generation (wall time, the median), {bytes_}, {rest}"

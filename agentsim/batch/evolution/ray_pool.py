"""Workers of Ray: a long-lived actor each, on this machine's loopback or in a cluster of one's own.

Ray pickles between its own processes, and whoever reaches its ports can have anything executed. So without an address
it listens on loopback alone, and an address is only ever one that a person gives on the command line. What goes to a
worker and back is text, numbers and arrays; a mode is looked up in a table.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from threadpoolctl import threadpool_limits

from agentsim.batch.evolution.judged import Judged
from agentsim.batch.evolution.settings import Workers
from agentsim.batch.evolution.workers import Call, Coordinator, Replica, Reply, Snapshot
from agentsim.errors import UserError

LOOPBACK = "127.0.0.1"
STORE = 80 * 2**20  # bytes of Ray's object store, the least that it takes; nothing of ours goes through it
LOCAL = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
ALONE = {  # in the environment, before Ray is imported
    LOCAL: "0",  # on Linux too: else it takes the machine's address in place of loopback
    "RAY_USAGE_STATS_ENABLED": "0",
}


class RayWorker:
    """The actor: a Replica that is called with plain values."""

    def __init__(self) -> None:
        self.replica = Replica()

    def live(self, generation: int, first: int, stop: int, told: Any, snapshot: Any) -> tuple[Any, Any, str]:
        """A Call's values in, a Reply's out."""
        begins = None if snapshot is None else Snapshot(*snapshot)
        with threadpool_limits(1):
            (differences, figures), digest = self.replica.live(Call(generation, first, stop, told, begins))
        return differences, figures, digest


class RayPool:
    """A Pool of `agentsim.batch.evolution.workers`."""

    def __init__(self, ray: Any) -> None:
        self.ray, self.actor = ray, ray.remote(num_cpus=1, max_restarts=0)(RayWorker)
        self.awaited: dict[Any, Any] = {}  # worker -> what it is doing

    def start(self) -> Any:
        """Another actor."""
        worker = self.actor.remote()
        self.awaited[worker] = worker.__ray_ready__.remote()
        return worker

    def ready(self, worker: Any, patience: float) -> bool:
        """Whether it is there, after so many seconds at most."""
        return self._value(worker, patience) is not None

    def send(self, worker: Any, call: Call) -> None:
        """Ask it."""
        snapshot = None if call.snapshot is None else tuple(call.snapshot)
        self.awaited[worker] = worker.live.remote(*call[:-1], snapshot)

    def receive(self, worker: Any, patience: float) -> Reply | None:
        """Its answer; None where it is lost, late or in error."""
        value = self._value(worker, patience)
        return None if value is None else Reply(Judged(*value[:2]), value[2])

    def stop(self, worker: Any) -> None:
        """Kill it."""
        self.awaited.pop(worker, None)
        self.ray.kill(worker)

    def _value(self, worker: Any, patience: float) -> Any:
        """Of what it is doing; None where there is none in time."""
        try:
            return self.ray.get(self.awaited[worker], timeout=patience)
        except self.ray.exceptions.RayError:
            return None


@contextmanager
def coordinator_of(workers: Workers) -> Iterator[Coordinator | None]:
    """Workers as long as the block lasts; None where none are asked for. Raises UserError."""
    with threadpool_limits(1):  # everywhere: products of more threads need not be the same to the bit
        if workers == Workers():
            yield None
            return
        ray = _started(*workers)
        try:
            yield Coordinator(RayPool(ray), workers.number or max(1, int(ray.cluster_resources().get("CPU", 1))))
        finally:
            ray.shutdown()  # and all that was started with it


def _started(workers: int | None, address: str | None) -> Any:
    """Ray, of a new cluster on loopback or connected to the one at an address. Raises UserError."""
    asked = f"--workers {workers}" if address is None else f"--address {address}"
    if importlib.util.find_spec("ray") is None:
        raise UserError(f"{asked}: Ray is not installed; `python -m pip install 'agentsim[distributed]'`")
    if address is not None and not re.fullmatch(r"[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", address):
        raise UserError(f"{asked}: not an address; give HOST:PORT of a Ray cluster of your own")
    where: dict[str, Any] = {"address": address}
    if address is None:
        os.environ.update(ALONE)
        os.environ.pop("RAY_ADDRESS", None)  # a cluster is named on the command line or not at all
        where = {"num_cpus": workers, "_node_ip_address": LOOPBACK, "object_store_memory": STORE}
        where |= {"include_dashboard": False}
    import ray

    if address is None and not ip_address(ray.util.get_node_ip_address()).is_loopback:  # Ray was imported before
        raise UserError(f"{asked}: Ray would listen beyond loopback; set {LOCAL}=0 in the environment")
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:  # ConnectionError is an OSError
        why = str(error).partition("\n")[0]
        raise UserError(
            f"{asked}: Ray does not start: {why}; is the cluster there, and Ray's version the same?"
        ) from error
    return ray

"""Workers of Ray, where it is installed: real processes, killed ones too, and who can reach them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address

import numpy as np
import psutil
import pytest

from agentsim.batch import settings
from agentsim.batch.evolution.ray_pool import coordinator_of
from agentsim.batch.evolution.regression import RegressionTask
from agentsim.batch.evolution.settings import RegressionConfig, Workers
from agentsim.batch.evolution.workers import Coordinator
from brains.brain import Float

pytestmark = [
    pytest.mark.slow,  # Ray takes seconds to start
    pytest.mark.skipif(  # not imported here: that is for the code to do
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed: python -m pip install 'agentsim[distributed]'",
    ),
]

CONFIG = settings.load(RegressionConfig, "raw", ["batches=12", "evolution.population=640"])


def trained(judges: Coordinator | None, killed: int | None = None) -> Float:
    task = RegressionTask(CONFIG, judges)
    for batch in range(12):
        if batch == killed:
            actors()[0].kill()
        task.learn(batch, 0)
    return task.evolution.mean


def actors() -> list[psutil.Process]:
    ours = psutil.Process().children(recursive=True)
    return [process for process in ours if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::RayWorker")]


@pytest.fixture(scope="module", params=[1, 2, 4])
def coordinator(request: pytest.FixtureRequest) -> Iterator[Coordinator]:
    with coordinator_of(Workers(request.param)) as found:
        assert found is not None
        yield found


def test_the_same_to_the_bit_also_where_a_worker_is_killed(coordinator: Coordinator) -> None:
    """Against the task alone; in the second run a worker is killed with SIGKILL, and another one comes."""
    alone = trained(None)
    np.testing.assert_array_equal(trained(coordinator), alone)
    workers, lost = coordinator.figures()["workers"], coordinator.lost
    np.testing.assert_array_equal(trained(coordinator, killed=5), alone)
    assert coordinator.lost > lost and coordinator.figures()["workers"] == workers
    assert all(coordinator.pool.ready(worker, 60) for worker in coordinator.coming)
    np.testing.assert_array_equal(trained(coordinator), alone)
    assert len(coordinator.at) == workers


def test_nothing_listens_beyond_loopback(coordinator: Coordinator) -> None:
    """Of this process and all that it started, by the operating system's own list."""
    heard = []
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        heard += [one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
    assert len(heard) >= 4, "Ray has servers"
    for address in map(ip_address, heard):
        assert (getattr(address, "ipv4_mapped", None) or address).is_loopback, heard


def test_ray_that_was_imported_before_is_refused_rather_than_let_listen() -> None:
    """By then it has decided for the machine's own address."""
    code = (
        "import ray\nfrom agentsim.batch.evolution.ray_pool import coordinator_of\n"
        "from agentsim.batch.evolution.settings import Workers\nwith coordinator_of(Workers(1)): pass"
    )
    given = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=given)
    assert "would listen beyond loopback" in found.stderr

"""The learning benchmark: its runs are the simulations they measure, its tables are of the seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim.bench import learning
from agentsim.config.load import Config, load_config
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.studies import sweep
from agentsim.studies.entries import Entry, Run, entries


@pytest.fixture
def short(make_config: Callable[..., Config]) -> Config:
    phases = [{"task": "chase", "seconds": 0.5}, {"task": "avoid", "seconds": 0.5}]
    return make_config(phases=phases, run__seconds=1.0, run__probe_states=200)


def test_probes_do_not_touch_the_run(short: Config) -> None:
    """A run that is probed in its middle ends with the state hash of one that is not; and again with the same."""
    found = learning.run_once(short)
    simulation = Simulation(short)
    simulation.run()
    assert found is not None and found["hash"] == simulation.state_hash()
    again = learning.run_once(short)
    assert again is not None and {**again, "cpu_seconds": 0} == {**found, "cpu_seconds": 0}
    assert [(phase["task"], phase["ticks"]) for phase in found["phases"]] == [("chase", 30), ("avoid", 30)]
    assert all(phase["probe"].keys() == {"chase", "avoid"} for phase in found["phases"])
    last = found["phases"][-1]["probe"]
    assert last == simulation.close()["probe"]
    assert found["phases"][0]["probe"] != last  # it learned in between


def test_the_probe_of_a_constant_is_how_often_it_is_right(short: Config) -> None:
    """Counted here over the same random states."""
    found = learning.run_once(short.with_brain({"kind": "constant", "action": 2}))
    simulation = Simulation(short)
    stream = np.random.default_rng(simulation.streams["probe"])
    world = simulation.environment.unwrapped
    right = {task: float(np.mean(world.sample_states(200, k, stream)[1] == 2)) for k, task in enumerate(world.tasks)}
    assert found is not None and [phase["probe"] for phase in found["phases"]] == [right, right]


def test_who_asks_the_oracle_is_not_probed(short: Config) -> None:
    found = learning.run_once(short.with_brain({"kind": "oracle", "delay": 0}))
    assert found is not None and [phase["probe"] for phase in found["phases"]] == [None, None]
    assert found["accuracy"] == 1.0


def test_steps_of_a_simulator_are_counted(short: Config) -> None:
    """In 60 ticks: of each of four actions, of six members, of one who has no simulator, of one who is not taught; of a
    team its members'."""
    look, strategy = {"kind": "planning"}, {"kind": "evolution", "window": 7, "evolution": {"population": 6}}
    idle = short.with_brain(strategy).model_copy(update={"learn": short.learn.model_copy(update={"steps_per_tick": 0})})
    chosen = [(short.with_brain(look), 60 * 4), (short.with_brain(strategy), 60 * 6), (short, 0), (idle, 0)]
    for config, steps in chosen:
        found = learning.run_once(config)
        assert found is not None and found["simulated"] == steps
    slow = load_config(
        "arena-evolution",
        overrides=["brain=", "brains={a: {every: 2, brain: {kind: planning}}}", "clock.pacing=none", "run.seconds=1"],
    )
    found = learning.run_once(slow)
    assert found is not None and found["simulated"] == 30 * 4


def test_a_planner_is_not_also_run_frozen() -> None:
    rows = {entry.name for entry in entries(["arena-evolution"], ["look-ahead", "evolution"])}
    assert {"look-ahead", "evolution", "evolution, frozen"} <= rows and "look-ahead, frozen" not in rows


def test_processes_change_nothing(short: Config) -> None:
    """Two at a time in other processes give the same state hashes as one after the other in this one."""
    entry = Entry("short", "random", short.with_brain({"kind": "random"}))
    chosen = [Run(entry, seed, learning.VERSION) for seed in range(3)]
    hashes = [
        {
            run.seed: found["hash"]
            for run, found in sweep.all_results(chosen, learning.run_once, jobs, [])
            if isinstance(found, dict)
        }
        for jobs in (1, 2)
    ]
    assert hashes[0] == hashes[1] and len({*hashes[0].values()}) == 3


def fake(config: Config) -> dict[str, Any]:
    """The result of a run that was not made: the seed decides everything."""
    seed, ticks = config.run.seed, 100
    phase = {"task": None, "start": 0, "ticks": ticks, "accuracy": None, "score": None, "score_last_10s": None}
    return {
        **{"world": config.world.id, "brain": config.brain_name, "seed": seed, "ticks": ticks, "hash": ""},
        **{
            "accuracy": None,
            "score": None,
            "reward": 2.0 * ticks,
            "rollbacks": 0,
            "learning_steps": 3 * ticks,
            "cpu_seconds": 1e-6 * ticks * seed,
        },
        "episodes": {"count": 20, "last_20_mean": 474.0 + seed},
        "phases": [phase | {"probe": None}],
        "curve": {"tick": [50, 100], "accuracy": [None, None], "score": [None, None], "reward": [1.0, 3.0]},
        "simulated": 64 * ticks,
        "returns": [(25, 0.0 + seed), (75, 10.0 + seed)],
        "versions": {},
    }


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Runs are not made; returns the (brain, seed) of those asked for, as they come."""
    asked: list[tuple[str, int]] = []

    def run_once(config: Config) -> dict[str, Any]:
        asked.append((config.brain_name, config.run.seed))
        return fake(config)

    monkeypatch.setattr(learning, "run_once", run_once)
    return asked


def measured(out: Path, seeds: int = 3) -> dict[str, Any]:
    return learning.measure(["cartpole"], ["random"], seeds=seeds, ticks=100, out=out)


def test_table_is_of_the_seeds(faked: list[tuple[str, int]], tmp_path: Path) -> None:
    """Returns 474, 475, 476: mean 475, deviation 1, two of three at least 475; curves in two bins: k, 10 + k."""
    found = measured(tmp_path)
    json.dumps(found, allow_nan=False)
    half = pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    row, constant = found["tables"][0]["rows"]
    assert (row["name"], row["seeds"], row["reached"]) == ("random", 3, 2)
    assert row["last_20_returns"] == {"mean": 475.0, "half_width": half, "n": 3}
    assert row["updates_per_tick"] == {"mean": 3.0, "half_width": 0.0, "n": 3}
    assert row["reward_per_tick"] == {"mean": 2.0, "half_width": 0.0, "n": 3}
    assert row["cpu_us_per_tick"] == {"mean": pytest.approx(1.0), "half_width": half, "n": 3}
    assert row["simulated"] == {"mean": 6400.0, "half_width": 0.0, "n": 3}
    assert row["curve"]["seconds"] == [1.0, 2.0]  # 100 ticks at 50 Hz
    assert row["curve"]["returns"] == {"mean": [1.0, 11.0], "half_width": [half, half]}
    assert (constant["best_of"], constant["control"]) == ("best constant", True)
    assert (tmp_path / "learning.png").read_bytes().startswith(b"\x89PNG")


def test_fewer_than_20_episodes_reach_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for count, reached in ((19, 0), (20, 2)):
        monkeypatch.setattr(
            learning,
            "run_once",
            lambda config, count=count: (
                fake(config) | {"episodes": {"count": count, "last_20_mean": 474.0 + config.run.seed}}
            ),
        )
        assert measured(tmp_path / str(count))["tables"][0]["rows"][0]["reached"] == reached


def test_updates_are_counted_as_they_were_made(short: Config) -> None:
    """The linear brain's two steps a tick; a result of an older kind, without the figure, is not taken for one."""
    found = learning.run_once(short)
    assert found is not None and found["learning_steps"] == 2 * found["ticks"]


def test_a_result_without_a_figure_is_made_again(faked: list[tuple[str, int]], tmp_path: Path) -> None:
    measured(tmp_path, seeds=1)
    faked.clear()
    path = next(tmp_path.glob("*.json"))
    data = json.loads(path.read_text())
    del data["result"]["learning_steps"]
    path.write_text(json.dumps(data))
    measured(tmp_path, seeds=1)
    assert len(faked) == 1


def test_a_kept_result_that_was_changed_is_made_again(faked: list[tuple[str, int]], tmp_path: Path) -> None:
    """A changed number, another run's result, no object at all: as if there were none."""
    first = measured(tmp_path, seeds=2)
    path, other = sorted(tmp_path.glob("random*.json")) or sorted(tmp_path.glob("*random*.json"))
    whole, data = path.read_text(), json.loads(path.read_text())
    data["result"]["reward"] += 1
    for text in (json.dumps(data), other.read_text(), json.dumps({**data, "result": []}), "[]", 10_000 * "["):
        faked.clear()
        path.write_text(text)
        assert measured(tmp_path, seeds=2)["tables"] == first["tables"] and len(faked) == 1
        assert path.read_text() == whole


def test_a_sweep_goes_on_where_it_was_cut_off(faked: list[tuple[str, int]], tmp_path: Path) -> None:
    """What is there is not run again: nothing, then a deleted and a damaged file, then a new seed's rows."""
    first = measured(tmp_path)
    everything = sorted(faked)
    assert len(everything) == 9  # random and two constants
    faked.clear()
    assert measured(tmp_path)["tables"] == first["tables"] and faked == []
    files = sorted(tmp_path.glob("*.json"))
    files[0].unlink()
    files[-1].write_text(files[-1].read_text()[:100])
    assert measured(tmp_path)["tables"] == first["tables"] and len(faked) == 2
    faked.clear()
    measured(tmp_path, seeds=4)
    assert {seed for _, seed in faked} == {3} and len(faked) == 3
    faked.clear()
    learning.measure(["cartpole"], ["random"], seeds=1, ticks=200, out=tmp_path)  # another config
    assert len(faked) == 3


@pytest.mark.parametrize("failure", [None, UserError("tick 7: the brain's act() failed")])
def test_what_is_finished_is_shown(failure: UserError | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C (a run that comes back without a result) ends the sweep, a run that fails does not."""

    def run_once(config: Config) -> dict[str, Any] | None:
        if config.run.seed < 1 or config.brain_name == "random":
            return fake(config)
        if failure is not None:
            raise failure
        return None

    monkeypatch.setattr(learning, "run_once", run_once)
    found = measured(tmp_path)
    assert found["interrupted"] == (failure is None)
    assert [failed["why"] for failed in found["failed"]] == ([] if failure is None else [str(failure)] * 4)
    seeds = {row["name"]: row["seeds"] for row in found["tables"][0]["rows"]}
    assert seeds["random"] == (2 if failure is None else 3) and min(seeds.values()) == 1

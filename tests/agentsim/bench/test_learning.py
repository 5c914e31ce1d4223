"""The benchmarks: that their figures are what they say, against closed forms and identities; never how fast it is."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.bench import controls, learning, ticks, timing, worlds
from agentsim.cli.app import app
from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.studies import curves, intervals, sweep
from agentsim.studies.entries import MERITS, Entry, Run, best_of_groups, entries
from worlds import WORLDS

# --- intervals and timing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (9, 2.2622), (30, 2.0423), (1000, 1.9623)]
)
def test_t_quantiles_are_those_of_the_tables(freedom: int, t: float) -> None:
    assert intervals.t_quantile(freedom) == pytest.approx(t, abs=5e-5)


def test_interval_is_t_times_the_standard_error() -> None:
    """Of 1, 2, 3: mean 2, deviation 1, two degrees of freedom. What is None does not count."""
    found = intervals.interval([1, 2, None, 3])
    assert found == {"mean": 2.0, "half_width": pytest.approx(4.3027 / math.sqrt(3), abs=1e-4), "n": 3}
    assert intervals.interval([5.0]) == {"mean": 5.0, "half_width": None, "n": 1}
    assert intervals.interval([None]) is None
    assert intervals.as_interval(found, 100) == "200.0 ± 248.4"
    assert intervals.as_interval(None) == "-"


def test_jobs_take_turns() -> None:
    """After the warm-up every repeat runs every job once, in order."""
    calls: list[str] = []

    def job(name: str) -> timing.Job:
        def run(count: int) -> None:
            calls.append(name)
            end = time.process_time() + 2e-5 * count
            while time.process_time() < end:
                pass

        return run

    seconds = timing.interleaved([job("a"), job("b")], repeats=3, block=1e-3, advance=lambda: calls.append("|"))
    assert seconds.shape == (3, 2) and (seconds >= 2e-5).all()
    assert "".join(calls)[-12:] == "a|b|a|b|a|b|"


# --- ticks -------------------------------------------------------------------------------------------------------


def cases(rule: str, align: str, lanes: int = 1) -> list[ticks.Case]:
    return [
        ticks.Case("net", rule, align, backend, ticks.stepping_brain(rule, align, name, lanes=lanes), 1)
        for backend, name in ticks.BACKENDS.items()
    ]


def test_ticks_add_up() -> None:
    """act + learn = a tick; ticks a second is its inverse; the reference is once as fast as itself."""
    result = ticks.measure_cases(cases("tween_chain", "pipeline"), repeats=2, block=1e-3)
    json.dumps(result, allow_nan=False)
    assert [row["backend"] for row in result["rows"]] == list(ticks.BACKENDS)
    reference = result["rows"][-1]["us"]
    for row in result["rows"]:
        assert row["act_us"] + row["learn_us"] == pytest.approx(row["us"])
        assert row["ticks_per_second"] * row["us"] == pytest.approx(1e6)
        assert row["ratio"] * row["us"] == pytest.approx(reference)
        assert row["share_of_memory_bound"] * row["us"] == pytest.approx(row["memory_bound_us"])
    assert result["machine"]["threads"] == 1


def test_bytes_of_a_tick_are_those_of_the_published_net() -> None:
    """12,672 weights and 260 biases of 4 bytes: read to act and back, written; velocities read and written.

    A fresh forward pass (align: instant) reads the weights once more; plain SGD has no velocities.
    """
    size = 4 * (12_672 + 260)
    bytes_of = {(rule, align): ticks.cost_of(cases(rule, align)[0])[0] for rule in ticks.RULES for align in ALIGNMENTS}
    assert bytes_of == {
        (rule, align): size * (3 + (align == "instant") + (0 if rule == "backprop" else 2))
        for rule in ticks.RULES
        for align in ALIGNMENTS
    }
    still = ticks.Case("net", "step alone", "", "numba", ticks.stepping_brain("backprop", "instant", "numba"), 0)
    assert ticks.cost_of(still)[:2] == (size, size // 2)  # one product and one sum a weight


ALIGNMENTS = ("instant", "pipeline")


@pytest.mark.parametrize("rule", ticks.RULES)
def test_the_compiled_loop_does_what_ticking_does(rule: str) -> None:
    """The same observations and labels give the same bits in every array of the brain."""
    by_tick, looped, _ = cases(rule, "pipeline", lanes=2)
    for case in (by_tick, looped):
        ticks.ticking(case, learning=True)(600)  # more than there are draws
    for name, array in by_tick.brain.state_dict().items():
        np.testing.assert_array_equal(array, looped.brain.state_dict()[name], err_msg=name)
    assert np.isfinite(looped.brain.network.parameters).all()


def test_headline_and_bars() -> None:
    row = {"net": ticks.HEADLINE[0], "rule": "tween_chain", "align": "instant", "lanes": 1, "backend": "numba"}
    rows = [row | {"us": 6.0, "ratio": 20.0}, row | {"backend": ticks.REFERENCE, "us": 120.0, "ratio": 1.0}]
    sentence, bars = ticks._headline(rows)
    assert (
        sentence == "step + tween_chain, 8-32-64-64-64-32-4, one lane, numba: 6.0 us, 20.0 x torch reference (120 us)"
    )
    assert [bar["met"] for bar in bars] == [True, True, True]
    assert ticks._headline([]) == (None, [])


# --- worlds and controls -----------------------------------------------------------------------------------------


def test_world_steps_add_up() -> None:
    """Every world and the yardstick in every way; the yardstick is once as fast as itself."""
    result = worlds.measure(repeats=2, block=2e-3, lane_counts=(1, 3))
    json.dumps(result, allow_nan=False)
    ways = [("make", 1), ("make_vec", 1), ("make_vec", 3)]
    found = {(row["world"], row["maker"], row["lanes"]): row for row in result["rows"]}
    assert found.keys() == {(world, *way) for world in (*WORLDS, worlds.YARDSTICK) for way in ways}
    for row in result["rows"]:
        assert row["us"] * row["steps_per_second"] == pytest.approx(1e6)
        yardstick = found[worlds.YARDSTICK, row["maker"], row["lanes"]]
        assert row["ratio"] == pytest.approx(yardstick["us"] / row["us"])


CLASSIC, ARENA = controls.TICKS


@pytest.mark.parametrize(("policy", "known"), controls.PUBLISHED.items())
def test_classic_world_gives_the_published_figures(policy: str, known: tuple[int, ...]) -> None:
    phases = controls.run(CLASSIC, controls.POLICIES[policy], seeds=10, ticks=controls.TICKS[CLASSIC])
    measured = [100 * np.mean(phase["accuracy"]) for phase in phases]
    np.testing.assert_allclose(measured, known, atol=2)


def test_controls_know_what_they_should() -> None:
    """An oracle in time is always right; repeating the last label is the oracle one tick late; the best of constants
    and random have score 0 by definition, and the oracle 1, up to chance."""
    oracle = controls.run(ARENA, controls.POLICIES["oracle"], seeds=20, ticks=600)
    assert [phase["accuracy"] for phase in oracle] == [[1.0] * 20] * 3
    np.testing.assert_allclose([np.mean(phase["score"]) for phase in oracle], 1, atol=0.1)
    late = controls.run(ARENA, controls.POLICIES["oracle, 1 late"], seeds=2, ticks=200)
    assert controls.run(ARENA, controls.POLICIES["repeat last label"], seeds=2, ticks=200) == late
    diagonal = controls.run(ARENA, controls.POLICIES["diagonal"], seeds=20, ticks=600)
    assert np.mean(diagonal[1]["score"]) == pytest.approx(0.42, abs=0.2)  # see worlds/scores.py
    constant = controls.run(ARENA, controls.POLICIES["constant 0"], seeds=20, ticks=600)
    np.testing.assert_allclose([np.mean(phase["score"]) for phase in constant], 0, atol=0.2)


# --- which rows --------------------------------------------------------------------------------------------------


def test_arena_stands_beside_every_control() -> None:
    rows = entries(["arena"], ["arena", "step-tween-chain"])
    assert [entry.name for entry in rows if not entry.control] == ["arena", "step-tween-chain"]
    assert {entry.name for entry in rows if entry.control} == {
        *("random", "repeat-last-label", "bias-only", "online-backprop", "diagonal"),
        *("constant 0", "constant 1", "constant 2", "constant 3"),
        *("arena, frozen", "arena, no replay", "arena, one brain tick a tick", "oracle, 0 late"),  # three layers
        *("step-tween-chain, frozen", "step-tween-chain, sequential", "oracle, 5 late"),  # six
    }
    by_name = {entry.name: entry.config for entry in rows}
    assert by_name["arena, frozen"].learn.steps_per_tick == 0
    assert by_name["arena, no replay"].brain == by_name["arena"].brain | {"replay": None}
    assert by_name["arena, one brain tick a tick"].brain == by_name["arena"].brain | {"brain_ticks_per_world_tick": 1}
    assert by_name["arena, one brain tick a tick"].learn == by_name["arena"].learn
    assert by_name["diagonal"].brain == {"kind": "alternate", "actions": [0, 3]}
    assert {config.clock.pacing for config in by_name.values()} == {"none"}
    assert {config.run.seconds for config in by_name.values()} == {60.0}  # of the phases


@pytest.mark.parametrize(("source", "constants"), [("cartpole", ["0", "1"]), ("pendulum", ["0", "0.5", "1"])])
def test_worlds_of_reward_have_the_controls_that_need_no_teacher(source: str, constants: list[str]) -> None:
    rows = entries([source], ["reward"], ticks=50)
    wanted = ["reward", "reward, frozen", *(f"constant {action}" for action in constants), "random"]
    assert [entry.name for entry in rows] == wanted
    assert {round(entry.config.run.seconds * entry.config.clock.tick_hz) for entry in rows} == {50}


def test_a_row_is_not_there_twice() -> None:
    assert [entry.name for entry in entries(["cartpole"], ["random"])] == ["random", "constant 0", "constant 1"]


def test_one_name_is_one_brain(tmp_path: Path) -> None:
    """Two files of one name, or one named like a control, are refused; not the control itself, nor one file twice."""

    def brain(path: str, rate: float) -> str:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f"kind: stepping\nlayers: [{{type: dense}}]\nlearning_rate: {rate}\n")
        return str(tmp_path / path)

    mine, yours, bias = brain("a/mine.yaml", 0.1), brain("b/mine.yaml", 0.2), brain("a/bias-only.yaml", 0.1)
    for names in ([mine, yours], [bias]):
        with pytest.raises(UserError, match=f"rename the brain's file {Path(names[0]).name}"):
            entries(["arena"], names)
    assert [entry.name for entry in entries(["arena"], [mine, mine, "online-backprop"])][:2] == [
        "mine",
        "online-backprop",
    ]


def test_a_brain_that_cannot_be_built_is_the_users_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> None:
        raise MemoryError("no room for 10 TiB")

    monkeypatch.setattr("agentsim.studies.entries.build_brain", build)
    with pytest.raises(UserError, match="with arena cannot be built: MemoryError: no room for 10 TiB"):
        entries(["arena"], ["arena"])


# --- runs --------------------------------------------------------------------------------------------------------


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
    found = learning.run_once(short.model_copy(update={"brain": {"kind": "constant", "action": 2}}))
    simulation = Simulation(short)
    stream = np.random.default_rng(simulation.streams["probe"])
    world = simulation.environment.unwrapped
    right = {task: float(np.mean(world.sample_states(200, k, stream)[1] == 2)) for k, task in enumerate(world.tasks)}
    assert found is not None and [phase["probe"] for phase in found["phases"]] == [right, right]


def test_who_asks_the_oracle_is_not_probed(short: Config) -> None:
    found = learning.run_once(short.model_copy(update={"brain": {"kind": "oracle", "delay": 0}}))
    assert found is not None and [phase["probe"] for phase in found["phases"]] == [None, None]
    assert found["accuracy"] == 1.0


def test_processes_change_nothing(short: Config) -> None:
    """Two at a time in other processes give the same state hashes as one after the other in this one."""
    entry = Entry("short", "random", short.model_copy(update={"brain": {"kind": "random"}}))
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


# --- sweeps ------------------------------------------------------------------------------------------------------


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


def test_the_best_constant_is_the_best_of_its_column() -> None:
    """By accuracy and by score it may be two of them; of returns only where every row has some, else by reward."""

    def row(name: str, **means: float) -> dict[str, Any]:
        figures = {figure: {"mean": means[figure]} if figure in means else None for figure in MERITS}
        return {"name": name, "best_of": "best"} | figures

    def names(*rows: dict[str, Any]) -> list[str]:
        return [found["name"] for found in best_of_groups(list(rows))]

    two = [row("a", accuracy=0.5, score=0.1, reward_per_tick=9), row("b", accuracy=0.4, score=0.2, reward_per_tick=0)]
    assert names(*two) == ["best by accuracy: a", "best by score: b"]
    assert names(*two, row("c", accuracy=0.6, score=0.3, reward_per_tick=0)) == ["best by accuracy and score: c"]
    returns = [row("a", last_20_returns=-9, reward_per_tick=2), row("b", last_20_returns=-8, reward_per_tick=1)]
    assert names(*returns) == ["best by returns: b"]
    assert names(*returns, row("c", reward_per_tick=0)) == ["best by reward: a"]


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


def test_a_result_of_another_version_is_not_taken(make_config: Callable[..., Config], tmp_path: Path) -> None:
    entry = Entry("here", "mine", make_config())
    old, new = Run(entry, 0, "learning 1"), Run(entry, 0, "learning 2")
    sweep.write_result(old, {"a": (1, 0.1)}, tmp_path)
    assert sweep.read_result(old, tmp_path, ["a"]) == {"a": [1, 0.1]}
    sweep.path_of(old, tmp_path).rename(sweep.path_of(new, tmp_path))
    assert sweep.read_result(new, tmp_path, ["a"]) is None


def test_a_killed_process_does_not_lose_the_others(make_config: Callable[..., Config], monkeypatch: Any) -> None:
    """The second of four jobs always takes its pool with it: the others are done, each once."""
    done: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, *_: Any) -> None:
            super().__init__(1)
            self.broken = False

        def submit(self, work: Any, config: Any) -> Any:  # type: ignore[override]
            self.broken = self.broken or config.run.seed == 1
            if not self.broken:
                return super().submit(work, config)
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("killed"))
            return future

    def work(config: Config) -> dict[str, Any]:
        done.append(config.run.seed)
        return {}

    monkeypatch.setattr(sweep, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(sweep, "limit_threads", lambda: None)
    entry = Entry("here", "mine", make_config())
    found = {
        run.seed: result
        for run, result in sweep.all_results([Run(entry, k, learning.VERSION) for k in range(4)], work, 2, [])
    }
    assert sorted(done) == [0, 2, 3] and {seed for seed, result in found.items() if result == {}} == {*done}
    assert "was killed" in str(found[1])


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


def test_curves_of_runs_of_unequal_length() -> None:
    """Bins that one run does not reach hold the other's values alone."""

    def result(accuracy: list[float]) -> dict[str, Any]:
        ticks, none = [10 * (k + 1) for k in range(len(accuracy))], [None] * len(accuracy)
        curve = {"tick": ticks, "accuracy": accuracy, "score": none, "reward": none}
        return {"ticks": ticks[-1], "returns": [], "curve": curve}

    found = curves.mean_curves([result([0.5, 1.0]), result([0.7])], tick_hz=10)
    assert found["seconds"] == [1.0, 2.0] and found.keys() == {"seconds", "accuracy"}
    assert found["accuracy"]["mean"] == [pytest.approx(0.6), 1.0]
    assert found["accuracy"]["half_width"] == [pytest.approx(12.7062 * 0.1, abs=1e-4), None]


# --- the command line --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["", "ticks", "worlds", "learning", "controls"])
def test_help_shows_examples(what: str) -> None:
    result = CliRunner().invoke(app, ["bench", *what.split(), "--help"])
    assert result.exit_code == 0 and "agentsim bench" in result.stdout.split("Examples:")[1]


def test_ticks_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "measure", lambda **options: {"bench": "ticks", "bound": math.inf, **options})
    for words in ([], ["ticks"]):
        result = CliRunner().invoke(app, ["bench", *words, "--scaling", "--json"])
        assert json.loads(result.stdout) == {"bench": "ticks", "bound": None, "scaling": True, "repeats": 11}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["learning", "arrena"], "arena"),
        (["learning", "arena", "--brain", "nobody"], "unknown brain"),
        (["learning", "arena", "--seconds", "1", "--ticks", "1"], "contradict"),
        (["learning", "arena", "--seconds", "0.001"], "give at least one"),
        (["learning", "arena", "--seconds", "inf"], "give at least one tick, and an end"),
        (["learning", "arena", "--ticks", "1" + 400 * "0"], "give at least one tick, and an end"),
        (["learning", "arena", "--out", __file__], "directory"),
        (["learning", "arena", "--seeds", "0"], "--seeds"),
        (["nothing"], "nothing"),
    ],
)
def test_bad_input_is_refused(words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["bench", *words])
    assert result.exit_code == 2 and message in result.stderr and result.stdout == ""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_shows_the_table(sent: signal.Signals, tmp_path: Path) -> None:
    """As in a terminal: SIGINT to the whole group of processes, once a run is finished; exit status 130. The same with
    SIGTERM to the first process alone; nobody is left who could write."""
    command = "learning cartpole --brain random --ticks 40000 --seeds 40 --jobs 2 --json --out kept"
    process = subprocess.Popen(
        [sys.executable, "-m", "agentsim", "bench", *command.split()],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("kept/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, sent) if sent == signal.SIGINT else process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    found = json.loads(stdout)
    assert found["interrupted"] and found["failed"] == [] and found["tables"][0]["rows"]
    assert "Traceback" not in stderr

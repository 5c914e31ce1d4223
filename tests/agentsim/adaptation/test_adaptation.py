"""`agentsim adapt`: figures against sequences counted by hand, closed forms and identities."""

from __future__ import annotations

import html.parser
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.adaptation import commands, concept, metrics, nets, picture, protocol, static, static_table, suites
from agentsim.adaptation import table as tables
from agentsim.cli.app import app
from agentsim.config.load import Config, load_brain
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.loop.telemetry import SCORE_TICKS
from agentsim.studies import pages, sweep
from agentsim.studies.entries import Entry

# --- metrics, by hand --------------------------------------------------------------------------------------------


def bits(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_windows_are_cut_at_the_switches() -> None:
    """Seven ticks in windows of three: 3, 3, 1; the next phase starts its own."""
    spans = metrics.phases([0, 7], 13)
    assert spans == [(0, 7), (7, 13)]
    assert [metrics.windows(span, 3) for span in spans] == [[(0, 3), (3, 6), (6, 7)], [(7, 10), (10, 13)]]


def test_lowest_window_is_of_the_whole_ones() -> None:
    """Of 110 | 100 | 0 the last is no window; a phase that is shorter than one is its own."""
    right = bits("1101000")
    assert metrics.lowest_window(right, (0, 7), 3) == pytest.approx(1 / 3)
    assert metrics.lowest_window(right, (0, 2), 3) == 1.0
    assert metrics.accuracy(right, (2, 4)) == 0.5


@pytest.mark.parametrize(
    ("before", "after", "ticks"),
    [
        ("0011111", "11111", 5),  # level 1: the first window already
        ("0011111", "0011111", 7),  # five right ones in a row only at the seventh tick
        ("0011111", "1111011110", None),  # never five of five
        ("1100000", "00000", 5),  # level 0 is reached by anything
        ("0000011", "00001", None),  # level 2 of 5, so 1.8 of 5 are asked, and one is there
        ("0000011", "000011", 6),
        ("0000011", "1111", None),  # the phase is shorter than a window
        ("11", "01011", None),  # a phase before that is shorter than a window is its own level
    ],
)
def test_recovery(before: str, after: str, ticks: int | None) -> None:
    right, switch = bits(before + after), len(before)
    assert metrics.recovery(right, (0, switch), (switch, len(right)), 5) == ticks


def test_ninety_per_cent_is_enough() -> None:
    """Level 1 with windows of ten: nine right ones are back, eight are not."""
    before = bits("1" * 10)
    for after, ticks in (("1011111111", 10), ("1001111111", None)):
        right = np.concatenate([before, bits(after)])
        assert metrics.recovery(right, (0, 10), (10, 20), 10) == ticks


def test_score_lies_between_baseline_and_oracle() -> None:
    """Two events in ten ticks are 720 in 3,600: 0.25 of the way from 20 to 2,820; a falling scale works likewise."""
    events = np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 9])
    assert SCORE_TICKS == 3_600
    assert metrics.score(events, (0, 10), (20.0, 2820.0)) == pytest.approx(0.25)
    assert metrics.score(events, (0, 10), (1440.0, 0.0)) == pytest.approx(0.5)
    assert metrics.last((10, 100), 15) == (85, 100) and metrics.last((10, 20), 15) == (10, 20)


# --- one run -----------------------------------------------------------------------------------------------------


@pytest.fixture
def short(make_config: Callable[..., Config]) -> Config:
    """Chase for 2.5 s, then avoid for 2 s, at 10 ticks a second."""
    phases = [{"task": "chase", "seconds": 2.5}, {"task": "avoid", "seconds": 2.0}]
    return make_config(phases=phases, run__seconds=4.5, run__probe_states=50, clock__tick_hz=10)


def lived(config: Config) -> dict[str, Any]:
    found = protocol.run_once(config)
    assert found is not None
    json.dumps(found, allow_nan=False)
    assert found.keys() >= {*protocol.FIGURES}
    return found


def test_a_run_is_the_simulation_it_measures(short: Config) -> None:
    """The same hash, accuracies, scores and updates as the loop's own telemetry has, in the same windows."""
    found, simulation = lived(short), Simulation(protocol.hashed_once(short))
    simulation.run()
    telemetry = simulation.telemetry
    assert found["hash"] == simulation.state_hash()
    assert [(w["start"], w["ticks"]) for w in found["windows"]] == [(0, 10), (10, 10), (20, 5), (25, 10), (35, 10)]
    assert [window["accuracy"] for window in found["windows"]] == telemetry.accuracy
    result = simulation.close()
    for ours, theirs in zip(found["phases"], result["phases"], strict=True):
        for name in ("task", "start", "ticks", "accuracy"):
            assert ours[name] == theirs[name]
        assert ours["score"] == pytest.approx(theirs["score"])
    assert found["phases"][-1]["probe"] == result["probe"]
    assert found["phases"][-1]["retention"] == result["probe"]["chase"]
    assert found["updates"] == found["samples"] == 2 * 45  # the linear brain makes two steps of one sample
    first, second = found["phases"]
    assert [first[name] for name in ("first_window", "lowest_window", "recovery")] == [None] * 3
    accuracies = [window["accuracy"] for window in found["windows"]]
    assert (second["first_window"], second["lowest_window"]) == (accuracies[3], min(accuracies[3:]))


def test_accuracy_does_not_depend_on_how_often_the_teacher_speaks(short: Config) -> None:
    """A brain that hears nothing does the same under a silent teacher, and is as often right, on every tick."""
    figures = []
    for every in (1, 7, 0):
        world = short.world.model_copy(update={"options": {"teacher_every": every}})
        found = lived(short.model_copy(update={"brain": {"kind": "random"}, "world": world}))
        figures.append([found["accuracy"], found["windows"]])
    assert figures[0] == figures[1] == figures[2]


def test_who_asks_the_oracle_is_not_probed(short: Config) -> None:
    found = lived(short.model_copy(update={"brain": {"kind": "oracle", "delay": 0}}))
    assert found["accuracy"] == 1.0 and [phase["probe"] for phase in found["phases"]] == [{}, {}]
    assert [phase["retention"] for phase in found["phases"]] == [None, None]
    assert found["phases"][1]["recovery"] == 10  # at once: the first whole window


def test_sparse_labels_blind_only_who_hears_the_teacher(short: Config) -> None:
    """Label every 5 ticks: who asks the oracle is right as before; who hears the teacher repeats its last label."""
    world = short.world.model_copy(update={"options": {"teacher_every": 5}})
    sparse = short.model_copy(update={"world": world})

    def brain(config: Config, **mapping: Any) -> dict[str, Any]:
        return lived(config.model_copy(update={"brain": mapping}))

    for kind in ("repeat_last_label", "bias_only"):
        asks = [brain(config, kind=kind)["windows"] for config in (short, sparse)]
        hears = [brain(config, kind=kind, hears="teacher") for config in (short, sparse)]
        assert asks[0] == asks[1] == hears[0]["windows"]
        assert hears[1]["phases"][0]["probe"].keys() == {"chase", "avoid"}  # it does not ask the oracle
    assert brain(sparse, kind="bias_only", hears="teacher")["updates"] == 9  # ticks 0, 5, ... 40
    simulation = Simulation(sparse.model_copy(update={"brain": {"kind": "repeat_last_label", "hears": "teacher"}}))
    said, actions, last = 0, [], []
    for _ in range(45):
        simulation.tick()
        assert simulation.last is not None and simulation.last.teacher_action is not None
        actions.append(int(simulation.last.action[0]))
        last.append(said)
        label = int(simulation.last.teacher_action[0])
        said = label if label >= 0 else said
    assert actions == last and len({*last}) > 1


def test_samples_are_what_the_updates_trained_on(make_config: Callable[..., Config]) -> None:
    """With replay: a batch an update and each labelled tick once; the mean of eight: eight; a still brain: none."""

    def count(steps: int, **brain: Any) -> int:
        config = make_config(brain={"kind": "stepping", **brain}, learn__steps_per_tick=steps)
        return protocol.samples(config, updates=40, labelled=10)

    assert count(4, replay={"per_tick": 32}) == 40 * 32 + 10
    assert count(1, replay=None, schedule={"accumulate": 8}) == 320
    assert count(1, replay=None, schedule={"block": 20}) == count(1, schedule="every_tick") == 40
    assert count(0, replay={"per_tick": 32}) == 0


# --- tables ------------------------------------------------------------------------------------------------------


def fake(latency: int, score: float, recovery: int | None = 30) -> dict[str, Any]:
    """A run of two phases of 10 ticks that was not made."""
    phase = {
        **{"task": "chase", "start": 0, "ticks": 10, "accuracy": 0.5, "score": score, "score_last_15s": score},
        **{"events": {"catches": 2}, "first_window": None, "lowest_window": None, "recovery": None},
        **{"probe": {}, "retention": None},
    }
    after = {"task": "avoid", "start": 10, "first_window": 0.2, "lowest_window": 0.1, "recovery": recovery}
    return {
        **{"ticks": 20, "latency": latency, "updates": 60, "samples": 80, "rollbacks": 0, "hash": ""},
        **{"cpu_seconds": 2e-5, "accuracy": 0.5, "score": score, "phases": [phase, phase | after]},
        "windows": [{"start": 10 * k, "ticks": 10, "phase": k, "accuracy": 0.5, "score": score} for k in range(2)],
    }


def entry(make_config: Callable[..., Config], name: str, kind: str = "random", control: bool = True) -> Entry:
    return Entry("here", name, make_config(brain={"kind": kind}, brain_name=name), control)


def test_table_is_of_the_seeds(make_config: Callable[..., Config]) -> None:
    """Scores .2 and .4 of a ceiling of .5: .4 and .8, mean .6, half width 12.7062 x .2; one of two recovered."""
    brain, oracle, still = (
        entry(make_config, "mine", control=False),
        entry(make_config, "oracle, 2 late", "oracle"),
        entry(make_config, "frozen"),
    )
    found = tables.summary(
        "here",
        {oracle: [fake(2, 0.4), fake(2, 0.6)], brain: [fake(2, 0.2), fake(2, 0.4, None)], still: []},
        {"mine": "61"},
    )
    assert [row["name"] for row in found["rows"]] == ["mine", "oracle, 2 late"]  # controls below, no row without a run
    mine, late = found["rows"]
    first, second = mine["phases"]
    assert first["of_ceiling"] == {"mean": pytest.approx(0.6), "half_width": pytest.approx(2.5412, abs=1e-4), "n": 2}
    assert late["phases"][0]["of_ceiling"]["mean"] == pytest.approx(1.0)
    assert mine["updates_per_tick"]["mean"] == 3.0 and mine["samples_per_tick"]["mean"] == 4.0
    assert mine["published"] == "61" and late["published"] is None
    assert (second["recovered"], second["recovery"]["mean"]) == (1, 30.0)
    assert [tables.as_recovery(phase, 2) for phase in mine["phases"]] == ["", "30 (1 of 2)"]
    assert [(w["start"], w["accuracy"]["mean"], w["score"]["mean"]) for w in mine["windows"]] == [
        (0, 0.5, pytest.approx(0.3)), (10, 0.5, pytest.approx(0.3)),
    ]  # fmt: skip
    assert picture.picture([found]).startswith(b"\x89PNG")
    for lines in (tables.by_phase(found), tables.by_phase(found, brief=True), tables.by_row(found)):
        headings, rows = lines
        assert all(len(row) == len(headings) for row in rows)
    headings, rows = tables.by_phase(found)
    assert rows[0][headings.index("events a minute")] == "catches 720.0"  # 2 in 10 ticks of 1/60 s
    never = tables.summary("here", {brain: [fake(2, 0.2, None)]}, {})["rows"][0]
    assert tables.as_recovery(never["phases"][1], 1) == "not reached"


@pytest.mark.parametrize(("ceiling", "share"), [(0.1, None), (-0.5, None), (0.2, 0.5)])
def test_shares_are_of_ceilings_that_are_worth_it(
    make_config: Callable[..., Config], ceiling: float, share: float | None
) -> None:
    oracle, brain = entry(make_config, "oracle, 2 late", "oracle"), entry(make_config, "mine", control=False)
    found = tables.summary("here", {oracle: [fake(2, ceiling)], brain: [fake(2, 0.1)]}, {})["rows"][0]["phases"][0]
    assert (found["of_ceiling"] and found["of_ceiling"]["mean"]) == share


def test_rollbacks_are_summed_over_the_seeds(make_config: Callable[..., Config]) -> None:
    rolled, never = (entry(make_config, name, control=False) for name in ("rolled", "never"))
    runs_of = {rolled: [fake(2, 0.1) | {"rollbacks": count} for count in (3, 4)], never: [fake(2, 0.1)]}
    found = tables.summary("here", runs_of, {})
    for headings, lines in (tables.by_phase(found), tables.by_row(found)):
        cells = {line[0]: line[headings.index("roll-backs")] for line in lines if line[0]}
        assert cells == {"rolled": "7", "never": ""}


def test_the_best_brain_of_a_net_has_a_star(make_config: Callable[..., Config]) -> None:
    brain, control = entry(make_config, "a", control=False), entry(make_config, "b")
    nets = [
        tables.summary(title, {brain: [fake(0, 0.1)], control: [fake(0, 0.1) | {"accuracy": 0.75}]}, {})
        for title in ("dense 3", "dense 5")
    ]
    assert tables.matrix(nets) == (
        ["mean accuracy, %", "dense 3", "dense 5"],
        [["a", "50.0*", "50.0*"], ["b", "75.0", "75.0"]],
    )


# --- which rows --------------------------------------------------------------------------------------------------


def test_every_control_stands_beside_the_arena() -> None:
    (found,) = suites.asked(None, ["arena"], phases="chase:2,avoid:1.5", budget=2)
    names = {entry.name for entry in found.entries if entry.control}
    assert names == {
        *("random", "repeat-last-label", "bias-only", "diagonal", "online-backprop"),
        *(f"constant {action}" for action in range(4)),
        *(f"oracle, {delay} late" for delay in (0, 1, 2, 5)),
        *("arena, frozen", "arena, no replay", "arena, one brain tick a tick"),
    }
    configs = {entry.name: entry.config for entry in found.entries}
    assert {config.run.seconds for config in configs.values()} == {3.5}
    assert {config.learn.steps_per_tick for name, config in configs.items() if "frozen" not in name} == {2}


def test_sparse_teachers_have_both_sorts_of_repeaters() -> None:
    (found,) = suites.asked(None, ["random"], teacher_every=10)
    configs = {entry.name: entry.config for entry in found.entries}
    assert {config.world.options["teacher_every"] for config in configs.values()} == {10}
    for name in ("repeat-last-label", "bias-only"):
        assert configs[name].brain.get("hears", "oracle") == "oracle"
    for name in ("repeat-last-label, of those given", "bias-only, of labels given"):
        assert configs[name].brain["hears"] == "teacher"


def test_a_world_can_be_named_by_its_id() -> None:
    (found,) = suites.asked("agentsim/ChaseAvoidClassic-v0", ["random"])
    assert {entry.config.world.id for entry in found.entries} == {"agentsim/ChaseAvoidClassic-v0"}


SIZES = {  # inputs of every layer and outputs of the read-out, of the nets of Test 18
    ("dense", 3): [64, 48],
    ("dense", 5): [64, 48, 32, 24],
    ("dense", 9): [64, 48, 32, 24, 16, 64, 48, 32],
    ("rnn", 5): [32, 8, 32, 8],
    ("lstm", 9): [32, 8] * 4,
}


@pytest.mark.parametrize("layer", nets.LAYER_TYPES)
@pytest.mark.parametrize("depth", [3, 5, 9, 20])
def test_nets_have_their_depth_and_layer(layer: str, depth: int) -> None:
    found = nets.net(layer, depth)
    types = [each["type"] for each in found["layers"]]
    assert len(types) == depth and types[-1] == "dense" and layer in types and {*types} <= {layer, "dense"}
    assert found.get("tile") == {"dense": None, "rnn": 32, "lstm": 32}.get(layer, 64)
    if (layer, depth) in SIZES:
        assert [each["units"] for each in found["layers"][:-1]] == SIZES[layer, depth]


def test_classic17_is_the_published_test() -> None:
    """5,000 ticks a phase; every mode, blocks of 1,000 and 3,000, on 12,672 weights and 260 biases."""
    (found,) = suites.classic17()
    by_name = {entry.name: entry.config for entry in found.entries}
    blocks = {f"{name}, K {k}" for name in ("NormalBP", "Tween", "TweenChain", "NormTween") for k in ("1,000", "3,000")}
    steps = {"Step+BP", "StepTween", "StepTweenChain", "BatchTween", "StepBatch", "OnlineBP"}
    assert {entry.name for entry in found.entries if not entry.control} == {
        *blocks, *steps, "StepTweenChain, 3 layers",
    }  # fmt: skip
    assert {*suites.PUBLISHED_17} - {"best constant"} <= by_name.keys()
    for config in by_name.values():
        assert [phase.seconds * config.clock.tick_hz for phase in config.phases] == [5000] * 3
        assert config.run.seconds == 15 and config.world.id == "agentsim/ChaseAvoidClassic-v0"
    for name in blocks | steps:
        brain = by_name[name].brain
        units = [8, *(layer["units"] for layer in brain["layers"][:-1]), 4]
        assert sum(i * o for i, o in itertools.pairwise(units)) == 12_672 and sum(units[1:]) == 260
        assert (brain["readout"], brain["learning_rate"], brain["align"] != "pipeline") == ("sigmoid", 0.02, True)


def test_classic18_is_fifteen_nets_and_one_set_of_controls() -> None:
    found = suites.classic18()
    assert len(found) == 15 and len({each.title for each in found}) == 15
    shared = set.intersection(*({*each.entries} for each in found))
    assert {entry.name for entry in shared} >= {"random", "bias-only", "repeat-last-label", "oracle, 5 late"}
    for each in found:
        assert len([entry for entry in each.entries if not entry.control]) == 14
        for entry in each.entries:
            hz = entry.config.clock.tick_hz
            starts = np.cumsum([round(phase.seconds * hz) for phase in entry.config.phases])
            assert starts.tolist() == [3_333, 6_667, 10_000] and entry.config.run.seconds == 10


def test_presets_are_the_ten_modes() -> None:
    """The table of the specification: execution, rule and schedule."""
    wanted = {
        "NormalBP": ("sequential", "backprop", "block"),
        "Step+BP": ("stepping", "backprop", "every_tick"),
        "Tween": ("sequential", "tween", "block"),
        "TweenChain": ("sequential", "tween_chain", "block"),
        "NormTween": ("sequential", "tween_chain", "block"),
        "StepTween": ("stepping", "tween", "every_tick"),
        "StepTweenChain": ("stepping", "tween_chain", "every_tick"),
        "BatchTween": ("sequential", "tween_chain", "accumulate"),
        "StepBatch": ("stepping", "tween_chain", "accumulate"),
        "OnlineBP": ("sequential", "backprop", "every_tick"),
    }
    for name, preset in suites.PRESETS.items():
        brain = load_brain(preset)
        schedule = brain["schedule"] if isinstance(brain["schedule"], str) else next(iter(brain["schedule"]))
        assert (brain["execution"], brain["rule"], schedule) == wanted[name], name


# --- static16 ----------------------------------------------------------------------------------------------------


def test_the_concept_is_what_the_specification_says() -> None:
    """Majority 48.3 %, noise-free 93.3 %, within four deviations of 40,000 samples; the classes by hand."""
    data = concept.draw(40_000, np.random.default_rng(0))
    deviation = math.sqrt(0.25 / 40_000)
    assert np.bincount(data.label).max() / 40_000 == pytest.approx(0.9 / 2 + 0.1 / 3, abs=4 * deviation)
    assert np.mean(data.label == data.clean) == pytest.approx(0.9 + 0.1 / 3, abs=4 * deviation)
    for x, clean in zip(data.x[:200], data.clean, strict=False):
        q = int(x[0] * x[1] > 0) + (2 if x[2] * x[3] > 0 else 0)
        if x[4] + x[5] + x[6] + x[7] > 0:
            q = {0: 1, 1: 2, 2: 3, 3: 0}[q]
        assert {0: 0, 1: 1, 2: 2, 3: 0}[q] == clean
    first, second = concept.of_seed(0)
    assert (first.x.shape, second.x.shape) == ((500, 8), (2000, 8))
    assert not np.isin(second.x, first.x).any()


def test_bounds_are_of_each_seed() -> None:
    """The shares of the labels of three seeds' held-out sets, drawn here again."""
    found, shares = concept.bounds(3), []
    for seed in range(3):
        train, held_out = concept.of_seed(seed)
        shares.append(np.mean(held_out.label == np.bincount(train.label).argmax()))
    assert found["majority"]["by_seed"] == shares and found["majority"]["mean"] == pytest.approx(np.mean(shares))
    assert len(found["ceiling"]["by_seed"]) == 3


def trial(mode: str, **keys: Any) -> static.TrialConfig:
    mapping = dict(static.modes("dense"))[mode] | {"layers": [nets.dense(16), {"type": "dense"}]}
    return static.TrialConfig(brain=mapping, **({"epochs": 2, "seeds": 2, "samples": 30, "held_out": 40} | keys))


def test_lanes_are_seeds_and_accuracy_is_of_their_own_weights() -> None:
    """A lane's accuracy is that of the same weights in a brain of one lane, asked one sample after the other."""
    config = trial("OnlineBP")
    body = static.Body(concept.SIZE, concept.CLASSES, teacher=True, lanes=2)
    brain: Any = static.build_brain(config.brain, body, np.random.SeedSequence(3))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 300, 8)).astype(np.float32)
    network = brain.network
    expected = []
    for lane in range(2):
        hidden = x[lane] @ network.weight(0, lane) + network.bias(0, lane)
        output = np.where(hidden > 0, hidden, 0.1 * hidden) @ network.weight(1, lane) + network.bias(1, lane)
        expected.append(output.argmax(1))
    labels = np.zeros((2, 300), np.int64)
    for label in range(3):
        labels[:] = label
        wanted = [float(np.mean(each == label)) for each in expected]
        assert static.accuracies(config.brain, brain, body, x, labels) == pytest.approx(wanted, abs=1 / 300)


@pytest.mark.parametrize("modes", [("NormalBP", "Step+BP", "OnlineBP"), ("TweenChain", "StepTweenChain")])
def test_standing_samples_make_modes_equal(modes: tuple[str, ...]) -> None:
    """Blocks learn the same samples in the same order; a pipeline that is full compares the same answer."""
    results = []
    for mode in modes:
        config = trial(mode)
        schedule = config.brain["schedule"]
        if isinstance(schedule, dict):
            config = trial(mode).model_copy(update={"brain": config.brain | {"schedule": schedule | {"block": 30}}})
        found = static.run_trial(config)
        assert found is not None and found["ticks"] == (2 if mode == "Step+BP" else 1)
        results.append([np.array(found[name]) for name in ("train", "held_out")])
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            assert ours.shape == (2, 2)
            np.testing.assert_allclose(ours, theirs, atol=0.051)  # a sample or two on the border


def test_time_to_a_level_is_the_first_time_of_asking() -> None:
    """Two seeds: one is at 50 % after 2 epochs of 500 samples of 3 ticks, the other never."""
    result = {
        **{"epochs": [1, 2, 4], "ticks": 3, "cpu_seconds": [0.1, 0.2, 0.4]},
        **{"train": [[0.4, 0.4], [0.6, 0.4], [0.95, 0.4]], "held_out": [[0.5, 0.5]] * 3},
    }
    found = static_table.row({"layer": "dense", "depth": 3, "mode": "m"}, result)
    assert found["to"]["train 50"]["ticks"]["mean"] == 2 * 500 * 3
    assert found["to"]["train 50"]["cpu_seconds"]["mean"] == 0.2 and found["to"]["train 50"]["reached"] == 1
    assert found["to"]["train 90"]["ticks"]["mean"] == 4 * 500 * 3
    assert found["to"]["held_out 50"]["ticks"]["mean"] == 500 * 3 and found["to"]["held_out 90"]["reached"] == 0
    assert found["train"]["mean"] == pytest.approx(0.675)
    _, lines = static_table.everything([found])
    assert lines[0][5:] == ["3,000, 0.2 (1 of 2)", "6,000, 0.4 (1 of 2)", "1,500, 0.1", "not reached"]


def net_row(depth: int, mode: str, held_out: list[float]) -> dict[str, Any]:
    result = {"epochs": [1], "ticks": 1, "cpu_seconds": [0.1], "train": [[1.0] * len(held_out)], "held_out": [held_out]}
    return static_table.row({"layer": "dense", "depth": depth, "mode": mode}, result)


def with_bounds(rows: list[dict[str, Any]], *majority: float) -> dict[str, Any]:
    about = {"half_width": 0.01, "by_seed": list(majority)}
    bounds = {"majority": {"mean": 0.48} | about, "ceiling": {"mean": 0.93} | about}
    return {"rows": rows, "bounds": bounds, "seeds": len(majority), "epochs": 1, "controls": []}


def test_a_mode_works_where_it_beats_the_majority_seed_by_seed() -> None:
    """Majorities .40 and .56. At 3 layers .50 and .66: ten points above in either seed, an interval of width 0 although
    the accuracies lie far apart; at 5 they lie together, but 16 and 1 above: 8.5 +- 12.7062 x 7.5."""
    rows = [net_row(3, "m", [0.50, 0.66]), net_row(5, "m", [0.56, 0.57]), net_row(9, "m", [0.45, 0.61])]
    result = with_bounds(rows, 0.40, 0.56)
    assert [static_table.works(found, result["bounds"]) for found in rows] == [True, False, True]
    title, headings, lines = static_table.sections(result)[-1]
    assert (headings, lines) == (["mode", "dense"], [["m", "3, 9"]]) and "depths at which a mode works" in title
    assert static_table.sections(result | {"rows": rows[1:2]})[-1][2] == [["m", "none"]]
    assert static_table.picture(result).startswith(b"\x89PNG")


def test_the_best_mode_is_chosen_without_the_seed_it_is_shown_for() -> None:
    """Without seed 0, a has .5 and b .6; without 1, .7 and .55; without 2, .7 and .55: b's .5, then a's .5 and .5.

    Chosen on what is shown, a would have (.9 + .5 + .5) / 3.
    """
    a, b = net_row(3, "a", [0.9, 0.5, 0.5]), net_row(3, "b", [0.5, 0.6, 0.6])
    found = static_table.best([a, b])
    assert found["mode"] == "a" and found["by_seed"]["held_out"] == [0.5, 0.5, 0.5]
    assert found["held_out"] == {"mean": 0.5, "half_width": 0.0, "n": 3}
    assert static_table.best([a]) == a and static_table.best([net_row(3, "c", [0.7])])["by_seed"]["held_out"] == [0.7]
    for majority, verdict in ((0.49, "yes"), (0.51, "no")):
        _, headings, lines = static_table.sections(with_bounds([a, b], *[majority] * 3))[0]
        line = dict(zip(headings, lines[0], strict=True))
        assert (line["mode"], line["held out %"], line["works"]) == ("a", "50.0 ± 0.0", verdict)


def test_modes_that_are_equal_on_every_net_are_one_row() -> None:
    """a and c agree at both depths, b with them at one; d is there at one alone."""
    shares = {"a": [0.6, 0.7], "b": [0.6, 0.8], "c": [0.6, 0.7]}
    rows = [net_row(3, mode, [0.6, 0.7]) for mode in "abcd"] + [net_row(5, mode, shares[mode]) for mode in "abc"]
    sections = static_table.sections(with_bounds(rows, 0.4, 0.4))
    for _, _, lines in sections[1:]:
        assert [line[0] for line in lines] == ["a = c", "b", "d"]
    assert {line[2] for line in sections[0][2]} == {"a = c", "b", ""}


def test_every_mode_goes_through_its_samples_once_an_epoch() -> None:
    """Blocks are the data set once, also NormTween's, which is TweenChain then."""
    found = dict(static.modes("dense", samples=30))
    assert {name for name, mapping in found.items() if mapping["schedule"] == {"block": 30, "epochs": 1}} == {
        *("NormalBP", "Tween", "TweenChain", "NormTween"),
    }  # fmt: skip
    assert found["NormTween"] == found["TweenChain"]


def test_trials_are_every_mode_on_every_net() -> None:
    found = static.trials(5, 10)
    assert len(found) == 7 * 5 * 10 + 5  # one more on dense nets: explosion detection
    assert len({sweep.path_of(each, Path()) for each in found}) == len(found)
    rates = {each.config.brain["rule"]: each.config.brain["learning_rate"] for each in found}
    assert rates == {"backprop": 0.02, "tween": 0.15, "tween_chain": 0.15}


# --- pages -------------------------------------------------------------------------------------------------------


class Reader(html.parser.HTMLParser):
    """What a page's tags are and point to, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.pointers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.pointers += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_is_one_file_and_escapes_what_it_shows() -> None:
    evil = "<script>alert('&')</script>"
    about = {"machine": {"cpu": evil}, "versions": {"python": "3"}, "command": f"agentsim {evil}", "interrupted": True}
    about["failed"] = [{"row": evil, "seed": 3, "why": evil}]
    text = pages.page(evil, about, b"picture", [(evil, [evil, "b"], [["c", evil]])], [(evil, ["d"], [[evil]])])
    reader = Reader()
    reader.feed(text)
    assert reader.text.count(evil) == 11  # head, heading, command, failure (2), section (3), details (2), machine
    assert not reader.tags & {"script", "link", "iframe", "object", "base", "form"}
    assert reader.pointers == ["data:image/png;base64,cGljdHVyZQ=="]
    assert "http" not in text and "url(" not in text and "@import" not in text


# --- the command line --------------------------------------------------------------------------------------------

TINY = ["adapt", "--brain", "random", "--phases", "chase:0.2,avoid:0.25", "--seeds", "2", "--jobs", "1"]


def test_a_sweep_goes_on_where_it_was_cut_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C in the third run: the tables of two, exit status 130; then the rest is run and nothing twice."""
    asked: list[tuple[str, int]] = []
    limit, run_once = [2], protocol.run_once

    def counted(config: Config) -> dict[str, Any] | None:
        if len(asked) == limit[0]:
            return None
        asked.append((config.brain_name, config.run.seed))
        return run_once(config)

    monkeypatch.setattr(protocol, "run_once", counted)
    words = [*TINY, "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 130, result.stderr
    found = json.loads(result.stdout)
    assert found["interrupted"] and sum(row["seeds"] for row in found["tables"][0]["rows"]) == 2
    assert f"the same command with --out {tmp_path} goes on" in result.stderr
    limit[0] = 100
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    assert len(asked) == len({*asked}) == 26  # random, last label, bias, backprop, diagonal, 4 constants, 4 oracles
    again = CliRunner().invoke(app, [*words, "--json"])
    assert len(asked) == 26 and json.loads(again.stdout)["interrupted"] is False
    assert (tmp_path / "adapt.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "adapt.html").read_text()
    assert str(tmp_path) not in text and "agentsim adapt --brain random --phases chase:0.2,avoid:0.25 --seeds 2" in text
    assert json.loads((tmp_path / "adapt.json").read_text())["tables"] == json.loads(again.stdout)["tables"]


def test_what_failed_is_on_stderr_and_in_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_once = protocol.run_once

    def failing(config: Config) -> dict[str, Any] | None:
        if config.brain["kind"] == "alternate" and config.run.seed == 1:
            raise UserError("tick 7: 1 < 2")
        return run_once(config)

    monkeypatch.setattr(protocol, "run_once", failing)
    result = CliRunner().invoke(app, [*TINY, "--out", str(tmp_path), "--json"])
    assert result.exit_code == 1 and len(json.loads(result.stdout)["failed"]) == 1
    assert "failed: config arena, row diagonal, seed 1: tick 7: 1 < 2" in result.stderr
    assert (
        "<td>config arena, row diagonal, seed 1</td><td>tick 7: 1 &lt; 2</td>" in (tmp_path / "adapt.html").read_text()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["arrena"], "arena"),
        (["--brain", "nobody"], "unknown brain"),
        (["--phases", "chase"], "TASK:SECONDS"),
        (["--phases", "chase:0"], "TASK:SECONDS"),
        (["--phases", "fly:1"], "no task 'fly'"),
        (["--phases", "chase:0.001"], "give at least one"),
        (["--phases", "chase:1,avoid:0.001"], "avoid for 0.001 s at 60 ticks a second is less than one tick"),
        (["cartpole"], "no phases"),
        (["cartpole", "--phases", "a:1"], "no task"),
        (["--suite", "classic17", "--budget", "2"], "leave out --budget"),
        (["--suite", "classic18", "arena"], "leave out WORLD"),
        (["--epochs", "2"], "static16"),
        (["--suite", "classic16"], "classic17"),
        (["--budget", "-1"], "--budget"),
        (["--out", __file__], "directory"),
    ],
)
def test_bad_input_is_refused(words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["adapt", *words])
    assert result.exit_code == 2 and message in result.stderr and result.stdout == "", result.stderr


def test_command_says_what_it_was_without_where() -> None:
    options = {"brain": ["a", "b"], "phases": None, "budget": 0, "teacher_every": 10, "epochs": None}
    written = commands.written("far/away/mine.yaml", None, options, 3, ["module"])
    given = "--brain a --brain b --budget 0 --teacher-every 10 --import module --seeds 3"
    assert written == f"agentsim adapt mine.yaml {given}"
    written = commands.written(None, "classic17", dict.fromkeys(options), 3, [])
    assert written == "agentsim adapt --suite classic17 --seeds 3"


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(app, ["adapt", "--help"])
    assert result.exit_code == 0 and "agentsim adapt" in result.stdout.split("Examples:")[1]

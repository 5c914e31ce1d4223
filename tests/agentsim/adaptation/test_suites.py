"""Which rows the suites have, and which nets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agentsim.adaptation import nets, suites
from agentsim.config.load import load_brain


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


def test_noisy_labels_are_every_rows() -> None:
    """Also of the controls, of which those that ask the oracle stand beside those that hear the teacher."""
    (found,) = suites.asked(None, ["random"], label_noise=0.1)
    assert {entry.config.world.label_noise for entry in found.entries} == {0.1}
    assert "repeat-last-label, of those given" in {entry.name for entry in found.entries}


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

"""The gate before learning in stepping brains, of every rule: its decisions against plain Python, what it lets through
against a brain that is taught nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from brains.brain import NO_LABEL
from brains.kernels import BACKENDS
from brains.kernels.program import counter, gate
from brains.rules import RULES
from brains.stepping.settings import SteppingConfig

# by rule, or read-out: cost of an output y (actions,) for a label, and that of knowing nothing of three actions
COSTS: dict[str, Any] = {
    "backprop": (lambda y, label: -math.log(y[label]), math.log(3)),
    "tween": (lambda y, label: float(np.square(np.eye(3)[label] - y).sum()), 2 / 3),
    "sigmoid": (lambda y, label: float(np.square(np.eye(3)[label] - y).sum()) / 2, 1 / 3),
    "tween_chain": (lambda y, label: float(np.square(np.eye(3)[label] - y).sum()), 2 / 3),
}


def counts(brain: Any) -> list[float]:
    """Judged and let through, of the first lane."""
    return brain.judge[0, [gate.JUDGED, gate.TAKEN]].tolist()  # type: ignore[no-any-return]


def weights(brain: Any, parts: Any) -> list[Any]:
    return [*parts(brain.network)]


@pytest.mark.parametrize("rule", COSTS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kappa", "ceiling"), [(1.1, 0.5), (0.9, None)])
def test_what_surprises_is_learned_as_if_there_were_nothing_else(
    backend: str, rule: str, kappa: float, ceiling: float | None, make_brain: Any, teach: Any, parts: Any
) -> None:
    """cost >= min(kappa mean, ceiling x the cost of knowing nothing), the mean following each sample by a twentieth:
    decision by decision; and five of them are an update, that of a brain that has labels for these alone and learns
    from five at a time, to the bit."""
    settings: dict[str, Any] = {"backend": backend, "execution": "sequential", "learning_rate": 0.1}
    settings |= {"readout": "sigmoid"} if rule == "sigmoid" else {"rule": rule}
    own = {"kappa": kappa, "ceiling": ceiling, "rate": 0.05, "batch": 5}
    brain = make_brain(gate=own, **settings)
    other = make_brain(schedule={"accumulate": 5}, **settings)
    cost, chance = COSTS[rule]
    mean, taken, updates, generator = chance, 0, 0, np.random.default_rng(1)
    pool = generator.normal(size=(20, 1, 5)).astype(np.float32)
    for tick in range(200):
        which = int(generator.integers(20))
        label = which % 3
        learned = teach(brain, pool[which], label)
        found = cost(brain.activity()["2 dense"][0].astype(float), label)
        threshold = min(kappa * mean, math.inf if ceiling is None else ceiling * chance)
        assert abs(found - threshold) > 1e-5, "too near to tell from float32"
        through = found >= threshold
        mean += 0.05 * (found - mean)
        taken, updates = taken + through, updates + learned.updates
        assert counts(brain) == [tick + 1, taken]
        assert brain.judge[0, gate.MEAN] == pytest.approx(mean, rel=1e-4)
        shown = {"gate_share": taken / (tick + 1)}
        shown["gate_threshold"] = min(kappa * mean, math.inf if ceiling is None else ceiling * chance)
        assert learned.extra == pytest.approx(shown, rel=1e-4)
        assert {name: brain.figures()[name] for name in shown} == learned.extra
        teach(other, pool[which], label if through else NO_LABEL)
    assert updates == taken // 5 and 5 < taken < 200
    for mine, theirs in zip(weights(brain, parts), weights(other, parts), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("own", [{"kappa": 0}, {"choose": "all"}, {"choose": "random", "share": 1}])
def test_an_open_gate_changes_nothing(
    backend: str, rule: str, own: dict[str, Any], make_brain: Any, teach: Any, parts: Any
) -> None:
    """Where everything goes through in batches of those that are drawn, the same as without a gate; one that is drawn
    by chance draws other memories, so only that everything goes through."""
    settings: dict[str, Any] = {"backend": backend, "rule": rule, "replay": {"per_tick": 6}, "optimizer": "adam"}
    settings["learning_rate"] = 0.01
    brain, plain = make_brain(gate={"batch": 7, **own}, **settings), make_brain(**settings)
    generator = np.random.default_rng(2)
    for _ in range(30):
        seen, label = generator.normal(size=(1, 5)).astype(np.float32), int(generator.integers(3))
        one, two = teach(brain, seen, label), teach(plain, seen, label)
        assert one.updates == two.updates
    assert counts(brain)[0] == counts(brain)[1] > 150
    if own.get("choose") != "random":
        for mine, theirs in zip(weights(brain, parts), weights(plain, parts), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_without_a_ceiling_nothing_is_ever_above_twice_the_mean(make_brain: Any, teach: Any) -> None:
    """The deadlock: at the start all cost about as much. Half the cost of chance as a ceiling breaks it."""
    updates = []
    for ceiling in (None, 0.5):
        brain = make_brain(
            init="xavier", bias=0.0, replay={}, gate={"kappa": 2, "ceiling": ceiling}, learning_rate=0.01
        )
        generator, made = np.random.default_rng(3), 0
        for _ in range(100):
            seen = 0.1 * generator.normal(size=(1, 5)).astype(np.float32)
            made += teach(brain, seen, int(seen.sum() > 0)).updates
        updates.append(made)
    assert updates[0] == 0 and updates[1] > 50


@pytest.mark.parametrize("choose", gate.CHOICES)
def test_backends_choose_alike(choose: str, make_brain: Any, teach: Any) -> None:
    """The same decisions and the same stream of chance, of batches that do not fit into one pass through the net."""
    settings: dict[str, Any] = {"replay": {"per_tick": 150}, "learning_rate": 0.05, "lanes": 2}
    own = {"choose": choose, "share": 0.3, "batch": 40}
    brains = [make_brain(backend=backend, gate=own, **settings) for backend in BACKENDS]
    generator = np.random.default_rng(4)
    for _ in range(12):
        seen, label = generator.normal(size=(2, 5)).astype(np.float32), generator.integers(3, size=2)
        made = [teach(brain, seen, label).updates for brain in brains]
        assert made[0] == made[1]
    one, two = brains
    assert one.judge[:, gate.JUDGED :].tolist() == two.judge[:, gate.JUDGED :].tolist()
    assert one.network.state[:, counter.STREAM].tolist() == two.network.state[:, counter.STREAM].tolist()
    np.testing.assert_allclose(one.judge, two.judge, rtol=1e-4)


@pytest.mark.parametrize("choose", ["random", "loss_proportional"])
def test_by_chance(choose: str, make_brain: Any, teach: Any) -> None:
    """A brain that hardly moves: of 6,000 remembered samples .3 go through, within 4 standard deviations."""
    brain = make_brain(
        replay={"per_tick": 60}, optimizer="adam", learning_rate=1e-9, gate={"choose": choose, "share": 0.3}
    )
    generator = np.random.default_rng(5)
    for _ in range(100):
        teach(brain, generator.normal(size=(1, 5)).astype(np.float32), int(generator.integers(3)))
    judged, taken = counts(brain)
    assert 6000 <= judged <= 6100
    assert abs(taken - 0.3 * judged) < 4 * math.sqrt(judged * 0.3 * 0.7)


def test_its_state_goes_on_exactly(make_brain: Any, teach: Any) -> None:
    """Mean and counts are state; another gate's brain takes over what fits."""
    settings: dict[str, Any] = {"replay": {"per_tick": 8}, "gate": {"batch": 20}}
    one, two = make_brain(**settings), make_brain(**settings, seed=3)
    generator = np.random.default_rng(6)
    seen = generator.normal(size=(40, 1, 5)).astype(np.float32)
    for k in range(20):
        teach(one, seen[k], k % 3)
    two.load_state_dict(one.state_dict())
    for k in range(20, 40):
        assert teach(one, seen[k], k % 3) == teach(two, seen[k], k % 3)
    for name, array in one.state_dict().items():
        np.testing.assert_array_equal(array, two.state_dict()[name])
    plain = make_brain(replay={"per_tick": 8})
    plain.adopt(one.state_dict(), changed=True)
    assert "gate" not in plain.state_dict()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gate": {"spike": 2}}, "gate.spike"),
        ({"gate": {}, "schedule": {"block": 3}}, "leave out schedule"),
        ({"gate": {}, "schedule": {"accumulate": 3}}, "leave out schedule"),
    ],
)
def test_what_does_not_go_with_it_is_refused(settings: dict[str, Any], said: str) -> None:
    """With what to do."""
    with pytest.raises(ValidationError, match=said):
        SteppingConfig.model_validate({"layers": [{}], **settings})


@pytest.mark.parametrize("body", [{"teacher": False}, {"continuous": True, "readout": "linear"}])
def test_it_needs_labels_that_choose(body: dict[str, Any], make_brain: Any) -> None:
    """The cost of knowing nothing is known of choices alone."""
    with pytest.raises(ValueError, match="gate: it weighs labels"):
        make_brain(gate={}, **body)

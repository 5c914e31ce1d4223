"""The guard: whatever is not finite takes the brain back to its last good snapshot, is counted, and life goes on."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from agentsim.compiled import cache
from agentsim.compiled.pointers import floats
from agentsim.compiled.vectors import load, splat, store
from brains.kernels import BACKENDS
from brains.kernels.cpu.mathematics import clip, clip_number, finite, flush, is_finite
from brains.kernels.program import activation, block, counter
from brains.kernels.reference.updates import clip as clip_of_reference

NOT_FINITE = (np.nan, np.inf, -np.inf)
RULES = ("backprop", "tween", "tween_chain")


def arrays_of(value: float) -> list[np.ndarray]:
    """Ordinary numbers with one bad one, first, in the middle and last, of lengths that SIMD treats differently."""
    return [
        np.where(np.arange(size) == place, value, np.arange(size) - 2).astype(np.float32)
        for size in (1, 5, 16, 67)
        for place in {0, size // 2, size - 1}
    ]


@njit
def all_finite(array: Any) -> bool:
    """`finite` of an array whose size is a multiple of a vector's."""
    return finite(floats(array.ctypes.data), array.size)


@njit
def one_finite(number: Any) -> bool:
    """`is_finite`."""
    return is_finite(number)


@njit
def clipped(array: Any, limit: Any) -> Any:
    """`clip` of sixteen numbers, in place, and `clip_number` of the first."""
    pointer = floats(array.ctypes.data)
    first = clip_number(array[0], limit)
    store(pointer, 0, clip(load(pointer, 0), splat(limit)))
    return first


@njit
def flushed(array: Any) -> None:
    """`flush` of sixteen numbers, in place."""
    pointer = floats(array.ctypes.data)
    store(pointer, 0, flush(load(pointer, 0)))


@pytest.mark.parametrize("value", NOT_FINITE)
def test_the_compiled_guards(value: float) -> None:
    """`finite` sees every bad number and `clip` makes it 0, as compiled: with fastmath=True both would be deleted."""
    for array in arrays_of(value):
        padded = np.zeros(-(-array.size // 16) * 16, np.float32)
        padded[: array.size] = array
        assert not all_finite(padded)
        padded[~np.isfinite(padded)] = np.finfo(np.float32).max
        assert all_finite(padded)
    assert not one_finite(np.float32(value)) and not one_finite(value)
    assert one_finite(np.float32(3e38)) and one_finite(1e300)
    limit = np.float32(2.0)
    assert float(clip_of_reference(torch.tensor(value), 2.0)) == 0.0
    for number in (value, -3.0, -2.0, 0.5, 3.0, 3e38):
        expected = np.float32(np.clip(number, -2.0, 2.0)) if np.isfinite(number) else np.float32(0.0)
        array = np.full(16, number, np.float32)
        assert clipped(array, limit) == expected
        assert (array == expected).all()


@pytest.mark.parametrize("kind", activation.NAMES[1:])
def test_no_activation_hides_a_nan(kind: str) -> None:
    """NaN in, NaN out, in the same place at least: the guard looks at activations."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    unused, types = (ctypes.c_int64 * 8)(), [pointer] * 3 + [number] * 4
    kernel = ctypes.CFUNCTYPE(ctypes.c_int32, *types)(cache.address(f"brains.kernels.cpu.activations:activate_{kind}"))
    for place in range(5):
        y = np.linspace(-1.0, 1.0, 16, dtype=np.float32)
        y[place] = np.nan
        kernel(ctypes.addressof(unused), ctypes.addressof(unused), y.ctypes.data, 5, 16, 16, 1)
        assert np.isnan(y[place])


def test_flush_keeps_what_is_normal_or_bad() -> None:
    """Below 1e-30 in size: 0. All else, and NaN too, as it was."""
    numbers = np.array([1e-38, -1e-38, 1e-40, 0.0, 1e-29, -1e-29, 3.0, np.inf, -np.inf, *[1.0] * 7], np.float32)
    expected = np.where(np.abs(numbers) < 1e-30, np.float32(0.0), numbers)
    flushed(numbers)
    np.testing.assert_array_equal(numbers, expected)
    numbers[3] = np.nan
    flushed(numbers)
    assert np.isnan(numbers[3])


def samples(count: int, seed: int = 0) -> list[tuple[np.ndarray, int]]:
    generator = np.random.default_rng(seed)
    return [(generator.normal(size=(1, 5)).astype(np.float32), int(generator.integers(3))) for _ in range(count)]


def spoil(brain: Any, where: str, value: float) -> None:
    """Put one bad number into a brain."""
    network = brain.network
    newest = int(network.state[0, counter.TICK] - 1) % network.ring
    match where:
        case "weight":
            network.weight(1)[3, 4] = value
        case "bias":
            network.bias(0)[2] = value
        case "velocity":
            network.weight(1, which=block.MOMENT1)[3, 4] = value
        case "square":
            network.weight(1, which=block.MOMENT2)[3, 4] = value
        case "gradient":
            network.weight(1, which=block.GRADIENT)[3, 4] = value
        case "activity":
            network.output(0, newest)[0, 2] = value
        case "replay":
            brain.replay[0, :, 1] = value


SETTINGS: dict[str, list[dict[str, Any]]] = {
    "weight": [{"rule": rule} for rule in RULES],
    "bias": [{"rule": rule} for rule in RULES],
    "velocity": [{"rule": "tween"}, {"rule": "tween_chain"}, {"momentum": 0.5}, {"optimizer": "adam"}],
    "square": [{"optimizer": "adam"}],
    "gradient": [{"schedule": {"accumulate": 3}}, {"replay": {"capacity": 5, "per_tick": 2}}],
    "activity": [{"rule": rule} for rule in RULES],
    "replay": [{"replay": {"capacity": 5, "per_tick": 4}}, {"schedule": {"block": 5}}],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("where", SETTINGS)
def test_a_brain_survives(where: str, value: float, backend: str, make_brain: Any, teach: Any, parts: Any) -> None:
    """Within two snapshots it has rolled back and says so; its outputs were never bad, and it learns on."""
    for settings in SETTINGS[where]:
        brain = make_brain((7, 17), snapshot_every=4, backend=backend, **settings)
        lived = samples(60)
        for observation, target in lived[:21]:
            assert teach(brain, observation, target).rollbacks == 0
        spoil(brain, where, value)
        rollbacks, recovered = [], []
        for observation, target in lived[21:]:
            learning = teach(brain, observation, target)
            rollbacks.append(learning.rollbacks)
            assert np.isfinite(brain.network.newest()[-1]).all() and np.isfinite(learning.loss)
            if len(rollbacks) == 12:
                recovered = parts(brain.network)
        unseen = where == "activity" and np.isinf(value)  # tanh of what is infinite is not, and then it is gone
        assert (unseen or sum(rollbacks[:12]) >= 1) and sum(rollbacks[12:]) == 0, (settings, rollbacks)
        assert np.isfinite(brain.network.parameters).all() and np.isfinite(brain.network.activity).all()
        assert all((now != old).all() for now, old in zip(parts(brain.network), recovered, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("where", ["weight", "activity"])
def test_it_goes_back_to_the_last_good_snapshot(
    where: str, backend: str, make_brain: Any, teach: Any, parts: Any
) -> None:
    """After updates 4, 8 ...: parameters are those of update 8 bit for bit, and activity is fresh; lane 1 of 2 is left
    alone."""
    brain = make_brain((7, 17), snapshot_every=4, momentum=0.5, lanes=2, backend=backend)
    twin = make_brain((7, 17), snapshot_every=4, momentum=0.5, lanes=2, backend=backend)
    good = {}
    for count, (observation, target) in enumerate(samples(11), 1):
        for each in (brain, twin):
            teach(each, np.repeat(observation, 2, 0), target)
        if count == 8:
            good = {which: parts(brain.network, 0, which) for which in (block.VALUE, block.MOMENT1)}
    spoil(brain, where, np.nan)
    observation = np.ones((2, 5), np.float32)
    learning = None
    for _ in range(3):  # the wave of a bad weight in layer 1 shows a tick later in layer 2
        if learning is None or not learning.rollbacks:
            learning = teach(brain, observation, -1)
            teach(twin, observation, -1)
    assert learning is not None and learning.rollbacks == 1
    for which, expected in good.items():
        for mine, theirs in zip(parts(brain.network, 0, which), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert not brain.network.activity[0].any() and brain.network.state[0, counter.AGE] == 0
    np.testing.assert_array_equal(brain.network.parameters[1], twin.network.parameters[1])
    np.testing.assert_array_equal(brain.network.activity[1], twin.network.activity[1])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_bad_observation_teaches_nothing(value: float, backend: str, make_brain: Any, teach: Any) -> None:
    """It rolls back on every such tick, remembers nothing, and sees again on the next."""
    for settings in ({"align": "pipeline"}, {"replay": {"capacity": 8, "per_tick": 2}}, {"schedule": {"block": 3}}):
        brain = make_brain((7, 17), backend=backend, **settings)
        bad = np.array([[0.0, value, 0.0, 1.0, 2.0]], np.float32)
        for observation, target in samples(7):
            teach(brain, observation, target)
        remembered = brain.replay.copy()
        for _ in range(3):
            learning = teach(brain, bad, 1)
            assert learning.rollbacks == 1 and np.isfinite(learning.loss)
        np.testing.assert_array_equal(brain.replay, remembered)
        for observation, target in samples(7):
            assert teach(brain, observation, target).rollbacks == 0
        assert np.isfinite(brain.network.activity).all() and np.isfinite(brain.replay).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "settings", [{"rule": "tween"}, {"rule": "tween_chain"}, {"momentum": 0.9}, {"optimizer": "adam"}]
)
def test_denormals_are_flushed(settings: dict[str, Any], backend: str, make_brain: Any, teach: Any) -> None:
    """Once nothing more is to be learned, velocities decay to exactly 0, never through denormal numbers."""
    brain = make_brain((), readout="linear", backend=backend, **settings)
    brain.network.weight(0)[:] = 0.0
    brain.network.bias(0)[:] = [0.0, 1.0, 0.0]
    kept = (block.MOMENT1, block.MOMENT2) if "optimizer" in settings else (block.MOMENT1,)
    moments = [brain.network.weight(0, which=which) for which in kept]
    for moment, size in zip(moments, (1e-29, 2e-38), strict=False):
        moment[:] = size
    smallest = np.finfo(np.float32).smallest_normal
    for _ in range(300):
        teach(brain, np.zeros((1, 5), np.float32), 1)
        for moment in moments:
            assert not ((np.abs(moment) > 0) & (np.abs(moment) < smallest)).any()
    assert not any(moment.any() for moment in moments)

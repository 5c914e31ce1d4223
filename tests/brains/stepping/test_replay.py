"""Replay: what the ring remembers, which of it is drawn, and what is learned from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from agentsim.compiled.pointers import integers
from brains.kernels import BACKENDS
from brains.kernels.cpu.bound import connected
from brains.kernels.cpu.mathematics import draw
from brains.kernels.cpu.taught import pick
from brains.kernels.program import counter
from brains.kernels.reference import splitmix

MASK = (1 << 64) - 1
# splitmix64 (Steele, Lea and Flood 2014), first outputs from seed 1234567, as published at rosettacode.org
PUBLISHED = (
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
)


def splitmix64(state: int) -> tuple[int, int]:
    """(new state, 64 random bits), in Python's integers."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


DRAW = {
    "numba": lambda state, bound: draw(np.int64(signed(state)), np.int64(bound)),
    "torch": splitmix.draw,
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_draw_is_splitmix64(backend: str) -> None:
    """draw() gives the top 31 bits modulo the bound: the published vector, and 1,000 more of any bound."""
    state = 1234567
    for number in PUBLISHED:
        new, drawn = DRAW[backend](state, 1 << 31)
        state, bits = splitmix64(state)
        assert bits == number
        assert (int(new) & MASK, int(drawn)) == (state, number >> 33)
    for i in range(1000):
        bound = 1 + (i * 7919) % 20000
        new, drawn = DRAW[backend](state, bound)
        state, bits = splitmix64(state)
        assert (int(new) & MASK, int(drawn)) == (state, (bits >> 33) % bound)


def observation_of(tick: int) -> np.ndarray:
    return np.array([[tick, -tick, 1, 0, 0]], np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_ring_overwrites_its_oldest(backend: str, make_brain: Any, teach: Any) -> None:
    """Each experience is the observation with its own label; silent ticks are not remembered."""
    brain = make_brain(replay={"capacity": 6, "per_tick": 1}, backend=backend, learning_rate=1e-6)
    lived = []
    for tick in range(16):
        teach(brain, observation_of(tick), tick % 3 if tick % 4 else -1)
        if tick % 4:
            lived.append([*observation_of(tick)[0], tick % 3])
        assert brain.network.state[0, counter.SIZE] == min(len(lived), 6)
        held = brain.replay[0, : len(lived[-6:])].tolist()
        assert sorted(held) == sorted(lived[-6:])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_update_is_the_mean_over_the_samples_drawn(
    backend: str, make_brain: Any, teach: Any, parts: Any, torch_net: Any
) -> None:
    """W -= rate mean(gradient of now and of PER_TICK memories), the memories found by our own splitmix64: the first
    quarter among the last RECENT, the others among all. rehearse() does the same without now."""
    brain = make_brain(
        execution="sequential",
        replay={"capacity": 9, "per_tick": 8, "recent": 3},
        backend=backend,
        gradient_clip=0,
        learning_rate=0.05,
    )
    generator, lived = np.random.default_rng(0), []
    stream = int(brain.network.state[0, counter.STREAM]) & MASK
    for tick in range(20):
        observation, target = generator.normal(size=(1, 5)).astype(np.float32), tick % 3
        lived.append((observation[0], target))
        for fresh in (True, False):
            net, gradients = torch_net(brain), []
            if fresh:
                gradients.append(net.gradient(observation[0], target))
            for index in range(8):
                size = min(len(lived), 9)
                stream, bits = splitmix64(stream)
                back = (bits >> 33) % (min(size, 3) if index < 2 else size)
                gradients.append(net.gradient(*lived[-1 - back]))
            learning = teach(brain, observation, target) if fresh else brain.rehearse()
            assert learning.updates == 1
            means = [sum(column).numpy() / len(gradients) for column in zip(*gradients, strict=True)]
            for mine, old, mean in zip(parts(brain.network), net.arrays(), means, strict=True):
                np.testing.assert_allclose(mine, old - 0.05 * mean, atol=1e-5)


@njit
def picked(program: Any, counters: Any, index: int) -> int:
    """`pick` in one lane."""
    return pick(integers(program.ctypes.data), integers(counters.ctypes.data), index)


@pytest.mark.parametrize("size", [40, 25])
@pytest.mark.parametrize("backend", BACKENDS)
def test_memories_are_drawn_uniformly(backend: str, size: int, make_brain: Any) -> None:
    """A full ring and one in the making: chi-square within four deviations of its mean, the degrees of freedom."""
    brain = make_brain(replay={"capacity": 40, "per_tick": 8, "recent": 10}, backend=backend)
    counters = brain.network.state[0]
    counters[[counter.SIZE, counter.POSITION]] = size, 17 if size == 40 else size
    newest_first = (counters[counter.POSITION] - 1 - np.arange(size)) % size
    pick = (
        brain.kernel.act.__self__.lanes[0].pick
        if backend == "torch"
        else lambda index: picked(connected(brain.net), counters, index)
    )
    counts = np.zeros((8, size), int)
    for _ in range(1000):
        for index in range(8):
            counts[index, pick(index)] += 1
    counts = counts[:, newest_first]
    assert not counts[:2, 10:].any()
    for observed in (counts[:2, :10].sum(0), counts[2:].sum(0)):
        expected = observed.sum() / observed.size
        statistic, freedom = float(((observed - expected) ** 2 / expected).sum()), observed.size - 1
        assert abs(statistic - freedom) < 4 * np.sqrt(2 * freedom)


def test_rehearsal_needs_replay_and_memories(make_brain: Any, parts: Any) -> None:
    for settings in ({}, {"replay": {"capacity": 4, "per_tick": 2}}):
        brain = make_brain(**settings)
        before = brain.state_dict()
        assert brain.rehearse().updates == 0
        assert all(np.array_equal(before[name], now) for name, now in brain.state_dict().items())

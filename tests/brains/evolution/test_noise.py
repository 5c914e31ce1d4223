"""Noise of a counter: known answers of Philox, three implementations that agree, and numbers that are normal."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from agentsim.compiled.random import philox
from brains.evolution import noise
from brains.kernels.reference import evolution as reference

# Random123's kat_vectors, philox4x32 10: counter, key, words
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_known_answers_of_philox(counter: str, key: str, answer: str) -> None:
    """In NumPy and in torch, as integers."""
    one = [np.uint64(word) for word in words(counter)], [np.uint64(word) for word in words(key)]
    assert [int(word) for word in philox(*one)] == words(answer)
    other = reference.philox([torch.tensor([word]) for word in words(counter)], words(key))
    assert [int(word) for word in other] == words(answer)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**31), st.integers(0, 99), st.integers(0, 2**31), st.integers(1, 60))
def test_numpy_torch_and_the_kernel_agree(seed: int, epoch: int, tensor: int, first: int, numbers: int) -> None:
    """To 1e-6 in every number, wherever a row begins and whatever fits its last block."""
    pairs = range(first, first + 3)
    by_numpy = noise.normals(seed, tensor, epoch, pairs, numbers)
    by_torch = reference.normals(seed, tensor, epoch, pairs, numbers).numpy()
    rows = np.full((3, 8 + numbers + -numbers % 4), np.nan, np.float32)
    noise.fill(rows[:, 4:-4], seed, tensor, epoch, first)
    assert np.isnan(rows[:, :4]).all()
    assert np.isnan(rows[:, -4:]).all()
    np.testing.assert_allclose(by_numpy, by_torch, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(rows[:, 4 : 4 + numbers], by_torch, atol=1e-6, rtol=1e-6)


def test_the_numbers_are_normal() -> None:
    """Kolmogorov and Smirnov, and the moments, of 400,000; none is beyond what 23 bits allow."""
    rows = np.empty((1000, 400), np.float32)
    noise.fill(rows, 7, 0, 0, 0)
    flat = rows.ravel().astype(float)
    assert stats.kstest(flat, "norm").pvalue > 1e-3
    assert abs(flat.mean()) < 4 / np.sqrt(flat.size)
    assert abs(flat.var() - 1) < 4 * np.sqrt(2 / flat.size)
    assert abs(stats.kurtosis(flat)) < 4 * np.sqrt(24 / flat.size)
    assert np.abs(flat).max() < np.sqrt(2 * np.log(2.0**24))


def test_nothing_repeats_where_a_counter_differs() -> None:
    """Seeds, tensors, epochs and pairs: rows of 4,000 numbers, correlations below 4 / sqrt(n)."""
    places = [(1, 0, 0, 0), (2, 0, 0, 0), (2**32 + 1, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0)]
    places += [(1, 0, 0, 1), (1, 1, 1, 1), (1, 0, 2, 0), (1, 2, 0, 0), (1, 0, 0, 2)]
    found = [noise.normals(seed, tensor, epoch, range(pair, pair + 1), 4000)[0] for seed, tensor, epoch, pair in places]
    off = np.corrcoef(found) - np.eye(len(found))
    assert np.abs(off).max() < 4 / np.sqrt(4000)


def test_a_seed_has_64_bits() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        noise.key_of(2**64)

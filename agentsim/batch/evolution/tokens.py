"""Sequences of tokens to be continued: counting, and a file's bytes; and what a table of frequencies knows of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.evolution.settings import SequenceConfig, StrideConfig, TextConfig
from agentsim.errors import UserError

LEARNED, VALIDATION, TEST = range(3)  # parts of what there is: none has a sequence of another
COUNTED = 16  # tokens of counting
PARTS = (0.8, 0.9)  # of a file, where validation and test begin
SAMPLES = 4_096  # sequences that frequencies of counting are taken of
ADDED = 0.1  # to every number of occurrences of a pair

Tokens = NDArray[np.int64]
Chance = np.random.Generator


class Source(Protocol):
    """Where sequences come from."""

    vocabulary: int

    def drawn(self, part: int, shape: tuple[int, ...], length: int, chance: Chance) -> Tokens:
        """Random ones of LEARNED, VALIDATION or TEST, (*shape, length)."""
        ...


class Counting:
    """From a random token on by steps of one of `strides`, modulo 16."""

    vocabulary = COUNTED

    def __init__(self, strides: tuple[int, ...]) -> None:
        self.strides = strides

    def drawn(self, part: int, shape: tuple[int, ...], length: int, chance: Chance) -> Tokens:
        """Every part is the same: there are no others."""
        first = chance.integers(0, COUNTED, (*shape, 1))
        stride = np.array(self.strides)[chance.integers(0, len(self.strides), (*shape, 1))]
        found: Tokens = np.mod(first + stride * np.arange(length), COUNTED).astype(np.int64)
        return found


class Text:
    """A file's bytes, numbered in the order of those that occur."""

    def __init__(self, content: bytes) -> None:
        found: tuple[NDArray[np.uint8], Tokens] = np.unique(np.frombuffer(content, np.uint8), return_inverse=True)
        symbols, numbers = found
        self.vocabulary = len(symbols)
        self.parts = np.split(numbers, [int(share * len(numbers)) for share in PARTS])

    def drawn(self, part: int, shape: tuple[int, ...], length: int, chance: Chance) -> Tokens:
        """Windows that begin anywhere."""
        whole = self.parts[part]
        found: Tokens = whole[chance.integers(0, len(whole) - length + 1, (*shape, 1)) + np.arange(length)]
        return found


def read(path: Path, longest: int) -> bytes:
    """A file of text whose every part has a window of `longest` bytes. Raises UserError for one that is missing, is no
    file, or is too short."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; name a file of text with --data") from error
    least = 10 * (longest + 1)
    if len(content) < least:
        what = "is empty" if not content else f"has {len(content):,} bytes"
        raise UserError(f"{path}: {what}, and a tenth of it must hold a window: give at least {least:,} bytes of text")
    return content


def longest(config: SequenceConfig) -> int:
    """Tokens of the longest window, with the one to be said."""
    return max(config.length, config.test_length) + 1


def source_of(config: SequenceConfig) -> Source:
    """What a config learns. Raises UserError, also for a file that is no longer what it was."""
    if not isinstance(config, TextConfig):
        return Counting((1, 2, 3) if isinstance(config, StrideConfig) else (1,))
    content = read(Path(config.data), longest(config))
    if digest(content) != config.digest:
        raise UserError(f"{config.data}: has changed since this training began; give another --out")
    return Text(content)


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def drawn(config: SequenceConfig, source: Source, part: int, which: int = 0) -> Tokens:
    """Sequences of validation or test, always the same, (test_sequences, test_length + 1)."""
    chance = np.random.default_rng([config.seed, part, which])
    return source.drawn(part, (config.test_sequences,), config.test_length + 1, chance)


def frequencies(config: SequenceConfig, source: Source) -> dict[str, float]:
    """In nats, the cross-entropy of the test by a uniform guess, by frequencies of tokens, and of tokens after each
    other, all of them counted in what is learned."""
    n, skipped = source.vocabulary, config.skipped
    if isinstance(source, Text):
        learned = source.parts[LEARNED][None]
    else:
        learned = source.drawn(LEARNED, (SAMPLES,), config.length + 1, np.random.default_rng([config.seed, LEARNED]))
    ones, twos = np.full(n, ADDED), np.full((n, n), ADDED)
    np.add.at(ones, learned.ravel(), 1)
    np.add.at(twos, (learned[:, :-1], learned[:, 1:]), 1)
    test = drawn(config, source, TEST)[:, skipped:]
    after = (twos / twos.sum(1, keepdims=True))[test[:, :-1], test[:, 1:]]
    return {
        "uniform guess": float(np.log(n)),
        "unigram": float(-np.log(ones / ones.sum())[test[:, 1:]].mean()),
        "bigram": float(-np.log(after).mean()),
    }

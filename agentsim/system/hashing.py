"""Digests of texts and of arrays, by which two configs, two results or two states are told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def short_digest(text: str) -> str:
    """Sixteen hexadecimal digits that tell texts apart."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def rolling_hash(previous: str, tick: int, *states: Mapping[str, NDArray[Any]]) -> str:
    """h_k = blake2b(h_{k-1} | tick | every array of every state by name, type, shape and bytes), 32 hex digits."""
    digest = hashlib.blake2b(previous.encode(), digest_size=16)
    digest.update(b"%d" % tick)
    for state in states:
        for name in sorted(state):
            array = np.asarray(state[name], order="C")
            digest.update(f"|{name}|{array.dtype.str}|{array.shape}|".encode())
            digest.update(array.data)
    return digest.hexdigest()

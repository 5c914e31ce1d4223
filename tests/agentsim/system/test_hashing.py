"""The rolling hash."""

from __future__ import annotations

import hashlib

import numpy as np

from agentsim.system.hashing import rolling_hash


def test_rolling_hash_is_blake2b_of_what_it_says() -> None:
    """Against hashlib on bytes written out by hand; the order of the entries does not matter, every part does."""
    a, b = np.array([1, 2], "<i8"), np.array(0.5, "<f4")
    written = b"before" + b"7" + b"|a|<i8|(2,)|" + a.tobytes() + b"|b|<f4|()|" + b.tobytes()
    expected = hashlib.blake2b(written, digest_size=16).hexdigest()
    assert rolling_hash("before", 7, {"b": b, "a": a}) == expected
    others = [{"a": a, "b": b + 1}, {"a": a.astype("<i4"), "b": b}, {"a": a[None], "b": b}, {"c": a, "b": b}]
    assert len({expected, *(rolling_hash("before", 7, other) for other in others)}) == 5
    assert rolling_hash("before", 7, {"a": np.asfortranarray(np.eye(3, 2))}) == rolling_hash(
        "before", 7, {"a": np.eye(3, 2)}
    )

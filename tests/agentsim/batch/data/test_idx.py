"""The IDX reader, on bytes that are packed here."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsim.batch.data.idx import parse

SIZES = st.lists(st.integers(0, 6), min_size=1, max_size=4)


@st.composite
def files(draw: st.DrawFn) -> tuple[list[int], bytes, bytes]:
    """Sizes, values, and the file of them."""
    sizes = draw(SIZES)
    count = math.prod(sizes)
    values = draw(st.binary(min_size=count, max_size=count))
    return sizes, values, struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + values


@given(files())
def test_what_is_packed_is_read(file: tuple[list[int], bytes, bytes]) -> None:
    sizes, values, data = file
    array = parse(data, len(sizes))
    assert list(array.shape) == sizes and array.dtype == "uint8" and array.ravel().tolist() == list(values)


@given(files(), st.data())
def test_no_byte_may_be_missing(file: tuple[list[int], bytes, bytes], data: st.DataObject) -> None:
    sizes, _, content = file
    with pytest.raises(ValueError, match=r"truncated|it begins with"):
        parse(content[: data.draw(st.integers(0, len(content) - 1))], len(sizes))


@given(files(), st.binary(min_size=1, max_size=9))
def test_nothing_may_follow(file: tuple[list[int], bytes, bytes], more: bytes) -> None:
    sizes, _, content = file
    with pytest.raises(ValueError, match="too long"):
        parse(content + more, len(sizes))


@given(files(), st.integers(0, 3), st.integers(1, 255))
def test_every_bit_of_the_magic_counts(file: tuple[list[int], bytes, bytes], place: int, flipped: int) -> None:
    sizes, _, content = file
    wrong = bytearray(content)
    wrong[place] ^= flipped
    with pytest.raises(ValueError, match=r"it begins with|web page"):
        parse(bytes(wrong), len(sizes))

"""YAML as it is read and written: the traps of YAML 1.1."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim.config import located_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("-1.5e+2", -150.0), (".5", 0.5), ("1.", 1.0), ("010", 10), ("0x1f", 31),
        ("1:30", "1:30"), ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("true", True),
        ("False", False), ("~", None), ("", None), ("null", None), ("none", "none"), ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"), ("'1'", "1"), ("+3", 3), (".inf", math.inf), ("-.Inf", -math.inf), ("e5", "e5"),
        ("<<", "<<"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    """The expected values are those of the YAML 1.2.2 specification's core schema, section 10.3.2."""
    read = located_yaml.parse(text, "text").value
    assert read == value and type(read) is type(value)


words = st.sampled_from(
    ["on", "no", "1e-3", "1e3", "010", "0x1f", "0o7", "1:30", "~", "null", "true", ".inf", "<<", "=", "2020-01-01"]
)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
@settings(max_examples=300, deadline=None)
def test_dump_and_parse_are_inverse(value: Any) -> None:
    assert located_yaml.parse(located_yaml.dump(value), "text").value == value


@given(st.text() | words)
@settings(max_examples=100, deadline=None)
def test_other_yaml_readers_read_our_strings_as_strings(value: str) -> None:
    """PyYAML's own YAML 1.1 reader is the independent oracle: `on` and `1:30` are quoted for its sake."""
    assert yaml.safe_load(located_yaml.dump([value])) == [value]

"""The bars that the project has set itself: what a tick may cost, and against what it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]

PUBLISHED, SMALL, SHIPPED = "8-32-64-64-64-32-4", "six layers of 4", "arena brain"
NUMBA, LOOP = "numba", "numba, compiled loop"
REFERENCE, BATCHED = "torch reference (sample by sample)", "torch, batched (fused Adam)"


class Bar(NamedTuple):
    """`what` is measured of the row of a net, a rule (as its name begins) and a backend, without pipeline: at most
    `limit` microseconds or, where it is measured against the row of another backend, at least that many times."""

    what: str
    net: str
    rule: str
    backend: str
    limit: float
    against: str | None = None
    of: Callable[[Row], float] = lambda row: row["us"]


def batch(row: Row) -> float:
    """Microseconds of a learning step."""
    return float(row["learn_us"] / row["steps"])


BARS = (
    Bar("step + tween_chain from Python, us", PUBLISHED, "tween_chain", NUMBA, 6.5),
    Bar("step + tween_chain in a compiled loop, us", PUBLISHED, "tween_chain", LOOP, 5.0),
    Bar("step + tween_chain from Python", PUBLISHED, "tween_chain", NUMBA, 15.0, REFERENCE),
    Bar("step alone from Python, us", PUBLISHED, "step alone", NUMBA, 2.0),
    Bar("step alone in a compiled loop, us", PUBLISHED, "step alone", LOOP, 1.2),
    Bar("step + tween from Python, us", PUBLISHED, "tween", NUMBA, 8.0),
    Bar("small layers in a compiled loop, us a layer", SMALL, "tween_chain", LOOP, 0.3, of=lambda row: row["us"] / 6),
    Bar("arena brain from Python, us", SHIPPED, "backprop", NUMBA, 200.0),
    Bar("a batch of the arena brain, us", SHIPPED, "backprop", NUMBA, 45.0, of=batch),
    Bar("a batch of the arena brain", SHIPPED, "backprop", NUMBA, 25.0, BATCHED, batch),
)


def of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every bar whose rows there are: in words, what was measured, against what, and whether it is met."""
    found = []
    for bar in BARS:
        ours = _row(rows, bar.net, bar.rule, bar.backend)
        other = _row(rows, bar.net, bar.rule, bar.against) if bar.against else None
        if ours is None or (bar.against and other is None):
            continue
        measured = bar.of(other) / bar.of(ours) if other else bar.of(ours)
        words = f"{bar.what} >= {bar.limit:g} x {bar.against}" if other else f"{bar.what} <= {bar.limit:g}"
        met = measured >= bar.limit if other else measured <= bar.limit
        found.append({"bar": words, "measured": measured, "against": bar.against, "limit": bar.limit, "met": met})
    return found


def headline(rows: Sequence[Row]) -> str | None:
    """The sentence to remember."""
    ours, reference = (_row(rows, PUBLISHED, "tween_chain", backend) for backend in (NUMBA, REFERENCE))
    if ours is None or reference is None:
        return None
    return (
        f"step + tween_chain, {PUBLISHED}, one lane, numba: {ours['us']:.1f} us, "
        f"{reference['us'] / ours['us']:.1f} x {REFERENCE} ({reference['us']:.0f} us)"
    )


def _row(rows: Sequence[Row], net: str, rule: str, backend: str) -> Row | None:
    """The first such row of one lane."""
    for row in rows:
        named = row["rule"].split(",")[0] == rule and row["align"] in ("", "instant")
        if named and row["lanes"] == 1 and (row["net"], row["backend"]) == (net, backend):
            return row
    return None

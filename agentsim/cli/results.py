"""The figures of a run as tables on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from agentsim.system.output import as_hz, as_number, as_percent

MOST_PHASES = 12  # rows; of more, those of one task are added up


def show_result(result: dict[str, Any], console: Console) -> None:
    """The figures of a run as tables."""
    head = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    asked, episodes = as_hz(result["asked_hz"], "flat out"), result["episodes"]
    rows = {
        "world": result["world"],
        "brain": f"{result['brain']}{' on ' + result['backend'] if result['backend'] else ''}",
        "ticks": f"{result['ticks']:,}",
        "accuracy": as_percent(result["accuracy"]),
        "score": as_number(result["score"]),
        "probe": ", ".join(f"{task} {as_percent(value)}" for task, value in (result["probe"] or {}).items()) or "-",
        "reward": as_number(result["reward"]),
        "episodes": f"{episodes['count']}, mean return of the last 20 {as_number(episodes['last_20_mean'])}",
        "rate": f"asked {asked}, achieved {as_hz(result['achieved_hz'])}",
        "execution": _percentiles(result["execution_ms"]),
        "response": _percentiles(result["response_ms"]),
        "missed": f"{result['misses']:,} of {result['n']:,} deadlines",
        "hash": result["hash"],
    }
    if not episodes["count"]:
        del rows["episodes"]
    if result["agents"]:
        del rows["score"]
    for name, value in rows.items():
        head.add_row(name, str(value))
    console.print(head)
    if result["agents"]:
        agents = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("agent", "accuracy", "score", "last 10 s", "reward", "events"):
            agents.add_column(heading, justify="left" if heading in ("agent", "events") else "right")
        for name, own in result["agents"].items():
            agents.add_row(
                name,
                as_percent(own["accuracy"]),
                as_number(own["score"]),
                as_number(own.get("score_last_10s")),
                as_number(own["reward"]),
                ", ".join(f"{event} {count}" for event, count in own["events"].items()),
            )
        console.print()
        console.print(agents)
    if result["phases"] and result["phases"][0]["task"] is not None:
        phases = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("phase", "from tick", "ticks", "accuracy", "score", "events"):
            phases.add_column(heading, justify="left" if heading in ("phase", "events") else "right")
        for phase in _summed(result["phases"]):
            events = ", ".join(f"{name} {count}" for name, count in phase["events"].items())
            phases.add_row(
                phase["task"],
                f"{phase['start']:,}",
                f"{phase['ticks']:,}",
                as_percent(phase["accuracy"]),
                as_number(phase["score"]),
                events,
            )
        console.print()
        console.print(phases)


def _percentiles(milliseconds: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {as_number(value, 3)} ms" for name, value in milliseconds.items() if value is not None)


def _summed(phases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The phases or, where they are many, a row for all those of one task, its shares those of its ticks."""
    if len(phases) <= MOST_PHASES:
        return list(phases)
    rows = []
    for task in dict.fromkeys(phase["task"] for phase in phases):
        own = [phase for phase in phases if phase["task"] == task]
        events = dict.fromkeys(name for phase in own for name in phase["events"])
        rows.append(
            {
                "task": f"{task}, {len(own)} times",
                "start": own[0]["start"],
                "ticks": sum(phase["ticks"] for phase in own),
                **{figure: _mean(own, figure) for figure in ("accuracy", "score")},
                "events": {name: sum(phase["events"].get(name, 0) for phase in own) for name in events},
            }
        )
    return rows


def _mean(phases: Sequence[dict[str, Any]], figure: str) -> float | None:
    """The mean of a figure over the ticks of the phases that have it."""
    known = [(phase[figure], phase["ticks"]) for phase in phases if phase[figure] is not None and phase["ticks"]]
    return sum(value * ticks for value, ticks in known) / sum(ticks for _, ticks in known) if known else None

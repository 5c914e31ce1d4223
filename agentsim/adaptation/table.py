"""From runs to a table: a row a brain, over its seeds mean and 95 % interval, the controls below the brains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentsim.adaptation.protocol import Result
from agentsim.studies.entries import Entry, in_order
from agentsim.studies.intervals import as_interval, interval

Row = dict[str, Any]
Line = list[str]
OF_PHASES = ("accuracy", "score", "score_last_15s", "first_window", "lowest_window", "retention")
LEAST_CEILING = 0.1  # below that, shares of it say nothing


def summary(title: str, results: Mapping[Entry, Sequence[Result]], published: Mapping[str, str]) -> dict[str, Any]:
    """The table of some entries that live in the same world through the same phases; those without a run are left out.

    `published`: name of a row -> what is known of its accuracy, per cent.
    """
    config = next(iter(results)).config
    ceilings = _ceilings(results)
    rows = in_order([_row(entry, found, ceilings) for entry, found in results.items() if found])
    for row in rows:
        row["published"] = published.get(row["name"], published.get(row["best_of"]))
    return {
        "config": title,
        "world": config.world.id,
        "options": config.world.options,
        "label_noise": config.world.label_noise,
        "tick_hz": config.clock.tick_hz,
        "ticks": max((row["ticks"] for row in rows), default=0),
        "rows": rows,
    }


def _ceilings(results: Mapping[Entry, Sequence[Result]]) -> dict[int, list[float | None]]:
    """Latency -> for each phase, what the oracle that is so late scores in its last 15 s, mean over seeds."""
    found = {}
    for entry, runs in results.items():
        if entry.config.one_brain.kind == "oracle" and runs:
            scores = [interval(phase["score_last_15s"] for phase in phases) for phases in _by_phase(runs)]
            found[runs[0]["latency"]] = [None if score is None else score["mean"] for score in scores]
    return found


def _by_phase(runs: Sequence[Result]) -> list[tuple[dict[str, Any], ...]]:
    return list(zip(*(run["phases"] for run in runs), strict=True))


def _row(entry: Entry, runs: Sequence[Result], ceilings: dict[int, list[float | None]]) -> Row:
    latency = runs[0]["latency"]
    by_phase = _by_phase(runs)
    ceiling = ceilings.get(latency, [None] * len(by_phase))
    windows = [_window(found) for found in zip(*(run["windows"] for run in runs), strict=True)]
    return {
        "name": entry.name,
        "control": entry.control,
        "best_of": entry.best_of,
        "seeds": len(runs),
        "ticks": runs[0]["ticks"],
        "latency": latency,
        "steps_per_tick": entry.config.learn.steps_per_tick,
        "updates_per_tick": interval(run["updates"] / run["ticks"] for run in runs),
        "samples_per_tick": interval(run["samples"] / run["ticks"] for run in runs),
        "accuracy": interval(run["accuracy"] for run in runs),
        "score": interval(run["score"] for run in runs),
        "phases": [_phase(phases, limit) for phases, limit in zip(by_phase, ceiling, strict=True)],
        "windows": windows,
        "mislabelled": interval(run["mislabelled"] for run in runs),
        "rollbacks": sum(run["rollbacks"] for run in runs),
        "cpu_us_per_tick": interval(1e6 * run["cpu_seconds"] / run["ticks"] for run in runs),
    }


def _phase(phases: Sequence[dict[str, Any]], ceiling: float | None) -> dict[str, Any]:
    """One phase over the seeds."""
    first = phases[0]
    reached = interval(phase["recovery"] for phase in phases)
    of_ceiling = []
    if ceiling is not None and ceiling > LEAST_CEILING:
        scores = [phase["score_last_15s"] for phase in phases]
        of_ceiling = [score / ceiling for score in scores if score is not None]
    return {
        **{name: first[name] for name in ("task", "start", "ticks")},
        **{name: interval(phase[name] for phase in phases) for name in OF_PHASES},
        "of_ceiling": interval(of_ceiling),
        "recovery": reached,
        "recovered": reached["n"] if reached else 0,
        "after_switch": first["first_window"] is not None,
        "probe": {task: interval(phase["probe"][task] for phase in phases) for task in first["probe"]},
        "events": {
            name: interval(phase["events"].get(name, 0) for phase in phases)
            for name in sorted({name for phase in phases for name in phase["events"]})
        },
    }


def _window(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One window over the seeds."""
    figures = {name: interval(window[name] for window in found) for name in ("accuracy", "score")}
    return {**{name: found[0][name] for name in ("start", "ticks", "phase")}, **figures}


# --- as text -----------------------------------------------------------------------------------------------------


def as_recovery(phase: dict[str, Any], seeds: int) -> str:
    """Ticks to recovery; "not reached" where no seed did, and how many did where not all."""
    if not phase["after_switch"]:
        return ""
    if not phase["recovered"]:
        return "not reached"
    ticks = as_interval(phase["recovery"], 1, 0)
    return ticks if phase["recovered"] == seeds else f"{ticks} ({phase['recovered']} of {seeds})"


def by_phase(found: dict[str, Any], *, brief: bool = False) -> tuple[Line, list[Line]]:
    """Headings, and a line for each brain and phase; the first line of a brain says who it is. `brief`: for a terminal,
    without what is in other columns too, and what the title says."""
    probed = list(dict.fromkeys(task for row in found["rows"] for phase in row["phases"] for task in phase["probe"]))
    known = any(row["published"] for row in found["rows"])
    lines: list[dict[str, str]] = []
    for row in found["rows"]:
        about = {
            "brain": row["name"],
            "seeds": f"{row['seeds']}",
            "late": f"{row['latency']}",
            "steps/tick": f"{row['steps_per_tick']}",
            "updates": _per_tick(row["updates_per_tick"]),
            "samples/tick": _per_tick(row["samples_per_tick"]),
            "mean %": as_interval(row["accuracy"], 100),
            "published %": row["published"] or "",
            "roll-backs": _rollbacks(row),
        }
        for k, phase in enumerate(row["phases"]):
            lines.append(
                {
                    **(about if k == 0 else dict.fromkeys(about, "")),
                    "phase": f"{k + 1} {phase['task'] or ''}",
                    "accuracy %": as_interval(phase["accuracy"], 100),
                    "first 1 s": as_interval(phase["first_window"], 100),
                    "lowest 1 s": as_interval(phase["lowest_window"], 100),
                    "recovery": as_recovery(phase, row["seeds"]),
                    "score": as_interval(phase["score"], 1, 2),
                    "last 15 s": as_interval(phase["score_last_15s"], 1, 2),
                    "/ ceiling": as_interval(phase["of_ceiling"], 1, 2),
                    **{f"probe {task}": as_interval(phase["probe"].get(task), 100) for task in probed},
                    "other task": as_interval(phase["retention"], 100),
                    "events a minute": _a_minute(phase, found["tick_hz"]),
                    "CPU us/tick": as_interval(row["cpu_us_per_tick"], 1, 0) if k == 0 else "",
                }
            )
    left_out = {"steps/tick", "other task", "events a minute", *(() if known else ("mean %",))} if brief else set()
    headings = [name for name in (lines[0] if lines else ()) if name not in left_out]
    return headings, [[line[name] for name in headings] for line in lines]


def _per_tick(found: dict[str, Any] | None) -> str:
    """A figure that mostly is the same for all seeds."""
    if found is None:
        return "-"
    return f"{found['mean']:.3g}" if not found["half_width"] else as_interval(found, 1, 2)


def _rollbacks(row: Row) -> str:
    """Of all seeds; blank where nothing was rolled back."""
    return f"{row['rollbacks']}" if row["rollbacks"] else ""


def _a_minute(phase: dict[str, Any], hz: float) -> str:
    rates = {name: 60 * hz * count["mean"] / phase["ticks"] for name, count in phase["events"].items() if count}
    return ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items())


def by_row(found: dict[str, Any]) -> tuple[Line, list[Line]]:
    """Headings, and one line for each brain, its phases side by side."""
    headings = ["brain", "late, ticks", "mean accuracy, %", "published, %", "accuracy of the phases, %", "first 1 s, %"]
    headings += ["lowest 1 s, %", "recovery, ticks", "other task, %", "updates/tick", "roll-backs", "CPU us/tick"]
    lines = []
    for row in found["rows"]:
        switched = [phase for phase in row["phases"] if phase["after_switch"]]
        lines.append(
            [
                row["name"],
                f"{row['latency']}",
                as_interval(row["accuracy"], 100),
                row["published"] or "",
                _means(row["phases"], "accuracy"),
                _means(switched, "first_window"),
                _means(switched, "lowest_window"),
                " / ".join(as_recovery(phase, row["seeds"]) for phase in switched),
                _means(row["phases"], "retention"),
                _per_tick(row["updates_per_tick"]),
                _rollbacks(row),
                as_interval(row["cpu_us_per_tick"], 1, 0),
            ]
        )
    return headings, lines


def _means(phases: Sequence[dict[str, Any]], name: str) -> str:
    return " / ".join("-" if phase[name] is None else f"{100 * phase[name]['mean']:.0f}" for phase in phases)


def matrix(tables: Sequence[dict[str, Any]]) -> tuple[Line, list[Line]]:
    """Mean accuracy of every row (per cent, a line each) in every table (a column each); the best brain has a star."""
    headings = ["mean accuracy, %", *(found["config"] for found in tables)]
    names = list(dict.fromkeys(row["name"] for found in tables for row in found["rows"]))
    cells: dict[tuple[str, str], str] = {}
    for found in tables:
        brains = [row["accuracy"]["mean"] for row in found["rows"] if not row["control"]]
        for row in found["rows"]:
            mean = row["accuracy"]["mean"]
            star = "*" if not row["control"] and mean == max(brains) else ""
            cells[row["name"], found["config"]] = f"{100 * mean:.1f}{star}"
    return headings, [[name, *(cells.get((name, heading), "-") for heading in headings[1:])] for name in names]

"""Learning curves: means over seeds on a common grid of time, and their picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.studies.figure import pyplot, save
from agentsim.studies.intervals import t_quantile

BINS = 60  # at most, along the time axis
LIMITS = {"accuracy": (0.0, 1.0), "score": (-1.5, 1.5)}
AXES = {
    "accuracy": "decision accuracy",
    "score": "task score of 10 s (0 baseline, 1 oracle)",
    "returns": "episode return",
    "reward": "reward a second",
}

Result = dict[str, Any]


def mean_curves(results: Sequence[Result], tick_hz: float) -> dict[str, Any]:
    """{seconds, and for each quantity that there is {mean, half_width}}: at most BINS points, None where nothing is."""
    ticks = max(result["ticks"] for result in results)
    rows = max(len(result["curve"]["tick"]) for result in results)
    edges = np.linspace(0, ticks, max(1, min(BINS, rows)) + 1)
    curves: dict[str, Any] = {"seconds": (edges[1:] / tick_hz).tolist()}
    for name in AXES:
        points = [_points(result, name) for result in results]
        binned = np.array([_binned(when, values, edges) for when, values in points])  # (seeds, bins)
        if not np.isfinite(binned).any():
            continue
        count = np.isfinite(binned).sum(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of bins without any value
            mean, deviation = np.nanmean(binned, 0), np.nanstd(binned, 0, ddof=1)
        half = [
            t_quantile(int(n) - 1) * s / np.sqrt(n) if n > 1 else None for n, s in zip(count, deviation, strict=True)
        ]
        curves[name] = {"mean": [float(m) if np.isfinite(m) else None for m in mean], "half_width": half}
    return curves


def _points(result: Result, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ticks and values of a quantity, each (points,)."""
    if name == "returns":
        pairs = np.array(result["returns"], float).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
    values = [np.nan if value is None else value for value in result["curve"][name]]
    return np.array(result["curve"]["tick"], float), np.array(values, float)


def _binned(when: NDArray[Any], values: NDArray[Any], edges: NDArray[Any]) -> NDArray[Any]:
    """The mean of the values in each bin (edges[k], edges[k+1]]; nan where there is none."""
    known = np.isfinite(values)
    place = np.clip(np.searchsorted(edges, when[known], "left") - 1, 0, len(edges) - 2)
    total = np.bincount(place, values[known], len(edges) - 1)
    count = np.bincount(place, minlength=len(edges) - 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def plot(tables: Sequence[dict[str, Any]], path: Path) -> str | None:
    """Draw a column of panels for each table: the mean of every row with its 95 % interval, phase switches marked.

    Returns the path; None if there is nothing to draw. Raises UserError.
    """
    tables = [found for found in tables if found["rows"]]
    panels = [[name for name in AXES if _drawn(found, name)] for found in tables]
    height = max(map(len, panels), default=0)
    if not height:
        return None
    figure, axes = pyplot().subplots(height, len(tables), figsize=(12 * len(tables), 4 * height), squeeze=False)
    for column, (found, names) in enumerate(zip(tables, panels, strict=True)):
        for axis, name in zip(axes[:, column], names, strict=False):
            _draw(axis, found, name)
        for axis in axes[len(names) :, column]:
            axis.axis("off")
        axes[0, column].set_title(f"{found['config']}: {found['world']}")
        axes[0, column].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes[len(names) - 1, column].set_xlabel("simulated seconds")
    save(figure, path)
    return str(path)


def _drawn(found: dict[str, Any], name: str) -> bool:
    """Whether a quantity is worth a panel: some row has it, and reward only where nothing says more."""
    has = {key for row in found["rows"] for key in row["curve"]}
    return name in has and not (name == "reward" and has & {"accuracy", "returns"})


def _draw(axis: Any, found: dict[str, Any], name: str) -> None:
    for k, row in enumerate(found["rows"]):
        curve = row["curve"].get(name)
        if curve is None:
            continue
        mean, half = (np.array([np.nan if v is None else v for v in curve[key]]) for key in ("mean", "half_width"))
        known = np.isfinite(mean)  # episodes can be longer than a bin
        seconds, mean, half = np.array(row["curve"]["seconds"])[known], mean[known], half[known]
        style: dict[str, Any] = {"linestyle": "--", "linewidth": 0.9} if row["control"] else {"linewidth": 1.8}
        axis.plot(seconds, mean, color=f"C{k % 10}", label=row["name"], **style)
        if not row["control"]:
            axis.fill_between(seconds, mean - half, mean + half, color=f"C{k % 10}", alpha=0.2, linewidth=0)
    for phase in found["rows"][0]["phases"][1:]:
        axis.axvline(phase["start"] / found["tick_hz"], color="black", linestyle=":", linewidth=0.8)
    axis.set_ylabel(AXES[name])
    axis.set_ylim(*LIMITS.get(name, (None, None)))
    axis.grid(alpha=0.3)

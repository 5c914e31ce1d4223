"""The picture of an adaptation study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentsim.studies.figure import png, pyplot


def picture(tables: Sequence[dict[str, Any]]) -> bytes:
    """A PNG: the accuracy of every brain over time, a panel a table, switches marked, controls dashed."""
    columns = math.ceil(math.sqrt(len(tables))) or 1
    rows = math.ceil(len(tables) / columns) or 1
    size = (13, 6.5) if len(tables) <= 1 else (6.5 * columns, 4 * rows)
    figure, axes = pyplot().subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat[len(tables) :]:
        axis.axis("off")
    for axis, found in zip(axes.flat, tables, strict=False):
        _draw(axis, found)
        axis.set_title(f"{found['config']}: {found['world']}", fontsize="medium", loc="left")
        axis.set_xlabel("simulated seconds")
        axis.legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return png(figure)


def _draw(axis: Any, found: dict[str, Any]) -> None:
    """Every row's accuracy, a window at its middle; lines end at a switch. Intervals of the brains, if they are few."""
    brains = [row["name"] for row in found["rows"] if not row["control"]]
    for k, row in enumerate(found["rows"]):
        style: dict[str, Any] = {"color": f"C{k % 10}", "linewidth": 1.8, "linestyle": "-" if k < 10 else "-."}
        if row["control"]:
            style |= {"linewidth": 0.9, "linestyle": "--" if (k - len(brains)) // 10 == 0 else ":"}
        for phase in range(len(row["phases"])):
            windows = [window for window in row["windows"] if window["phase"] == phase]
            middle = [(window["start"] + window["ticks"] / 2) / found["tick_hz"] for window in windows]
            mean = np.array([window["accuracy"]["mean"] for window in windows])
            half = np.array([window["accuracy"]["half_width"] or 0.0 for window in windows])
            axis.plot(middle, mean, label=row["name"] if phase == 0 else None, **style)
            if not row["control"] and len(brains) <= 5:
                axis.fill_between(middle, mean - half, mean + half, color=style["color"], alpha=0.2, linewidth=0)
    for phase in found["rows"][0]["phases"][1:]:
        axis.axvline(phase["start"] / found["tick_hz"], color="black", linestyle=":", linewidth=0.8)
    axis.set_ylabel("decision accuracy")
    axis.set_ylim(0, 1.02)
    axis.grid(alpha=0.3)

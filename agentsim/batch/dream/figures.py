"""The picture of nets that dream: ten dreams of each label beside those of the controls, and learning curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentsim.studies.figure import png, pyplot

CURVES = (
    ("score", "validation errors, %", 100.0),
    ("loss", "-ln P(label | image)", 1.0),
    ("least_spread", "least spread of a pool, of the median", 1.0),
)


def picture(result: dict[str, Any]) -> bytes:
    """A PNG."""
    shown = [(f"{row['name']}, seed {row['runs'][0]['seed']}", row["runs"][0]["dreams"]) for row in result["rows"]]
    shown += [(row["name"], row["dreams"]) for row in result["controls"]]
    figure = pyplot().figure(figsize=(16, 9), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 2))
    for axis, (name, dreams) in zip(np.atleast_1d(top.subplots(1, max(1, len(shown)))), shown, strict=False):
        _dreams(axis, name, dreams, result["shape"])
    for axis, (key, label, scale) in zip(bottom.subplots(1, len(CURVES)), CURVES, strict=True):
        _curve(axis, result["rows"], key, label, scale)
    figure.suptitle(f"{result['data']}: what each label looks like")
    return png(figure)


def _dreams(axis: Any, name: str, dreams: Any, shape: list[int]) -> None:
    """A row for each label."""
    cells = np.array(dreams).reshape(len(dreams), -1, *shape)
    axis.imshow(np.concatenate([np.concatenate(row, axis=1) for row in cells]), cmap="gray", vmin=0, vmax=255)
    axis.set_title(name.replace("$", r"\$"), fontsize="medium")
    axis.set_axis_off()


def _curve(axis: Any, rows: list[dict[str, Any]], key: str, label: str, scale: float) -> None:
    """A line for each seed."""
    for k, row in enumerate(rows):
        for number, run in enumerate(row["runs"]):
            label_of = row["name"].replace("$", r"\$") if number == 0 else None
            batches, values = ([point[name] for point in run["curve"]] for name in ("batch", key))
            axis.plot(batches, scale * np.array(values), color=f"C{k % 10}", label=label_of, linewidth=1)
    axis.set_xlabel("batches")
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)
    if rows:
        axis.legend(fontsize="small")

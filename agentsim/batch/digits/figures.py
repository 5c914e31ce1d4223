"""The picture of trainings on images: learning curves, the settling of one image, and who is taken for whom."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentsim.studies.figure import png, pyplot


def picture(result: dict[str, Any]) -> bytes:
    """A PNG."""
    rows = result["rows"]
    figure = pyplot().figure(figsize=(15, 9), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    by_batch, by_seconds, settling = top.subplots(1, 3)
    _curves(by_batch, rows, "batch", "batches")
    _curves(by_seconds, rows, "cpu_seconds", "CPU seconds")
    _settling(settling, rows)
    for axis, row in zip(np.atleast_1d(bottom.subplots(1, max(1, len(rows)))), rows, strict=False):
        _confusion(axis, row)
    figure.suptitle(f"{result['data']}: test {', '.join(_named(row) for row in rows)}")
    return png(figure)


def _named(row: dict[str, Any]) -> str:
    return f"{row['name']} {100 * np.mean([run['accuracy'] for run in row['runs']]):.2f} %".replace("$", r"\$")


def _curves(axis: Any, rows: list[dict[str, Any]], along: str, label: str) -> None:
    """Errors on the whole validation set, a line for each seed."""
    for k, row in enumerate(rows):
        for seed, run in enumerate(row["runs"]):
            points = [point for point in run["curve"] if not point["quick"]]
            errors = [max(100 * point["score"], 0.01) for point in points]
            label_of = row["name"].replace("$", r"\$") if seed == 0 else None
            axis.plot([point[along] for point in points], errors, color=f"C{k % 10}", label=label_of, linewidth=1)
    axis.set_yscale("log")
    axis.set_xlabel(label)
    axis.set_ylabel("validation errors, %")
    axis.grid(alpha=0.3, which="both")
    if rows:
        axis.legend(fontsize="small")


def _settling(axis: Any, rows: list[dict[str, Any]]) -> None:
    """The energy of the first test image, free from a network of zeros and then nudged, sweep by sweep."""
    for k, row in enumerate(rows):
        if settling := row["runs"][0]["settling"]:
            free, nudged = settling["free"], settling["nudged"]
            axis.plot(free, color=f"C{k % 10}", label=f"{row['name']}: E, free")
            axis.plot(np.arange(len(free) - 1, len(free) - 1 + len(nudged)), nudged, "--", color=f"C{k % 10}")
    axis.set_xlabel("sweeps; dashed: nudged, E + beta C")
    axis.set_ylabel("energy of one test image")
    axis.grid(alpha=0.3)
    if axis.lines:
        axis.legend(fontsize="small")


def _confusion(axis: Any, row: dict[str, Any]) -> None:
    """Mistakes of all seeds; what is right is left out."""
    counts = np.sum([run["confusion"] for run in row["runs"]], axis=0)
    wrong = counts - np.diag(np.diag(counts))
    axis.imshow(wrong, cmap="Blues")
    for (true, said), count in np.ndenumerate(wrong):
        if count:
            dark = count > wrong.max() / 2
            axis.text(said, true, count, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axis.set_xticks(range(len(wrong)))
    axis.set_yticks(range(len(wrong)))
    axis.set_xlabel("said")
    axis.set_ylabel("true")
    axis.set_title(f"{row['name']}: mistakes of {len(row['runs'])} seeds".replace("$", r"\$"), fontsize="medium")

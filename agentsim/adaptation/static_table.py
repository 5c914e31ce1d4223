"""static16 as tables and a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentsim.adaptation.concept import SAMPLES
from agentsim.studies.figure import png, pyplot
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section

Row = dict[str, Any]
LEVELS = (50, 90)  # per cent
SETS = ("train", "held_out")


def row(words: dict[str, Any], result: dict[str, Any]) -> Row:
    """A trial over its seeds: accuracies at the end, and what it took to reach the levels, at the first time of asking.

    `to`: "train 50" -> {ticks, cpu_seconds, reached}; intervals over the seeds that reached it. `by_seed`: accuracies
    at the end.
    """
    epochs, cpu = np.array(result["epochs"]), np.array(result["cpu_seconds"])
    found: Row = {name: words[name] for name in ("layer", "depth", "mode")}
    found |= {
        "seeds": len(result["train"][-1]),
        "ticks_a_sample": result["ticks"],
        "to": {},
        "by_seed": {name: result[name][-1] for name in SETS},
        "epochs": result["epochs"],
    }
    for name in SETS:
        accuracy = np.array(result[name])  # (points, seeds)
        found[name] = interval(accuracy[-1])
        found[f"{name}_curve"] = accuracy.mean(1).tolist()
        for level in LEVELS:
            reached = accuracy >= level / 100
            first = [int(np.argmax(column)) for column in reached.T if column.any()]
            found["to"][f"{name} {level}"] = {
                "ticks": interval(epochs[first] * SAMPLES * result["ticks"]),
                "cpu_seconds": interval(cpu[first]),
                "reached": len(first),
            }
    found["cpu_seconds"] = float(cpu[-1])
    return found


def works(found: Row, bounds: dict[str, Any]) -> bool:
    """Whether held-out accuracy less that of the majority class, seed by seed, has an interval that is above 0."""
    pairs = zip(found["by_seed"]["held_out"], bounds["majority"]["by_seed"], strict=True)
    above = interval(share - majority for share, majority in pairs)
    return above is not None and bool(above["mean"] - (above["half_width"] or 0.0) > 0)


def best(rows: Sequence[Row]) -> Row:
    """The best of the modes of a net: for every seed the mode that does best held out of the other seeds.

    Accuracies are those that each seed has with the mode chosen without it; all else is that of the mode chosen most
    often. A single seed chooses for itself.
    """
    held_out = np.array([found["by_seed"]["held_out"] for found in rows])  # (modes, seeds)
    seeds = range(held_out.shape[1])
    others = [[other for other in seeds if other != seed] or [seed] for seed in seeds]
    chosen = [int(held_out[:, columns].mean(1).argmax()) for columns in others]
    by_seed = {name: [rows[mode]["by_seed"][name][seed] for seed, mode in enumerate(chosen)] for name in SETS}
    most = rows[Counter(chosen).most_common(1)[0][0]]
    return most | {"by_seed": by_seed} | {name: interval(shares) for name, shares in by_seed.items()}


def merged(rows: Sequence[Row]) -> list[Row]:
    """The rows with modes in one, named "NormalBP = OnlineBP", that are equal to the digit on every net."""
    figures: dict[str, Any] = {}
    for found in rows:
        net = (found["layer"], found["depth"])
        figures.setdefault(found["mode"], []).append((net, found["by_seed"]))
    equal: dict[str, list[str]] = {}
    for mode, known in figures.items():
        equal.setdefault(repr(known), []).append(mode)
    names = {modes[0]: " = ".join(modes) for modes in equal.values()}
    return [found | {"mode": names[found["mode"]]} for found in rows if found["mode"] in names]


def sections(result: dict[str, Any]) -> list[Section]:
    """The best modes with the controls, a layer x mode table for each depth, and the depths at which the modes work."""
    rows, bounds, seeds = merged(result["rows"]), result["bounds"], result["seeds"]
    if not rows:
        return []
    layers, depths, modes = (list(dict.fromkeys(found[name] for found in rows)) for name in ("layer", "depth", "mode"))
    at = {(found["layer"], found["depth"], found["mode"]): found for found in rows}
    nets = [(layer, depth) for depth in depths for layer in layers]
    groups = {key: [found for found in rows if (found["layer"], found["depth"]) == key] for key in nets}
    winners = {key: best(group) for key, group in groups.items() if group}
    headings, lines = everything(list(winners.values()))
    headings.append("works")
    for line, winner in zip(lines, winners.values(), strict=True):
        line.append("yes" if works(winner, bounds) else "no")
    for control in result["controls"]:
        about = [control["name"], "", "", as_interval(control["train"], 100), as_interval(control["held_out"], 100)]
        lines.append(about + [""] * (len(headings) - len(about)))
    for name, what in (("majority", "majority class"), ("ceiling", "the concept itself, noise-free")):
        lines.append([what, "", "", "", as_interval(bounds[name], 100), *[""] * (len(headings) - 5)])
    title = f"static16: 500 noisy samples, {result['epochs']} epochs, {seeds} seeds, mean ± 95 %; "
    title += "the mode most often best held out; accuracy of each seed with the mode that is best of the other seeds"
    found: list[Section] = [(title, headings, lines)]
    for depth in depths:
        lines = []
        for mode in modes:
            cells = [at.get((layer, depth, mode)) for layer in layers]
            lines.append(
                [mode, *("-" if cell is None else _cell(cell, winners[cell["layer"], depth]) for cell in cells)]
            )
        title = f"{depth} layers: held out (train), %; * the mode of a layer type that is most often best"
        found.append((title, ["mode", *layers], lines))
    lines = [[mode, *(_depths(at, layer, depths, mode, bounds) for layer in layers)] for mode in modes]
    title = "the depths at which a mode works: held-out accuracy less the majority class's has an interval above 0"
    return [*found, (title, ["mode", *layers], lines)]


def _cell(found: Row, winner: Row) -> str:
    star = "*" if found["mode"] == winner["mode"] else ""
    return f"{as_interval(found['held_out'], 100)} ({100 * found['train']['mean']:.0f}){star}"


def _depths(at: dict[Any, Row], layer: str, depths: Sequence[int], mode: str, bounds: dict[str, Any]) -> str:
    there = [depth for depth in depths if (layer, depth, mode) in at]
    if not there:
        return "-"
    return ", ".join(f"{depth}" for depth in there if works(at[layer, depth, mode], bounds)) or "none"


def everything(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Headings, and a line for each row with all that is known of it."""
    headings = ["layer", "layers", "mode", "train %", "held out %"]
    headings += [f"ticks, CPU s to {level} % {name.replace('_', ' ')}" for name in SETS for level in LEVELS]
    lines = []
    for found in rows:
        times = [_time(found["to"][f"{name} {level}"], found["seeds"]) for name in SETS for level in LEVELS]
        about = [found["layer"], f"{found['depth']}", found["mode"]]
        lines.append([*about, *(as_interval(found[name], 100) for name in SETS), *times])
    return headings, lines


def _time(found: dict[str, Any], seeds: int) -> str:
    if not found["reached"]:
        return "not reached"
    some = "" if found["reached"] == seeds else f" ({found['reached']} of {seeds})"
    return f"{found['ticks']['mean']:,.0f}, {found['cpu_seconds']['mean']:.2g}{some}"


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: held-out accuracy of every mode over epochs, a panel a net; majority class and ceiling dashed."""
    rows = result["rows"]
    layers, depths, modes = (list(dict.fromkeys(found[name] for found in rows)) for name in ("layer", "depth", "mode"))
    shape = max(1, len(depths)), max(1, len(layers))
    figure, axes = pyplot().subplots(*shape, figsize=(4 * shape[1] + 2, 3 * shape[0]), squeeze=False, sharey=True)
    for found in rows:
        axis, color = axes[depths.index(found["depth"]), layers.index(found["layer"])], modes.index(found["mode"])
        style = "-" if color < 10 else "-."
        axis.plot(found["epochs"], found["held_out_curve"], style, color=f"C{color % 10}", label=found["mode"])
        axis.set_title(f"{found['layer']}, {found['depth']} layers", fontsize="medium")
        axis.set_xlabel("epochs")
        axis.set_ylabel("held-out accuracy")
    for axis in axes.flat:
        for bound in result["bounds"].values():
            axis.axhline(bound["mean"], color="black", linestyle="--", linewidth=0.8)
        axis.grid(alpha=0.3)
    if rows:
        axes[0, -1].legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return png(figure)

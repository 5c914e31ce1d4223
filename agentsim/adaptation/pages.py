"""What a study leaves behind: a picture, JSON, and one HTML file that needs nothing from anywhere."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from agentsim.bench.runs import words_of
from agentsim.errors import UserError
from agentsim.files import write_whole
from agentsim.output import finite

Section = tuple[str, list[str], list[list[str]]]  # title, headings, lines

STYLE = """
body { font: 15px/1.4 sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; margin: 0.5em 0 2em; }
th, td { padding: 0.15em 0.8em 0.15em 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th { border-bottom: 1px solid #888; text-align: right; }
th:first-child, td:first-child { text-align: left; }
div { overflow-x: auto; }
img { max-width: 100%; }
"""


def picture(tables: Sequence[dict[str, Any]]) -> bytes:
    """A PNG: the accuracy of every brain over time, a panel a table, switches marked, controls dashed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = math.ceil(math.sqrt(len(tables))) or 1
    rows = math.ceil(len(tables) / columns) or 1
    size = (13, 6.5) if len(tables) <= 1 else (6.5 * columns, 4 * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
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


def png(figure: Any) -> bytes:
    """A figure as a PNG; closes it."""
    from matplotlib import pyplot

    figure.tight_layout()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    pyplot.close(figure)
    return data.getvalue()


def page(
    title: str, result: dict[str, Any], drawn: bytes, sections: Sequence[Section], details: Sequence[Section] = ()
) -> str:
    """The HTML text: the command, what failed, picture and tables, `details` folded away, then versions and machine."""
    about = [[name, str(value)] for name, value in {**result["machine"], **result["versions"]}.items()]
    failed = [[words_of(failure), failure["why"]] for failure in result["failed"]]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Made with: <code>{escape(result['command'])}</code></p>",
        "<p>Interrupted: these are the runs that were finished.</p>" if result["interrupted"] else "",
        f"<h2>Failed, and not in the tables</h2>{_table(['run', 'why'], failed)}" if failed else "",
        f'<img alt="accuracy over time" src="data:image/png;base64,{base64.b64encode(drawn).decode()}">',
        *(f"<h2>{escape(heading)}</h2>{_table(headings, lines)}" for heading, headings, lines in sections),
        *(
            f"<details><summary>{escape(heading)}</summary>{_table(headings, lines)}</details>"
            for heading, headings, lines in details
        ),
        f"<h2>Made on</h2>{_table(['what', 'version'], about)}",
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(row(line, "td") for line in lines)
    return f"<div><table><thead>{row(headings, 'th')}</thead><tbody>\n{body}\n</tbody></table></div>"


def write(directory: Path, name: str, result: dict[str, Any], drawn: bytes, text: str) -> None:
    """NAME.png, NAME.html and NAME.json, each whole. Raises UserError."""
    data = json.dumps(finite(result), allow_nan=False)
    for ending, content in (("png", drawn), ("html", text.encode()), ("json", data.encode())):
        path = directory / f"{name}.{ending}"
        try:
            write_whole(path, content)
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}; give another --out") from error

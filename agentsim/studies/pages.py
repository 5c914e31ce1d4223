"""What a study leaves behind: a picture, JSON, and one HTML file that needs nothing from anywhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from agentsim.errors import UserError
from agentsim.studies.sweep import words_of
from agentsim.system.files import write_whole
from agentsim.system.output import finite

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
        f'<img alt="the picture" src="data:image/png;base64,{base64.b64encode(drawn).decode()}">',
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

"""Pictures: matplotlib without a display, and where a figure goes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from agentsim.errors import UserError
from agentsim.system.files import write_whole


def pyplot() -> Any:
    """matplotlib.pyplot, which draws into files alone; it takes a second to import."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as found

    return found


def png(figure: Any) -> bytes:
    """A figure as a PNG; closes it."""
    if figure.get_layout_engine() is None:
        figure.tight_layout()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    pyplot().close(figure)
    return data.getvalue()


def save(figure: Any, path: Path) -> None:
    """Write a figure into a file, in the format that its name ends in; closes it. Raises UserError."""
    figure.tight_layout()
    try:
        data = io.BytesIO()
        figure.savefig(data, dpi=100, format=path.suffix.removeprefix(".") or "png")
        write_whole(path, data.getvalue())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be written: {error}; give another --out") from None
    finally:
        pyplot().close(figure)

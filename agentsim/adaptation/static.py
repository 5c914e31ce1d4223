"""static16."""

from typing import Any


def measure(**k: Any) -> dict[str, Any]: ...
def show(r: Any, c: Any) -> None: ...

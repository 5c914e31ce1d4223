"""The processes that compile for another."""

from __future__ import annotations

import psutil


def compilers(process: int | None = None) -> list[psutil.Process]:
    """Those of a process, by its number, or of this one: multiprocessing has children of its own here."""
    found = []
    for child in psutil.Process(process).children():
        try:
            if "agentsim.compiled.worker" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue  # it has just ended
    return found

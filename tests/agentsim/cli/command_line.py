"""The command line as the tests here call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from agentsim.cli.app import app

RUN = ["run", "ant.yaml", "--import", "ant", "--headless"]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def refused(*words: str | Path) -> str:
    """The message of a command that must be refused."""
    result = call(*words)
    assert result.exit_code == 2, (result.stdout, result.stderr, result.exception)
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr


def figures(*words: str | Path) -> dict[str, Any]:
    """What a command prints with --json: one object and nothing else."""
    result = call(*words, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)

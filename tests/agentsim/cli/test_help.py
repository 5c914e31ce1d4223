"""The help of every command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from agentsim.cli.app import app
from tests.agentsim.cli.command_line import call

pytestmark = pytest.mark.usefixtures("folder")


def commands(group: typer.Typer = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of the app, as one writes it; a group that does something by itself is one too."""
    for info in group.registered_commands:
        yield (*path, info.name or info.callback.__name__)
    for inner in group.registered_groups:
        if inner.typer_instance.registered_callback is not None:
            yield (*path, inner.name)
        yield from commands(inner.typer_instance, (*path, inner.name))


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help_with_examples(path: tuple[str, ...]) -> None:
    """And the first example is one of this command."""
    result = call(*path, "--help")
    assert result.exit_code == 0 and "Examples:" in result.stdout
    examples = result.stdout.partition("Examples:")[2]
    assert examples.strip().startswith(f"agentsim {' '.join(path)}")


def test_help_and_version() -> None:
    assert {path[0] for path in commands()} >= {"run", "replay", "compare", "bench", "list", "doctor", "new"}
    assert all(path[0] in call("--help").stdout for path in commands())
    assert re.fullmatch(r"agentsim \d+\.\d+\.\d+\n", call("--version").stdout)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from agentsim.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*({'torch', 'numba', 'pygame', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stderr.strip() == ""

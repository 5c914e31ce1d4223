"""The command line of `agentsim adapt`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agentsim.adaptation import commands, protocol
from agentsim.cli.app import app
from agentsim.config.load import Config
from agentsim.errors import UserError

TINY = ["adapt", "--brain", "random", "--phases", "chase:0.2,avoid:0.25", "--seeds", "2", "--jobs", "1"]


def test_a_sweep_goes_on_where_it_was_cut_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C in the third run: the tables of two, exit status 130; then the rest is run and nothing twice."""
    asked: list[tuple[str, int]] = []
    limit, run_once = [2], protocol.run_once

    def counted(config: Config) -> dict[str, Any] | None:
        if len(asked) == limit[0]:
            return None
        asked.append((config.brain_name, config.run.seed))
        return run_once(config)

    monkeypatch.setattr(protocol, "run_once", counted)
    words = [*TINY, "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 130, result.stderr
    found = json.loads(result.stdout)
    assert found["interrupted"] and sum(row["seeds"] for row in found["tables"][0]["rows"]) == 2
    assert f"the same command with --out {tmp_path} goes on" in result.stderr
    limit[0] = 100
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    assert len(asked) == len({*asked}) == 26  # random, last label, bias, backprop, diagonal, 4 constants, 4 oracles
    again = CliRunner().invoke(app, [*words, "--json"])
    assert len(asked) == 26 and json.loads(again.stdout)["interrupted"] is False
    assert (tmp_path / "adapt.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "adapt.html").read_text()
    assert str(tmp_path) not in text and "agentsim adapt --brain random --phases chase:0.2,avoid:0.25 --seeds 2" in text
    assert json.loads((tmp_path / "adapt.json").read_text())["tables"] == json.loads(again.stdout)["tables"]


def test_what_failed_is_on_stderr_and_in_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_once = protocol.run_once

    def failing(config: Config) -> dict[str, Any] | None:
        if config.brain["kind"] == "alternate" and config.run.seed == 1:
            raise UserError("tick 7: 1 < 2")
        return run_once(config)

    monkeypatch.setattr(protocol, "run_once", failing)
    result = CliRunner().invoke(app, [*TINY, "--out", str(tmp_path), "--json"])
    assert result.exit_code == 1 and len(json.loads(result.stdout)["failed"]) == 1
    assert "failed: config arena, row diagonal, seed 1: tick 7: 1 < 2" in result.stderr
    assert (
        "<td>config arena, row diagonal, seed 1</td><td>tick 7: 1 &lt; 2</td>" in (tmp_path / "adapt.html").read_text()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["arrena"], "arena"),
        (["--brain", "nobody"], "unknown brain"),
        (["--phases", "chase"], "TASK:SECONDS"),
        (["--phases", "chase:0"], "TASK:SECONDS"),
        (["--phases", "fly:1"], "no task 'fly'"),
        (["--phases", "chase:0.001"], "give at least one"),
        (["--phases", "chase:1,avoid:0.001"], "avoid for 0.001 s at 60 ticks a second is less than one tick"),
        (["cartpole"], "no phases"),
        (["cartpole", "--phases", "a:1"], "no task"),
        (["--suite", "classic17", "--budget", "2"], "leave out --budget"),
        (["--suite", "classic18", "arena"], "leave out WORLD"),
        (["--epochs", "2"], "static16"),
        (["--suite", "classic16"], "classic17"),
        (["--budget", "-1"], "--budget"),
        (["--out", __file__], "directory"),
    ],
)
def test_bad_input_is_refused(words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["adapt", *words])
    assert result.exit_code == 2 and message in result.stderr and result.stdout == "", result.stderr


def test_command_says_what_it_was_without_where() -> None:
    options = {"brain": ["a", "b"], "phases": None, "budget": 0, "teacher_every": 10, "epochs": None}
    written = commands.written("far/away/mine.yaml", None, options, 3, ["module"])
    given = "--brain a --brain b --budget 0 --teacher-every 10 --import module --seeds 3"
    assert written == f"agentsim adapt mine.yaml {given}"
    written = commands.written(None, "classic17", dict.fromkeys(options), 3, [])
    assert written == "agentsim adapt --suite classic17 --seeds 3"


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(app, ["adapt", "--help"])
    assert result.exit_code == 0 and "agentsim adapt" in result.stdout.split("Examples:")[1]

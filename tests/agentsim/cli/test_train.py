"""`agentsim train`: every mode is a command, with the options that all have and its own."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from agentsim.batch import MODES
from agentsim.batch.settings import Asked, Study, names
from agentsim.cli.app import app
from agentsim.cli.list import everything
from agentsim.cli.train import command
from agentsim.system.machine import usable_cores


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_a_command_and_its_configs_are_listed(mode: str) -> None:
    shown = CliRunner().invoke(app, ["train", mode, "--help"]).stdout
    assert f"configs/{mode}," in " ".join(shown.split()) and f"agentsim train {mode}" in shown.split("Examples:")[1]
    assert pkgutil.resolve_name(MODES[mode]).__doc__.splitlines()[0].split()[0] in shown
    assert [*everything()[f"{mode} configs"]] == names(mode) != []


def asked_of(*words: str) -> tuple[Asked, str]:
    """What a mode with one option of its own is asked."""
    heard: list[Any] = []

    def fall(asked: Asked, height: Annotated[str, typer.Option(metavar="H", help="From where.")] = "low") -> Study:
        heard.extend([asked, height])
        return {"out": "there"}, lambda result, console: None

    fallen = typer.Typer()
    fallen.command()(command("fall", fall))
    done = CliRunner().invoke(fallen, list(words))
    assert done.exit_code == 0, done.output
    return heard[0], heard[1]


def test_a_mode_hears_what_was_asked() -> None:
    assert asked_of() == (Asked([], [], 3, usable_cores(), None), "low")
    words = "--config a --config b.yaml --set x=1 --minutes .5 --seed 7 --seeds 2 --jobs 4 --out kept --height high"
    asked = Asked(["a", "b.yaml"], ["x=1", "minutes=0.5", "seed=7"], 2, 4, Path("kept"))
    assert asked_of(*words.split()) == (asked, "high")

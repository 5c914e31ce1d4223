"""What is written for people: links lead somewhere, and the commands that are named are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentsim.batch import MODES
from agentsim.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}
GROUPS = {
    group.name: {command.name or command.callback.__name__ for command in group.typer_instance.registered_commands}
    for group in app.registered_groups
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), f"{page.name}: nothing is at {link}"


def test_the_readme_names_every_command_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bagentsim ([a-z]+)", text)) - {"import"}
    assert named - {"is"} == COMMANDS | {*GROUPS}
    assert {mode for mode in MODES if f"agentsim train {mode}" in text} == {*MODES}
    for group, inner in GROUPS.items():
        assert set(re.findall(rf"agentsim {group} ([a-z_]+)", text)) <= inner


def test_the_readme_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 110

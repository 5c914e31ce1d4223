"""`agentsim data`: what it prints, its exit status, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentsim.batch.data.catalogue import CATALOGUE, NAMES
from tests.agentsim.batch.data.small import GZIPPED, PAGE, PLAIN, entry, everything, mirror, put, stalls
from tests.agentsim.cli.command_line import call, figures, refused

ROOT = Path(__file__).parent.parent.parent.parent
ONE_OF_OURS = """
import sys
from agentsim.batch.data.catalogue import CATALOGUE
from agentsim.cli.app import main
from tests.agentsim.batch.data.small import entry
CATALOGUE["mnist"] = entry(sys.argv.pop())
main()
"""


@pytest.fixture(autouse=True)
def cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small MNIST, whose mirror does not answer, and an empty cache."""
    monkeypatch.setitem(CATALOGUE, "mnist", entry("http://127.0.0.1:1/"))
    monkeypatch.delenv("AGENTSIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    return folder / "cache" / "agentsim" / "data"


def test_fetch_then_check(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror(everything) as address:
        monkeypatch.setitem(CATALOGUE, "mnist", entry(address))
        assert call("data", "fetch", "mnist").stdout == f"MNIST is in {cache / 'mnist'}\n"
    assert call("data", "fetch", "mnist").exit_code == 0  # there is nothing to fetch
    about = figures("data", "check", "mnist")["mnist"]
    assert (about["verdict"], about["folder"], about["images"]) == ("whole", str(cache / "mnist"), 7)
    first = {"path": str(cache / "mnist" / f"{NAMES[0]}.gz"), "whole": True, "state": "as published"}
    assert about["files"][NAMES[0]] == first and [*about["files"]] == [*NAMES]


def test_check_shows_every_set_and_every_file() -> None:
    put(Path("mine"), PLAIN)
    result = call("data", "check", "--data-dir", "mine")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == 0 and lines[1] == ["mnist", "mine", "whole", "7"]
    assert [line[0] for line in lines[2:6]] == [*NAMES] and all(line[1:] == ["as", "published"] for line in lines[2:6])
    assert lines[6][:2] == ["fashion-mnist", "mine"] and lines[6][2:4] == ["not", "whole"]  # MNIST's, under its names


def test_check_fails_where_the_set_that_is_named_is_not_whole() -> None:
    put(Path("mine"), PLAIN | {NAMES[1]: PAGE})
    result = call("data", "check", "mnist", "--data-dir", "mine")
    assert result.exit_code == 2 and "not whole" in result.stdout and "is a web page, not data" in result.stdout
    fix = "`agentsim data fetch mnist --data-dir mine` fetches it"
    assert result.stderr == f"agentsim: mine/{NAMES[1]} is a web page, not data; {fix}\n"
    result = call("data", "check", "mnist", "--json")
    assert result.exit_code == 2 and '"verdict": "not here"' in result.stdout and "MNIST is in none of" in result.stderr
    assert call("data", "check").exit_code == 0  # nothing was asked for


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch", "emnist"], "no data set is called 'emnist': it is one of mnist, fashion-mnist"),
        (["check", "emnist"], "no data set is called 'emnist'"),
        (["fetch", "mnist", "--data-dir", "nowhere"], "--data-dir nowhere: there is no such folder"),
        (["check", "--data-dir", "nowhere"], "--data-dir nowhere: there is no such folder"),
        (["fetch", "mnist"], "Without a network: download"),
    ],
)
def test_bad_input_ends_in_one_line(words: list[str], message: str) -> None:
    said = refused("data", *words)
    assert message in said and said.startswith("agentsim: ") and said.count("\n") == 1


def test_a_cache_that_is_no_folder_is_refused(folder: Path) -> None:
    (folder / "cache").write_text("")
    said = refused("data", "fetch", "mnist")
    assert "cannot be written to" in said and said.count("\n") == 1


def test_ctrl_c_leaves_nothing(cache: Path) -> None:
    begun = threading.Event()
    with ExitStack() as stack:
        address = stack.enter_context(mirror(stack.enter_context(stalls(begun))))
        command = [sys.executable, "-c", ONE_OF_OURS, "data", "fetch", "mnist", address]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE, text=True)
        assert begun.wait(30), process.communicate(timeout=5)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (130, "agentsim: interrupted\n")
    assert [*(cache / "mnist").iterdir()] == []


def test_a_fetch_that_was_interrupted_can_be_made_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(cache / "mnist", {f"{NAMES[0]}.gz": GZIPPED[f"{NAMES[0]}.gz"]})
    with mirror(everything) as address:
        monkeypatch.setitem(CATALOGUE, "mnist", entry(address))
        assert call("data", "fetch", "mnist").exit_code == 0
    assert figures("data", "check", "mnist")["mnist"]["verdict"] == "whole"

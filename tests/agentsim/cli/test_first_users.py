"""What first users met: messages that blamed the wrong thing, and streams that cannot take what is written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentsim.cli.results import _summed
from agentsim.config.load import load_config
from agentsim.errors import UserError
from tests.agentsim.cli.command_line import call, refused

AGENTSIM = [sys.executable, "-m", "agentsim"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_directory_in_use_is_not_taken_for_a_key() -> None:
    """`race: already holds a run` begins like `brain: ...`, and is the name of a directory."""
    config = load_config("arena")
    assert config.located("race: already holds a run") == "race: already holds a run"
    assert config.located("brain.rule: wrong").startswith(str(config.written(("brain", "rule"))))


def test_a_file_in_utf_16_is_said_to_be_so() -> None:
    Path("mine.yaml").write_text("extends: arena\n", encoding="utf-16")
    assert "is UTF-16 text; save the file as UTF-8" in refused("run", "mine.yaml", "--headless")


@pytest.mark.parametrize("name", ["arena", "reward"])
def test_a_brain_of_ones_own_has_a_name_of_its_own(name: str) -> None:
    assert "there is a brain of that name" in refused("new", "brain", name)
    assert not Path(f"{name}.py").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_a_full_disk_is_said_in_a_line(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*AGENTSIM, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "No space left" in done.stderr and "Traceback" not in done.stderr


def test_a_stream_without_our_signs_takes_them_all_the_same() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [*AGENTSIM, "run", "arena", "--brain", "random", "--ticks", "5", "--headless", "--out", "run"]
    done = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert done.returncode == 0 and b"Traceback" not in done.stderr


def test_what_is_no_run_is_left_out_of_a_comparison() -> None:
    Path("study").mkdir()
    with pytest.raises(UserError):
        load_config("study")
    assert call("run", "arena", "--brain", "random", "--ticks", "5", "--headless", "--out", "run").exit_code == 0
    result = call("compare", "study", "run", "--json")
    assert result.exit_code == 0 and "left out, no runs: study" in result.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "class Odd(BaseException):\n    def __str__(self): raise OSError\nraise Odd",
            ":3: Odd: .and OSError when asked",
        ),
        ("x = 1\n\0", "null bytes"),
        ("import sys\nsys.exit(0)", ":2: SystemExit: 0"),
        ("def f(:", ":1: SyntaxError"),
        ("import nobody_has_this", "No module named 'nobody_has_this'"),
    ],
)
def test_a_module_that_cannot_be_imported(source: str, message: str, folder: Path) -> None:
    """Whatever it does, one line says which module and where."""
    (folder / "odd_module.py").write_text(source)
    said = refused("run", "cartpole", "--import", "odd_module", "--ticks", "5", "--headless")
    assert said.startswith("agentsim: --import odd_module: ") and said.count("\n") == 1
    assert re.search(message, said), said


def test_json_is_alone_on_stdout() -> None:
    """Whatever a brain prints, in Python or past it: the object is all there is on stdout, the rest on stderr."""
    assert call("new", "brain", "talker").exit_code == 0
    source = Path("talker.py").read_text()
    chatter = '        print("acting")\n        os.write(1, b"from C\\n")\n'
    source = source.replace("        self.scores = np.einsum", f"{chatter}        self.scores = np.einsum", 1)
    Path("talker.py").write_text(source.replace("import annotations\n", "import annotations\n\nimport os\n", 1))
    words = [
        *AGENTSIM,
        "run",
        "talker.yaml",
        "--import",
        "talker",
        "--ticks",
        "20",
        "--headless",
        "--out",
        "run",
        "--json",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["ticks"] == 20 and done.stdout.count("\n") == 1
    assert done.stderr.count("acting") >= 20 and done.stderr.count("from C") >= 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--speed", "0.0001"], "agentsim: --speed 0.0001: clock.speed: should be greater"),
        (["--speed", "1e9"], "agentsim: --speed 1000000000.0: clock.speed: should be less"),
        (["--set", "clock=5", "--pacing", "none"], "agentsim: --pacing none: clock is a single value"),
        (["--set", "run=5", "--seed", "3"], "agentsim: --seed 3: run is a single value"),
        (["--set", "clock.speed=0"], "agentsim: --set clock.speed=0: "),
    ],
)
def test_what_is_wrong_is_said_of_what_was_written(words: list[str], message: str) -> None:
    assert refused("run", "arena", "--headless", "--ticks", "5", *words).startswith(message)


def test_many_phases_are_a_row_a_task() -> None:
    """Fourteen phases in turn: ticks and events add up, shares are those of the ticks."""
    phases = [
        {
            "task": task,
            "start": 10 * k,
            "ticks": 10 + k,
            "accuracy": None if k == 2 else k / 20,
            "score": None,
            "events": {"catches": k},
        }
        for k, task in enumerate(["chase", "avoid"] * 7)
    ]
    chase, avoid = _summed(phases)
    own = phases[::2]
    assert (chase["task"], chase["start"], chase["ticks"]) == ("chase, 7 times", 0, sum(p["ticks"] for p in own))
    known = [p for p in own if p["accuracy"] is not None]
    mean = sum(p["accuracy"] * p["ticks"] for p in known) / sum(p["ticks"] for p in known)
    assert chase["accuracy"] == pytest.approx(mean) and chase["score"] is None
    assert avoid["events"] == {"catches": sum(range(1, 14, 2))}
    assert _summed(phases[:12]) == phases[:12]


@pytest.mark.parametrize("module", ["gymnasium", "typer"])
def test_an_interrupt_while_modules_are_imported_has_no_traceback(module: str, folder: Path) -> None:
    """One that comes in the middle of the import of a library: the process ends by it, without a word."""
    (folder / f"{module}.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([*AGENTSIM, "list"], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")

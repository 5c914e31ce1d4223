"""`agentsim train collatz` from the command line: tables, files, wrong input, interruption."""

from __future__ import annotations

import csv
import json
import math
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agentsim.batch.collatz import commands, settings, spreadsheet, study, tables, trials
from agentsim.batch.collatz.closed_forms import CLOSED_FORMS
from agentsim.batch.collatz.evaluation import all_odd, fresh_numbers, interior_states
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.collatz.task import CollatzTask
from agentsim.batch.trials import run_trial, share_done
from agentsim.cli.app import app
from agentsim.errors import UserError

NUMBERS = (7, 9, 27, 97, 2**100 + 3, 2**127 - 1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large sets that are small."""
    sets = {
        "fresh": lambda: fresh_numbers(300),
        "interior": lambda: interior_states(200),
        "all_odd": lambda: all_odd(1_001),
    }
    monkeypatch.setattr(study, "LARGE_SETS", sets)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture, which takes longer than a small training: `test_the_table_of_closed_forms` looks at one."""
    monkeypatch.setattr(study, "picture", lambda result: b"")


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.csv"
    path.write_text("w,n\n" + "".join(f"1,{n}\n" for n in NUMBERS))
    return path


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["train", "collatz", *map(str, words)])


# --- tables ------------------------------------------------------------------------------------------------------


def test_the_table_of_closed_forms(small: None, numbers: Path, tmp_path: Path) -> None:
    """Every form at every L asked for; V = ln n fails where n = 3 mod 4, which is counted here by hand."""
    out = tmp_path / "out"
    done = run("--table", "--lookahead", 12, "--lookahead", 5, "--numbers", numbers, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [(row["lookahead"], row["name"]) for row in result["rows"]] == [(5, f) for f in CLOSED_FORMS] + [
        (12, f) for f in CLOSED_FORMS
    ]
    figures = result["rows"][0]["runs"][0]
    assert result["rows"][0]["kind"] == "control"
    growing = [n for n in NUMBERS if n % 4 == 3]
    assert figures["failures"] == len(growing)
    assert figures["all_odd"] == sum(n % 4 == 3 for n in range(3, 1_001, 2))
    assert result["sizes"]["numbers"] == len(NUMBERS)
    assert json.loads((out / "collatz.json").read_text()) == result
    assert (out / "collatz.png").read_bytes().startswith(b"\x89PNG")
    assert "agentsim train collatz --lookahead 12" in (out / "collatz.html").read_text()


def test_margins_go_into_a_csv_file(small: None, undrawn: None, numbers: Path, tmp_path: Path) -> None:
    """V = ln n: the margin is ln n - ln T(n), by Python's integers."""
    assert run("--table", "--lookahead", 5, "--numbers", numbers, "--out", tmp_path).exit_code == 0
    with (tmp_path / "margins.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["n"]) for line in lines] == list(NUMBERS)
    for line in lines:
        n = int(line["n"])
        following = 3 * n + 1
        following >>= (following & -following).bit_length() - 1
        assert float(line["5 ln n"]) == pytest.approx(math.log(n) - math.log(following), rel=1e-5)
        assert int(line["growth"]) == (following > n)


def test_lines_of_a_row() -> None:
    """Counts of every seed, mean and interval of shares, means of what training cost; nothing where there is none."""
    orbits = {str(seed): {"violations": 2} for seed in (111, 27, 703, 26623, 626331)}
    shares = dict.fromkeys(tables.SHARES, 0.5)
    one = {"orbits": orbits, "violations": 10, "worst_on_orbits": -1.0, "worst": -2.0, "fresh": 1_234, **shares}
    other = one | {"violations": 12, "worst": -3.0, "passed": 0.7, "parameters": 10, "batches": 5, "cpu_seconds": 60.2}
    row = {"lookahead": 5, "name": "V", "kind": "trained", "runs": [one, other]}
    result = {"rows": [row], "sizes": {"steps": 429, "numbers": 50_000, "fresh": 500_000}}
    ((_, headings, (line,)),) = tables.sections(result)
    found = dict(zip(headings, line, strict=True))
    assert found["of 27"] == "2/2" and found["of 429"] == "10/12" and found["fresh 500,000"] == "1,234/1,234"
    assert found["pass %"].startswith("60.000 (0 to 100)")  # 60 ± 127, as t(.975, 1) = 12.706
    assert (found["worst margin"], found["CPU s"], found["batches"]) == ("-3.000", "60", "5")


# --- training ----------------------------------------------------------------------------------------------------


def test_trainings_are_kept_and_not_made_twice(small: None, undrawn: None, numbers: Path, tmp_path: Path) -> None:
    words = ("--config", "max-pool", "--lookahead", 6, "--set", "batches=3", "--seeds", 2, "--jobs", 1)
    first = run(*words, "--numbers", numbers, "--out", tmp_path / "kept", "--json")
    assert first.exit_code == 0, first.output
    result = json.loads(first.stdout)
    (row,) = [row for row in result["rows"] if row["kind"] == "trained"]
    assert (row["name"], len(row["runs"]), row["runs"][0]["batches"]) == ("max-pool", 2, 3)
    assert [row["name"] for row in result["rows"]] == [*CLOSED_FORMS, "max-pool"]
    again = run(*words, "--numbers", numbers, "--out", tmp_path / "kept", "--json")
    assert "0 trainings" in again.stderr
    assert json.loads(again.stdout)["rows"] == result["rows"]
    before = (tmp_path / "kept" / "margins.csv").read_text()
    numbers.write_text("n\n11\n13\n")  # other test numbers, other results; the trainings are the same
    other = run(*words, "--numbers", numbers, "--out", tmp_path / "kept", "--json")
    assert "2 trainings" in other.stderr
    numbers.write_text("n\n" + "".join(f"{n}\n" for n in NUMBERS))
    assert run(*words, "--numbers", numbers, "--out", tmp_path / "kept").exit_code == 0
    assert (tmp_path / "kept" / "margins.csv").read_text() == before


def test_a_lookahead_that_is_asked_for_twice_is_one(small: None) -> None:
    """No seed is counted twice."""
    asked = list(commands.trials_of(["max-pool"], [5, 7, 5], 2, [], False, "test"))
    assert [(trial.config.lookahead, trial.config.seed) for trial in asked] == [(5, 0), (5, 1), (7, 0), (7, 1)]


def test_nothing_is_left_out_where_nothing_would_be_left() -> None:
    only = settings.load("published", ["network.k_only=true"])
    assert commands.groups(only) == []
    last = settings.load("published", ["network.without=[magnitude,residues,drift]"])
    assert commands.groups(last) == []
    for name in settings.names():
        for group in commands.groups(config := settings.load(name)):
            CollatzConfig.model_validate(commands.without(config, group).model_dump())


def test_ablation_trains_again_without_each_group(small: None, undrawn: None, numbers: Path, tmp_path: Path) -> None:
    words = ("--config", "prefix", "--lookahead", 4, "--set", "batches=2", "--seeds", 1, "--jobs", 1, "--ablation")
    done = run(*words, "--numbers", numbers, "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    rows = [row for row in json.loads(done.stdout)["rows"] if row["kind"] == "trained"]
    left_out = commands.groups(settings.load("prefix"))
    assert left_out
    assert [row["name"] for row in rows] == ["prefix", *(f"prefix, no {group}" for group in left_out)]
    sizes = [row["runs"][0]["parameters"] for row in rows]
    assert all(size < sizes[0] for size in sizes[1:])


@pytest.mark.parametrize("name", settings.names())
def test_every_shipped_config_trains_and_can_be_ablated(name: str, small: None, tmp_path: Path) -> None:
    """Two batches of each, and of each without each group of features; a large one with fewer units."""
    smaller = ["network.hidden=[32, 16]"] if name == "published" else []
    whole = bool(commands.groups(settings.load(name)))
    asked = list(commands.trials_of([name], [7], 1, ["batches=2", "sampling.batch=32", *smaller], whole, "test"))
    assert len(asked) == 1 + len(commands.groups(asked[0].config))
    for trial in asked:
        measure = partial(trials.figures_of, numbers=NUMBERS)
        found = run_trial(trial.config, out=tmp_path, task=CollatzTask, measure=measure)
        assert found is not None
        assert 0 <= found["violations"] <= 429 and sum(found["histogram"]) == len(NUMBERS)
        assert share_done(trial, tmp_path) <= 1


def test_a_training_that_is_interrupted_goes_on_to_the_same_bits(
    small: None, undrawn: None, numbers: Path, tmp_path: Path
) -> None:
    """Ctrl-C: status 130, what is there is kept; the same command ends as one that was never interrupted."""
    words = [
        *["--lookahead", "5", "--seeds", "1", "--jobs", "1", "--set", "batches=400", "--set", "sampling.batch=64"],
        "--numbers",
        numbers,
    ]
    command = [sys.executable, "-m", "agentsim", "train", "collatz", *map(str, words), "--out", str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as interrupted:
        until = time.monotonic() + 60
        while not list((tmp_path / "a").glob("trainings/*/done")) and time.monotonic() < until:
            time.sleep(0.02)
        interrupted.send_signal(signal.SIGINT)
        _, errors = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130, errors
    assert "goes on" in errors and "Traceback" not in errors
    for out in ("a", "b"):
        assert run(*words, "--out", tmp_path / out).exit_code == 0
    first, second = (json.loads(next((tmp_path / out).glob("max-pool*.json")).read_text()) for out in ("a", "b"))
    assert first["result"]["margins"] == second["result"]["margins"]


# --- wrong input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--config", "max-pol"), "did you mean max-pool?"),
        (("--set", "network.unit=3"), "network.unit: unknown key, did you mean units?"),
        (("--set", "optimizer.learning_rate=0"), "optimizer.learning_rate: should be greater than 0"),
        (("--set", "batches"), "write it as KEY=VALUE"),
        (("--table", "--config", "prefix"), "--table trains nothing"),
        (("--table", "--lookahead", "1001"), "--lookahead 1001"),
        (("--lookahead", "1001"), "lookahead: should be less than or equal to 1000"),
        (("--lookahead", "0"), "--lookahead"),
        (("--minutes", "-1"), "--minutes"),
        (("--config", "prefix", "--config", "prefix"), "another V of that name"),
        (("--seed", "99999999999999999999999"), "seed: should be less than 4294967296"),
        (("--config", "prefix", "--set", "network.hidden=[10000000]"), "network.hidden.0: should be less than"),
        (("--set", "sampling.climbing_share=.7", "--set", "sampling.interior_share=.7"), "more than all together"),
        (("--config", "stepping-backprop", "--ablation"), "no group of features to leave out"),
        (
            (
                "--config",
                "stepping-backprop",
                "--set",
                "network.brain.align=now",
                "--set",
                "network.brain.execution=stepping",
            ),
            "network.brain.align: now is for inputs that stand still",
        ),
        (("--numbers", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("--out", "/dev/null/x"), "--out /dev/null/x"),
    ],
)
def test_what_is_wrong_is_said_in_one_message(words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ":1: no column n"),
        ("m\n3\n", ":1: no column n"),
        ("n\n7\n8\n", ":3: n: '8'; give an odd number"),
        ("n\n7\n1\n", ":3: n: '1'"),
        ("n\n7\nseven\n", ":3: n: 'seven'"),
        ("n\n7\n\n-5\n", ":4: n: '-5'"),
        ("n\n" + "9" * 5_000 + "\n", ":2: n: "),
        (f"n\n{2**192 + 1}\n", "at most 192 bits"),
        ("n\n7\n", "give at least one number that grows (3 mod 4) and one that shrinks"),
    ],
)
def test_what_is_wrong_with_a_file_of_numbers(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        spreadsheet.read_numbers(path)
    assert says in str(error.value) and str(path) in str(error.value)


def test_no_config_may_have_the_name_of_a_closed_form(tmp_path: Path) -> None:
    path = tmp_path / "D.yaml"
    path.write_text("network: {kind: max_pool}\nbatches: 3\n")
    assert "another V of that name" in run("--config", path).stderr


def test_a_broken_config_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("network: {kind: prefix}\nminuts: 3\n")
    done = run("--config", path)
    assert done.exit_code == 2
    assert "mine.yaml:2: minuts: unknown key, did you mean minutes?" in done.stderr

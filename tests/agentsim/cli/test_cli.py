"""The command line: what it prints where, and that bad input ends with status 2, one message and no traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

import brains
from agentsim import registry
from agentsim.cli.app import app
from agentsim.errors import UserError
from agentsim.window.display import DISPLAY_VARIABLES, display_problem
from brains.layers import LAYERS
from brains.rules import RULES
from worlds import WORLDS

RUN = ["run", "ant.yaml", "--import", "ant", "--headless"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory; what a test registers or imports is forgotten after it; no display."""
    monkeypatch.chdir(tmp_path)
    registers = [(known, dict(known)) for known in (brains.BRAINS, LAYERS, RULES)]
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    for name in DISPLAY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    for known, before_it in registers:
        known.clear()
        known.update(before_it)


@pytest.fixture
def ant(folder: Path) -> None:
    """A brain of the user's own, in the arena."""
    assert call("new", "brain", "ant").exit_code == 0


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


# --- help --------------------------------------------------------------------------------------------------------


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


# --- run ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ant")
def test_run_headless_prints_one_json_object_and_records_the_run() -> None:
    result = figures(*RUN, "--pacing", "none", "--ticks", "90", "--seed", "3", "--out", "here")
    assert (result["ticks"], result["seed"], result["brain"], result["run_directory"]) == (90, 3, "ant", "here")
    written = yaml.safe_load(Path("here/config.yaml").read_text())
    assert written["run"]["seed"] == 3 and written["clock"]["pacing"] == "none"
    assert written["brain"] == {"kind": "ant", "learning_rate": 0.1}


@pytest.mark.usefixtures("ant")
def test_seconds_are_simulated_ones() -> None:
    arguments = [*RUN, "--pacing", "none", "--seconds", "0.5"]
    assert figures(*arguments)["ticks"] == 30
    assert figures(*arguments, "--set", "clock.tick_hz=200")["ticks"] == 100


@pytest.mark.usefixtures("ant")
def test_the_pace_changes_nothing_but_the_pace() -> None:
    flat_out = figures(*RUN, "--pacing", "none", "--ticks", "60")
    fast = figures(*RUN, "--speed", "20", "--ticks", "60")
    assert flat_out["hash"] == fast["hash"]
    assert fast["asked_hz"] == 1200


@pytest.mark.usefixtures("ant")
def test_set_and_brain_reach_the_run() -> None:
    Path("quick.yaml").write_text("kind: ant\nlearning_rate: 0.7\n")
    result = figures(*RUN, "--pacing", "none", "--ticks", "5", "--brain", "quick.yaml", "--set", "run.hash_every=2")
    written = yaml.safe_load(Path(result["run_directory"], "config.yaml").read_text())
    assert (written["brain"]["learning_rate"], written["run"]["hash_every"]) == (0.7, 2)
    assert result["brain"] == "quick"


@pytest.mark.usefixtures("ant")
def test_the_figures_are_a_table_without_json() -> None:
    result = call(*RUN, "--pacing", "none", "--ticks", "60")
    assert result.exit_code == 0
    assert "agentsim/ChaseAvoid-v0" in result.stdout and "accuracy" in result.stdout
    assert "run directory: runs/" in result.stderr


@pytest.mark.usefixtures("ant")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seconds", "1", "--ticks", "2"], "--seconds and --ticks contradict each other"),
        (["--seconds", "0"], "'--seconds': give a number above 0"),
        (["--seconds", "nan"], "'--seconds': give a number above 0"),
        (["--seconds", "inf"], "'--seconds': give a number above 0"),
        (["--seconds", "0.001"], "less than one tick"),
        (["--seconds", "soon"], "--seconds"),
        (["--ticks", "0"], "'--ticks': give a number above 0"),
        (["--ticks", "1.5"], "--ticks"),
        (["--ticks", "1" + 400 * "0"], "at most 2**53"),
        (["--ticks", "-1" + 400 * "0"], "give a number above 0"),
        (["--seconds", "1e15"], "at most 2**53 ticks"),
        (["--set", "run.seconds=1e308"], "run.seconds: 1e+308 seconds at 60 ticks a second are more than 2**53 ticks"),
        (["--set", "run.checkpoint_every=1e308"], "run.checkpoint_every: 1e+308 seconds"),
        (["--set", "phases=[{task: chase, seconds: 1e308}]"], "phases: 1e+308 seconds"),
        (["--brain", "constant", "--set", "brain.action=.inf"], "brain.action: should be a finite number"),
        (["--seed", "-1"], "--seed"),
        (["--speed", "0"], "'--speed': give a number above 0"),
        (["--speed", "1e9"], "--set clock.speed=1000000000.0: clock.speed: should be"),
        (["--speed", "2", "--pacing", "none"], "contradict each other"),
        (["--pacing", "fast"], "fast"),
        (["--set", "clock.tick_hs=3"], "clock.tick_hs: unknown key, did you mean tick_hz?"),
        (["--set", "tick_hz"], "write it as KEY=VALUE"),
        (["--brain", "nobody"], "unknown brain 'nobody'"),
        (["--import", "nowhere"], "--import nowhere: no such module"),
        (["--import", "ant.py"], "give a module's name, not a path, for example --import ant"),
        (["--out", "ant.yaml"], "ant.yaml: is a file; give a directory"),
        (["--out", "/dev/full"], "/dev/full: is a file; give a directory"),
        (["--out", "."], "exists and is not empty"),
        (["--resume", "runs"], "leave out CONFIG"),
        (["--heedless"], "--headless"),
        (["another.yaml"], "another.yaml"),
    ],
)
def test_run_refuses(words: list[str], message: str) -> None:
    assert message in refused(*RUN, *words)
    assert not Path("runs").exists() or not any(Path("runs").iterdir()), "nothing is left behind"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "arenaa", "--headless"], "no config of that name"),
        (["run", "none.yaml", "--headless"], "none.yaml: no such file"),
        (["run", ".", "--headless"], "is a directory"),
        (["run", "", "--headless"], "is a directory"),
        (["replay", "nowhere"], "nowhere"),
        (["replay"], "RUN"),
        (["compare", "nowhere"], "nowhere: not the directory of a run"),
        (["compare"], "RUN"),
        (["run", "--resume", "nowhere"], "nowhere"),
        (["run", "--resume", "nowhere", "--seed", "0"], "leave out --seed"),
        (["run", "--resume", "nowhere", "--brain", "random", "--set", "a=1"], "leave out --brain, --set"),
        (["fly"], "fly"),
        (["new", "house", "mine"], "house"),
        (["--log-level", "loud", "list"], "loud"),
    ],
)
def test_commands_refuse(words: list[str], message: str) -> None:
    assert message in refused(*words)


@pytest.mark.usefixtures("ant")
def test_a_directory_is_never_run_into_twice() -> None:
    figures(*RUN, "--pacing", "none", "--ticks", "5", "--out", "here")
    before = {path.name: path.read_bytes() for path in Path("here").iterdir()}
    assert "--resume here" in refused(*RUN, "--pacing", "none", "--ticks", "5", "--out", "here")
    assert {path.name: path.read_bytes() for path in Path("here").iterdir()} == before


@pytest.mark.usefixtures("ant")
def test_a_brain_that_does_not_fit_is_an_error_of_the_user() -> None:
    Path("pendulum.yaml").write_text("world: {id: Pendulum-v1}\nbrain: {kind: ant}\n")
    assert "continuous" in refused("run", "pendulum.yaml", "--import", "ant", "--headless")


@pytest.mark.usefixtures("ant")
def test_a_brain_that_fails_in_the_middle_ends_the_run_with_status_1_and_what_was_saved() -> None:
    source = Path("ant.py").read_text()
    crash = "    def act(self, observation: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:\n"
    assert crash in source
    broken = "        self.ticks = getattr(self, 'ticks', 0) + 1\n        assert self.ticks != 41, 'out of ants'\n"
    Path("ant.py").write_text(source.replace(crash, crash + '        """Act."""\n' + broken))
    result = call(*RUN, "--pacing", "none", "--ticks", "100", "--out", "here")
    assert result.exit_code == 1 and "Traceback" not in result.stderr
    assert "tick 40: the brain's act() failed" in result.stderr and "out of ants" in result.stderr
    assert "saved up to tick 40" in result.stderr


def test_a_module_that_fails_is_named_with_its_line() -> None:
    Path("broken.py").write_text("x = 1\ny = 1 / 0\n")
    message = refused("list", "--import", "broken")
    assert "broken.py:2: ZeroDivisionError" in message
    Path("torn.py").write_text("x = 1\ny = (\n")
    assert "torn.py:2: SyntaxError: '(' was never closed" in refused("list", "--import", "torn")
    Path("leaves.py").write_text("import sys\nsys.exit(0)\n")
    assert "leaves.py:2: SystemExit" in refused("list", "--import", "leaves")


def test_a_world_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """gymnasium's own error for it is no ImportError."""
    Path("needy.py").write_text(
        "from gymnasium.error import DependencyNotInstalled\nraise DependencyNotInstalled('get x')\n"
    )
    monkeypatch.setitem(gymnasium.registry, "Needy-v0", gymnasium.envs.registration.EnvSpec("Needy-v0", "needy:World"))
    Path("needy.yaml").write_text("world: {id: Needy-v0}\nbrain: random\n")
    assert "needy.yaml:1: world.id: the world 'Needy-v0' cannot be loaded: get x" in refused("run", "needy.yaml")


# --- resume, replay, compare -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ant")
def test_resumed_equals_uninterrupted_and_replay_agrees() -> None:
    whole = figures(*RUN, "--pacing", "none", "--ticks", "250")
    figures(*RUN, "--pacing", "none", "--ticks", "130", "--out", "half")
    resumed = figures("run", "--resume", "half", "--ticks", "250", "--headless", "--import", "ant")
    assert (resumed["ticks"], resumed["hash"]) == (250, whole["hash"])
    replayed = figures("replay", "half", "--headless", "--import", "ant")
    assert (replayed["first_difference"], replayed["hash"]) == (None, whole["hash"])
    for total in (["--ticks", "250"], ["--seconds", "1"], []):
        assert "already at tick 250" in refused("run", "--resume", "half", *total, "--headless")


@pytest.mark.usefixtures("ant")
def test_a_speed_that_no_config_may_hold_is_refused_and_nothing_is_touched() -> None:
    figures(*RUN, "--pacing", "none", "--ticks", "30", "--out", "here")
    before = {path.name: path.read_bytes() for path in Path("here").iterdir()}
    for words in (["replay", "here"], ["run", "--resume", "here", "--ticks", "60"]):
        for speed in ("1e9", "1e-9"):
            assert f"--speed {float(speed):g}: speed" in refused(*words, "--speed", speed, "--headless")
    assert {path.name: path.read_bytes() for path in Path("here").iterdir()} == before


@pytest.mark.usefixtures("ant")
def test_replay_reports_a_difference() -> None:
    figures(*RUN, "--pacing", "none", "--ticks", "250", "--out", "here")
    path = Path("here/hash.jsonl")
    lines = path.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "hash": "0" * 32})
    path.write_text("\n".join(lines) + "\n")
    result = call("replay", "here", "--headless")
    assert result.exit_code == 1 and "another state hash after 200 ticks" in result.stderr


@pytest.mark.usefixtures("ant")
def test_compare_draws_and_tabulates() -> None:
    for seed in ("1", "2"):
        figures(*RUN, "--pacing", "none", "--ticks", "240", "--seed", seed, "--out", f"run{seed}")
    rows = figures("compare", "run1", "run2", "--out", "curves.png")["runs"]
    assert [(row["seed"], row["ticks"]) for row in rows] == [(1, 240), (2, 240)]
    assert Path("curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = call("compare", "run1", "run2").stdout
    assert "run1" in table and "240" in table
    assert "cannot be written" in refused("compare", "run1", "--out", "no/such/folder.png")
    Path("run1/metrics.jsonl").write_text("{}\n")
    assert "run1/metrics.jsonl:1" in refused("compare", "run1")


@pytest.mark.usefixtures("ant")
def test_compare_takes_means_over_ticks() -> None:
    """The accuracy of a run is that of its ticks, not that of its rows: checked against the run's own count."""
    result = figures(*RUN, "--pacing", "none", "--ticks", "240", "--out", "here")
    (row,) = figures("compare", "here")["runs"]
    assert row["accuracy"] == pytest.approx(result["accuracy"], abs=1e-12)
    assert row["reward_per_tick"] == pytest.approx(result["reward"] / 240)
    assert row["events_per_minute"]["catches"] == result["events"]["catches"] * 3600 / 240


# --- terminal view -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ant")
def test_without_a_display_the_figures_are_shown_as_text() -> None:
    result = call("run", "ant.yaml", "--import", "ant", "--ticks", "120", "--speed", "20")
    assert result.exit_code == 0
    assert "no window: neither DISPLAY nor WAYLAND_DISPLAY is set" in result.stderr
    for figure in ("tick 120", "accuracy", "scores", "deadline", "asked 1,200.0 Hz"):
        assert figure in result.stdout


# --- list, doctor, new -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ant")
def test_list() -> None:
    assert call("new", "layer", "wing").exit_code == call("new", "rule", "sting").exit_code == 0
    there = figures("list", "--import", "ant", "--import", "wing", "--import", "sting")
    assert "ant" in there["brain kinds"]
    assert {name: there["worlds"][name] for name in WORLDS} == {name: line for name, (_, line) in WORLDS.items()}
    assert "max-pool" in there["collatz configs"]
    assert there["layer types"]["wing"].startswith("wing: y = activation(gain x + bias)")
    assert there["rules"]["sting"].startswith("sting: gradient descent by direction alone")
    assert [*there["layer types"]] == [*LAYERS, "parallel"] and [*there["rules"]] == [*RULES]
    assert all(there["layer types"].values()) and all(there["rules"].values())
    text = call("list").stdout
    assert all(name in text for name in (*brains.BRAINS, *LAYERS, *RULES))


@pytest.mark.parametrize(("what", "name"), [("brain", "constant"), ("layer", "dense"), ("rule", "tween")])
def test_new_refuses_what_there_is(what: str, name: str) -> None:
    assert f"there is a {what} of that name" in refused("new", what, name)
    assert list(Path().iterdir()) == []


def test_doctor() -> None:
    result = call("doctor", "--json")
    findings = json.loads(result.stdout)
    assert set(findings) == {"software", "processor", "backends", "kernels", "worlds", "display"}
    assert {name: world["state"] for name, world in findings["worlds"].items()} == dict.fromkeys(WORLDS, "ok")
    assert findings["backends"]["numba"]["state"] == "ok"
    assert findings["display"]["window"]["value"] == "neither DISPLAY nor WAYLAND_DISPLAY is set"
    assert "numba" in call("doctor").stdout


def test_doctor_shows_where_kernels_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTSIM_KERNELS", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    folder = tmp_path / "agentsim" / "kernels"
    folder.mkdir(parents=True)
    for name in ("a.b-haswell-1.o", "a.c-haswell-2.o", "a.b-generic-3.o"):
        (folder / name).touch()
    kernels = json.loads(call("doctor", "--json").stdout)["kernels"]
    assert {name: finding["value"] for name, finding in kernels.items()} == {
        "folder": str(folder),
        "compiled for": "haswell",
        "compiled": "2 files of object code",
    }
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (finding,) = json.loads(call("doctor", "--json").stdout)["kernels"].values()
    assert finding["state"] == "absent" and "XDG_CACHE_HOME" in finding["advice"]


def test_display_problem_is_none_where_pygame_can_open_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert display_problem() is None
    monkeypatch.setenv("SDL_VIDEODRIVER", "no_such_driver")
    assert "pygame cannot open a display" in (display_problem() or "")


@pytest.mark.parametrize(
    ("what", "name"),
    [("brain", "fresh"), ("brain", "p"), ("world", "fresh"), ("world", "p"), ("layer", "fresh"), ("rule", "fresh")],
)
def test_new_writes_what_runs_and_passes_its_own_test(what: str, name: str) -> None:
    assert call("new", what, name).exit_code == 0
    brain = ["--brain", "random"] if what == "world" else []  # its own takes seconds to compile
    words = ["run", f"{name}.yaml", "--import", name, *brain, "--headless", "--pacing", "none", "--ticks", "30"]
    result = figures(*words)
    assert result["ticks"] == 30
    own_test = [sys.executable, "-m", "pytest", "-q", f"test_{name}.py"]
    answer = subprocess.run(own_test, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
    written = {path.name: path.read_text() for path in Path().iterdir() if path.is_file()}
    assert "there already" in refused("new", what, name)
    assert {path.name: path.read_text() for path in Path().iterdir() if path.is_file()} == written


@pytest.mark.parametrize("name", ["my-brain", "1st", "class", "a b", "../up", "", "numpy", "json", "agentsim", "größe"])
def test_new_refuses_names(name: str) -> None:
    assert re.search("not a Python module name|would be hidden", refused("new", "brain", name))
    assert list(Path().iterdir()) == []


# --- registry ----------------------------------------------------------------------------------------------------


class Mine:
    pass


def test_register_brain_takes_classes_that_can_be_found_again() -> None:
    registry.register_brain("mine", Mine)
    assert brains.load("mine") is Mine
    registry.register_brain("mine", Mine)  # a second import does no harm

    class Inner:
        pass

    for name, brain in [
        ("inner", Inner),
        ("mine", "other:Class"),
        ("stepping", Mine),
        ("x", "no colon"),
        ("a-b", Mine),
    ]:
        with pytest.raises(ValueError, match="register_brain"):
            registry.register_brain(name, brain)


def test_import_errors_inside_a_module_are_told_from_a_missing_one() -> None:
    Path("needs.py").write_text("import no_such_library\n")
    with pytest.raises(UserError, match="No module named 'no_such_library'"):
        registry.import_module("needs")
    with pytest.raises(UserError, match="no such module here"):
        registry.import_module("no_such_module.part")


# --- processes ---------------------------------------------------------------------------------------------------


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agentsim", *words]


def test_bad_input_from_a_shell() -> None:
    answer = subprocess.run(command("run", "none.yaml"), capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("agentsim: none.yaml: no such file") and answer.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["doctor"]])
def test_a_full_disk_is_said_in_one_line(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(command(*words), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("agentsim: [Errno 28]") and answer.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["list"], ["list", "--json"]])
def test_a_reader_may_leave(words: list[str]) -> None:
    """As `head` does: the exit status is the command's own, and nothing is said."""
    reader, writer = os.pipe()
    os.close(reader)
    answer = subprocess.run(command(*words), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.usefixtures("ant")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_and_says_how_to_resume(number: signal.Signals) -> None:
    process = subprocess.Popen(
        command(*RUN, "--out", "here", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not Path("here/metrics.jsonl").exists() or not Path("here/metrics.jsonl").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    ticks = json.loads(out)["ticks"]
    assert f"stopped and saved at tick {ticks}; go on: agentsim run --resume here" in err and "Traceback" not in err
    resumed = figures("run", "--resume", "here", "--ticks", str(ticks + 10), "--headless", "--import", "ant")
    assert resumed["ticks"] == ticks + 10


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from agentsim.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*({'torch', 'numba', 'pygame', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stderr.strip() == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("brain:\n  kind: stepping\n  layers: [{units: 4}, {units: 5}]\n", "5: brain.layers.1.units: 5 does not fit"),
        (
            "brain: arena\nphases:\n  - {task: hide, seconds: 3}\n",
            "4: phases: agentsim/ChaseAvoid-v0 has no task 'hide'",
        ),
    ],
)
def test_what_does_not_fit_the_world_is_named_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "misfit.yaml"
    config.write_text("world:\n  id: agentsim/ChaseAvoid-v0\n" + text)
    result = CliRunner().invoke(app, ["run", str(config), "--headless", "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert f"misfit.yaml:{said}" in result.stderr


def test_a_refused_resume_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    start = ["run", "arena", "--brain", "random", "--headless", "--pacing", "none", "--ticks", "3", "--out"]
    assert CliRunner().invoke(app, [*start, str(directory)]).exit_code == 0
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert CliRunner().invoke(app, ["run", "--resume", str(directory), "--ticks", "3"]).exit_code == 2
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before

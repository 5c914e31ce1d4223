"""The command run: what it prints where, and that bad input ends with status 2, one message and no traceback."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import pytest
import yaml
from typer.testing import CliRunner

from agentsim.cli.app import app
from tests.agentsim.cli.command_line import RUN, call, figures, refused

pytestmark = pytest.mark.usefixtures("folder")


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
        (["--speed", "1e9"], "--speed 1000000000.0: clock.speed: should be"),
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
        (["run", "", "--headless"], "no name and no path; there are: acrobot"),
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


@pytest.mark.usefixtures("ant")
def test_without_a_display_the_figures_are_shown_as_text() -> None:
    result = call("run", "ant.yaml", "--import", "ant", "--ticks", "120", "--speed", "20")
    assert result.exit_code == 0
    assert "no window: neither DISPLAY nor WAYLAND_DISPLAY is set" in result.stderr
    for figure in ("tick 120", "accuracy", "scores", "deadline", "asked 1,200.0 Hz"):
        assert figure in result.stdout


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

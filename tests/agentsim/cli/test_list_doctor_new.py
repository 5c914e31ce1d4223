"""What there is, what works on this machine, and new parts of the user's own; how they are registered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import brains
from agentsim import registry
from agentsim.errors import UserError
from agentsim.window.display import display_problem
from brains.layers import LAYERS
from brains.rules import RULES
from tests.agentsim.cli.command_line import call, figures, refused
from worlds import WORLDS

pytestmark = pytest.mark.usefixtures("folder")


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


def test_new_refuses_what_is_too_long_and_what_there_is() -> None:
    assert "too long" in refused("new", "layer", "a" * 300)
    assert "there is a layer of that name" in refused("new", "layer", "parallel")
    assert list(Path().iterdir()) == []


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

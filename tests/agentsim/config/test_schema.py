"""The shipped JSON Schemas: an independent validator takes every shipped config by them, and refuses what is wrong."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from agentsim.batch import MODES, settings
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.digits.settings import DigitsConfig, MnistConfig
from agentsim.batch.dream.settings import DreamConfig
from agentsim.batch.evolution.settings import (
    AcrobotConfig,
    ArenaConfig,
    CartPoleConfig,
    CountConfig,
    MountainCarConfig,
    RegressionConfig,
    StrideConfig,
    TextConfig,
)
from agentsim.batch.policy_gradient.settings import PolicyConfig
from agentsim.batch.settings import TrainingConfig
from agentsim.batch.split.settings import SplitConfig
from agentsim.config import located_yaml
from agentsim.config.brain import Brain
from agentsim.config.load import Config, load_brain, load_config
from agentsim.config.sources import configs_directory
from agentsim.errors import UserError

CONFIGS = configs_directory()
TRAINED: dict[str, type[TrainingConfig]] = {
    "acrobot_es": AcrobotConfig,
    "cartpole_es": CartPoleConfig,
    "cartpole_pg": PolicyConfig,
    "collatz": CollatzConfig,
    "count_es": CountConfig,
    "digits": DigitsConfig,
    "dream": DreamConfig,
    "mnist": MnistConfig,
    "mountain_car_es": MountainCarConfig,
    "arena_es": ArenaConfig,
    "regression_es": RegressionConfig,
    "split_mnist": SplitConfig,
    "stride_es": StrideConfig,
    "text_es": TextConfig,
}
WHAT = {"config": CONFIGS, "brain": CONFIGS / "brains", **{mode: CONFIGS / mode for mode in MODES}}
FILES = [(what, path) for what, folder in WHAT.items() for path in sorted(folder.glob("*.yaml"))]
BAD: list[Any] = [-1, 0.5, 10**9, "nonsense", True, [], {}, {"nonsense": 1}, [-1]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@cache
def validator(what: str) -> Draft202012Validator:
    schema = json.loads((CONFIGS / "schema" / f"{what}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def model_refuses(what: str, data: Any) -> bool:
    """Whether agentsim refuses the data for a key's own sake, not for what keys say together."""
    models = {"config": TypeAdapter(Config), "brain": TypeAdapter(Brain)}
    models |= {mode: TypeAdapter(model) for mode, model in TRAINED.items()}
    try:
        models[what].validate_python(data)
    except ValidationError as error:
        return any(details["type"] != "value_error" for details in error.errors())
    return False


def whole(what: str, path: Path) -> dict[str, Any]:
    """What a shipped file says, together with the one that it extends."""
    match what:
        case "config":
            data = load_config(path.stem).model_dump(mode="json")
        case "brain":
            data = load_brain(path.stem)
        case _:
            data = settings.load(TRAINED[what], path.stem).model_dump(mode="json")
    return data


@pytest.mark.parametrize("what", WHAT)
def test_the_shipped_schemas_are_those_that_the_command_prints(what: str) -> None:
    """In a process of its own: here other tests have registered what is theirs."""
    pinned = (Path(__file__).parents[3] / "constraints.txt").read_text(encoding="utf-8")
    if f"pydantic=={version('pydantic')}\n" not in pinned:
        pytest.skip("another version of pydantic words schemas another way")
    printed = subprocess.run([sys.executable, "-m", "agentsim", "schema", what], capture_output=True, check=True)
    assert printed.stdout == (CONFIGS / "schema" / f"{what}.json").read_bytes()


@pytest.mark.parametrize(("what", "path"), FILES, ids=lambda part: getattr(part, "stem", part))
def test_shipped_files_name_their_schema_and_fit_it(what: str, path: Path) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == CONFIGS / "schema" / f"{what}.json"
    check = validator(what)
    assert [error.message for error in check.iter_errors(located_yaml.read(path).value)] == []
    assert [error.message for error in check.iter_errors(whole(what, path))] == []


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is anything."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def put(data: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The data with another value there; `...` takes it out."""
    data = copy.deepcopy(data)
    here = data
    for key in at[:-1]:
        here = here[key]
    if value is ...:
        del here[at[-1]]
    else:
        here[at[-1]] = value
    return data


@pytest.mark.parametrize(("what", "path"), FILES, ids=lambda part: getattr(part, "stem", part))
def test_mutants_that_the_models_refuse_are_refused(what: str, path: Path) -> None:
    """A key too many, one too few, and values of another type or far out of range."""
    rng, check, data = np.random.default_rng(len(path.stem)), validator(what), whole(what, path)
    there = [at for at in places(data) if at]
    refused = 0
    for _ in range(40):
        at = there[rng.integers(len(there))]
        mutant = put(data, at, [..., *BAD][rng.integers(len(BAD) + 1)])
        if model_refuses(what, mutant):
            assert not check.is_valid(mutant), (at, mutant)
            refused += 1
    assert refused > 5


@pytest.mark.parametrize(("what", "path"), FILES, ids=lambda part: getattr(part, "stem", part))
def test_files_with_a_key_too_many_are_refused_by_both(what: str, path: Path) -> None:
    """In any mapping but one whose keys a person chooses; a file that extends another one too."""
    check, data = validator(what), located_yaml.read(path).value
    mappings = [at for at in places(data) if isinstance(inside(data, at), dict) and at != ("world", "options")]
    for at in mappings:
        mutant = put(data, (*at, "nonsense"), 1)
        if at == ("brains",):
            continue
        assert not check.is_valid(mutant), mutant
        Path("mutant.yaml").write_text(located_yaml.dump(mutant), encoding="utf-8")
        with pytest.raises(UserError, match="nonsense: unknown key"):
            if what == "config":
                load_config("mutant.yaml")
            elif what == "brain":
                load_brain("./mutant.yaml")
            else:
                settings.load(TRAINED[what], "mutant.yaml")


def inside(data: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        data = data[key]
    return data


@pytest.mark.parametrize(
    "text",
    [
        "extends: arna",
        "world: {id: agentsim/ChaseAviod-v0}\nbrain: arena",
        "world: {id: agentsim/ChaseAvoid-v0, options: {shapping: 1}}\nbrain: arena",
        "world: {id: CartPole-v1}\nbrain: arna",
        "world: {id: CartPole-v1}",
        "world: {id: CartPole-v1}\nbrain: {extends: arna}",
        "world: {id: CartPole-v1}\nbrain: {kind: stepping}",
        "world: {id: CartPole-v1}\nbrain: arena\nphases: {repeat: 0, of: [{task: chase, seconds: 1}]}",
        "world: {id: 'os:system'}\nbrain: arena",
        "brain: arena",
        "[]",
    ],
)
def test_what_both_refuse(text: str) -> None:
    Path("mine.yaml").write_text(text, encoding="utf-8")
    assert not validator("config").is_valid(located_yaml.parse(text, "mine.yaml").value)
    with pytest.raises(UserError):
        load_config("mine.yaml")

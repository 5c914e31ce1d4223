"""Configs: what is read is what was written, and every mistake is named by file, line and key."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import brains
from agentsim.config import located_yaml
from agentsim.config.load import Config, brain_names, config_names, load_brain, load_config
from agentsim.errors import UserError


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Dense(Model):
    type: Literal["dense"] = "dense"
    units: int = Field(ge=1)


class Memory(Model):
    type: Literal["memory"]
    window: int = 4


class Block(Model):
    block: int


class Accumulate(Model):
    accumulate: int


class FakeBrain:
    class Config(Model):
        learning_rate: float = Field(default=0.1, gt=0)
        rule: Literal["backprop", "tween"] = "backprop"
        layers: list[Annotated[Dense | Memory, Field(discriminator="type")]] = []
        schedule: Literal["every_tick"] | Block | Accumulate = "every_tick"


@pytest.fixture(autouse=True)
def fake_brain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(brains.BRAINS, "fake", f"{__name__}:FakeBrain")
    monkeypatch.chdir(tmp_path)


GOOD = """\
world:
  id: agentsim/ChaseAvoid-v0
  options: {shaping: 0.25}
brain:
  kind: fake
  learning_rate: 0.5
clock: {tick_hz: 120}
"""


def write(text: str, name: str = "mine.yaml") -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return name


def wrong(text: str, *overrides: str, **options: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_config(write(text), overrides=overrides, **options)
    return str(caught.value).splitlines()


def test_values_and_defaults() -> None:
    config = load_config(write(GOOD))
    assert config.world.options == {"shaping": 0.25}
    assert config.brain == {
        "kind": "fake", "learning_rate": 0.5, "rule": "backprop", "layers": [], "schedule": "every_tick",
    }  # fmt: skip
    assert (config.clock.tick_hz, config.clock.pacing, config.run.seed, config.phases) == (120, "sleep", 0, ())


def test_a_config_does_not_change_after_loading() -> None:
    config = load_config(write(GOOD))
    with pytest.raises(ValidationError):
        config.clock.tick_hz = 5  # type: ignore[misc]


def test_unknown_keys_are_named_with_file_line_and_what_was_probably_meant() -> None:
    text = GOOD.replace("learning_rate", "learning_rat") + "clok: {}\n"
    assert wrong(text) == [
        "mine.yaml:6: brain.learning_rat: unknown key, did you mean learning_rate?",
        "mine.yaml:8: clok: unknown key, did you mean clock?",
    ]


def test_all_mistakes_are_listed_in_the_order_of_the_file() -> None:
    text = """\
    world: {id: agentsim/ChaseAvoid-v0}
    brain:
      kind: fake
      learning_rate: -1
      rule: twin
      layers:
        - {type: dense, units: 8}
        - {type: dense, unitz: 8}
        - {type: dens, units: 8}
    clock:
      tick_hz: fast
    phases:
      - {task: chase, seconds: 20}
      - {task: avoid}
    run: 7
    """
    assert wrong(text) == [
        "mine.yaml:4: brain.learning_rate: should be greater than 0, got -1",
        "mine.yaml:5: brain.rule: unknown value 'twin', did you mean tween?",
        "mine.yaml:8: brain.layers.1.units: missing; add it",
        "mine.yaml:8: brain.layers.1.unitz: unknown key, did you mean units?",
        "mine.yaml:9: brain.layers.2: type: unknown value 'dens', did you mean dense?",
        "mine.yaml:11: clock.tick_hz: should be a valid number, unable to parse string as a number, got 'fast'",
        "mine.yaml:14: phases.1.seconds: missing; add it",
        "mine.yaml:15: run: should be a mapping of keys, got 7",
    ]


def test_of_a_union_only_the_likely_alternative_is_explained() -> None:
    lines = wrong(GOOD.replace("learning_rate: 0.5", "schedule: {accumulat: 5}"))
    assert "mine.yaml:6: brain.schedule.accumulat: unknown key, did you mean accumulate?" in lines
    assert not any("block" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.yaml: is empty"),
        ("# only a comment\n", "mine.yaml: is empty"),
        ("[1, 2]", "must hold a mapping"),
        ("just words", "must hold a mapping"),
        ("world: {id: a\nbrain: b", "mine.yaml:2: not valid YAML"),
        ("a: 1\n\tb: 2\n", "mine.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "mine.yaml:2: not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not allowed"),
        ("a: !!python/name:os.system ''", "is not allowed"),
        ("a: !!set {b, c}", "is not allowed"),
        ("a: !!int x", "mine.yaml:1: 'x' is not a valid int"),
        ("? [a, b]\n: 1", "a key must be a word"),
        ("a: &a [*a]", "an alias that contains itself"),
        ("[" * 5000, "nested too deeply"),
        ("a: *nowhere", "mine.yaml:1: not valid YAML"),
        ("a: \x07", "mine.yaml: not valid YAML"),
        (GOOD + "run: {seed: 1}\nrun: {seed: 2}\n", "mine.yaml:9: run: written twice (first at mine.yaml:8)"),
        (GOOD + "run: {seed: 1, seed: 1}\n", "mine.yaml:8: run.seed: written twice"),
        ("brain: fake", "mine.yaml:1: world: missing"),
        ("world: {id: CartPole-v1}", "mine.yaml:1: brain: missing"),
        ("world: {id: CartPole-v1}\nbrain: [1]", "mine.yaml:2: brain: should be a name, a path or a mapping"),
        ("world: {id: CartPole-v1}\nbrain: {learning_rate: 1}", "mine.yaml:2: brain.kind: missing"),
        ("world: {id: CartPole-v1}\nbrain: {kind: fak}", "2: brain.kind: unknown kind 'fak', did you mean fake?"),
        ("world: {id: CartPole-v1}\nbrain: {kind: [1]}", "mine.yaml:2: brain.kind: unknown kind [1]"),
        ("world: {id: CartPole-v1}\nbrain: fak", "mine.yaml:2: brain: unknown brain 'fak', did you mean fake?"),
        ("world: {id: CartPole-v1}\nbrain: b/none.yaml", "mine.yaml:2: brain: b/none.yaml: no such file"),
        ("world: {id: cartpole-v1}\nbrain: fake", ": world.id: unknown world 'cartpole-v1', did you mean CartPole-v1?"),
        ("world: {id: os:CartPole-v1}\nbrain: fake", "mine.yaml:1: world.id: must not name a module"),
        (GOOD.replace("shaping", "shapping"), "3: world.options.shapping: unknown option, did you mean shaping?"),
        (GOOD.replace("120", ".inf"), "mine.yaml:7: clock.tick_hz: should be"),
        (GOOD.replace("120", ".nan"), "mine.yaml:7: clock.tick_hz: should be"),
        (GOOD.replace("120", "0"), "mine.yaml:7: clock.tick_hz: should be"),
        (GOOD.replace("120", "null"), "mine.yaml:7: clock.tick_hz: should be a valid number, got nothing"),
        (GOOD.replace("{tick_hz: 120}", ""), "mine.yaml:7: clock: should be a mapping of keys, got nothing"),
        (GOOD + "run: {seed: -1}", "mine.yaml:8: run.seed: should be greater than or equal to 0, got -1"),
        (GOOD + "run: {seed: 1.5}", "mine.yaml:8: run.seed: should be a valid integer"),
        (GOOD + f"run: {{seed: {'9' * 5000}}}", "mine.yaml:8: "),
        (GOOD + "on: 1", "mine.yaml:8: on: unknown key"),
        (GOOD + "null: 1", "mine.yaml:8: null: unknown key"),
        (GOOD + "3: 1", "mine.yaml:8: 3: "),
    ],
)  # fmt: skip
def test_mistakes(text: str, message: str) -> None:
    assert message in "\n".join(wrong(text))


def test_alias_bomb_is_refused_quickly() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "more than 100,000 values" in wrong("\n".join(levels))[0]


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, content, message in [
        ("binary.yaml", b"\x89PNG\0\0", "binary.yaml: is a binary file"),
        ("latin.yaml", "a: 1\nb: é".encode("latin-1"), "latin.yaml:2: is not UTF-8 text"),
        ("huge.yaml", b"a: b\n" * 300_000, "huge.yaml: is larger than"),
    ]:
        Path(name).write_bytes(content)
        with pytest.raises(UserError, match=message):
            load_config(name)
    Path("folder").mkdir()
    for name in ("folder", "folder/", Path("folder")):
        with pytest.raises(UserError, match="is a directory"):
            load_config(name)
    write(GOOD, "there.yaml")
    with pytest.raises(UserError, match=r"none\.yaml: no such file; there are: .*there\.yaml"):
        load_config("none.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read() -> None:
    Path(write(GOOD)).chmod(0)
    with pytest.raises(UserError, match=r"mine\.yaml: cannot be read: Permission denied"):
        load_config("mine.yaml")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    Path("mine.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_config("mine.yaml").clock.tick_hz == 120


# --- brains in files of their own, and swaps ---------------------------------------------------------------------


def test_a_brain_in_another_file_is_reported_with_that_file() -> None:
    write("# a brain\nkind: fake\nlearning_rat: 1\n", "configs/brains/mine.yaml")
    text = "world: {id: CartPole-v1}\nbrain: brains/mine.yaml\nclok: {}\n"
    write(text, "configs/run.yaml")
    with pytest.raises(UserError) as caught:
        load_config("configs/run.yaml")
    assert str(caught.value).splitlines() == [
        "configs/run.yaml:3: clok: unknown key, did you mean clock?",
        "configs/brains/mine.yaml:3: brain.learning_rat: unknown key, did you mean learning_rate?",
    ]


def test_brain_swaps_by_kind_and_by_path() -> None:
    write(GOOD)
    assert load_config("mine.yaml", brain="fake").brain["learning_rate"] == 0.1
    write("kind: fake\nlearning_rate: 0.7\n", "other/quick.yaml")
    config = load_config("mine.yaml", brain="other/quick.yaml")
    assert (config.brain["learning_rate"], config.brain_name) == (0.7, "quick")
    write(config.to_yaml(), "again.yaml")
    assert load_config("again.yaml").brain_name == "quick"
    assert load_config("again.yaml", brain="fake").brain_name == "fake"
    assert load_config("again.yaml", overrides=["brain={kind: fake}"]).brain_name == ""
    config = load_config("mine.yaml", brain="other/quick.yaml", overrides=["brain.learning_rate=0.9"])
    assert config.brain["learning_rate"] == 0.9
    assert wrong(GOOD, brain="fakke") == ["--brain fakke: brain: unknown brain 'fakke', did you mean fake?"]


def test_load_brain_is_what_a_config_resolves_to() -> None:
    assert load_brain("fake") == {"kind": "fake", **FakeBrain.Config().model_dump(mode="json")}
    with pytest.raises(UserError, match="unknown brain"):
        load_brain("fakke")


# --- overrides ---------------------------------------------------------------------------------------------------


def test_overrides_are_yaml_and_reach_everywhere() -> None:
    overrides = [
        "clock.tick_hz=1e2",
        "world.options={shaping: 1e-3}",
        "brain.layers=[{type: dense, units: 3}]",
        "brain.layers.0.units=5",
        "run.seed=9",
        "run.seconds=2.5",
        "phases=[{task: chase, seconds: 1}, {task: avoid, seconds: 2}]",
        "phases.1.seconds=4",
    ]
    config = load_config(write(GOOD), overrides=overrides)
    assert config.clock.tick_hz == 100 and config.world.options == {"shaping": 0.001}
    assert config.brain["layers"] == [{"type": "dense", "units": 5}]
    assert (config.run.seed, config.run.seconds) == (9, 2.5)
    assert [(phase.task, phase.seconds) for phase in config.phases] == [("chase", 1), ("avoid", 4)]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("brain.learning_rat=0.05", "--set brain.learning_rat=0.05: brain.learning_rat: unknown key, did you mean"),
        ("clock.tick_hz=-3", "--set clock.tick_hz=-3: clock.tick_hz: should be"),
        ("clock={tick_hs: 3}", "--set clock={tick_hs: 3}: clock.tick_hs: unknown key, did you mean tick_hz?"),
        ("clock.tick_hz=", "--set clock.tick_hz=: clock.tick_hz: should be a valid number, got nothing"),
        ("clock.tick_hz", "write it as KEY=VALUE"),
        ("=3", "write it as KEY=VALUE"),
        ("clock..tick_hz=3", "write it as KEY=VALUE"),
        ("clock.tick_hz=[1", "--set clock.tick_hz=[1: not valid YAML"),
        ("clock.tick_hz=!!python/name:os.system 1", "is not allowed"),
        ("clock.tick_hz.x=3", "clock.tick_hz is a single value, it has no key x"),
        ("phases.0.seconds=3", "--set phases.0.seconds=3: phases"),
        ("brain=nothing", "--set brain=nothing: brain: unknown brain"),
        ("nonsense=1", "--set nonsense=1: nonsense: unknown key"),
    ],
)  # fmt: skip
def test_wrong_overrides(override: str, message: str) -> None:
    assert message in "\n".join(wrong(GOOD, override))


def test_overrides_make_the_sections_that_are_not_there() -> None:
    assert load_config(write(GOOD), overrides=["learn.slack=true"]).learn.slack is True


# --- round trips -------------------------------------------------------------------------------------------------

options = st.dictionaries(st.sampled_from(["shaping", "teacher_every"]), st.integers(0, 100))
sections = st.fixed_dictionaries(
    {
        "world": st.fixed_dictionaries({"id": st.just("agentsim/ChaseAvoid-v0"), "options": options}),
        "brain": st.fixed_dictionaries(
            {"kind": st.just("fake")},
            optional={
                "learning_rate": st.floats(1e-300, 1e300),
                "rule": st.sampled_from(["backprop", "tween"]),
                "layers": st.lists(
                    st.builds(lambda n: {"type": "dense", "units": n}, st.integers(1, 2**40))
                    | st.builds(lambda n: {"type": "memory", "window": n}, st.integers(-5, 5)),
                    max_size=4,
                ),
                "schedule": st.sampled_from(["every_tick", {"block": 4}, {"accumulate": 2}]),
            },
        ),
    },
    optional={
        "clock": st.fixed_dictionaries(
            {},
            optional={
                "tick_hz": st.floats(0.01, 1e5),
                "pacing": st.sampled_from(["sleep", "hybrid", "none"]),
                "overrun": st.sampled_from(["slip", "catch_up", "skip"]),
                "max_catch_up": st.integers(1, 1000),
                "speed": st.floats(0.001, 1e4),
            },
        ),
        "learn": st.fixed_dictionaries({}, optional={"steps_per_tick": st.integers(0, 64), "slack": st.booleans()}),
        "phases": st.lists(
            st.fixed_dictionaries({"task": st.text(min_size=1), "seconds": st.floats(0.001, 1e6)}), max_size=3
        ),
        "run": st.fixed_dictionaries(
            {}, optional={"seed": st.integers(0, 2**64), "seconds": st.none() | st.floats(0.001, 1e9)}
        ),
    },
)


@given(sections)
@settings(max_examples=100, deadline=None)
def test_a_resolved_config_loads_back_equal(data: dict[str, Any]) -> None:
    Path("one.yaml").write_text(located_yaml.dump(data), encoding="utf-8")
    config = load_config("one.yaml")
    Path("two.yaml").write_text(config.to_yaml(), encoding="utf-8")
    again = load_config("two.yaml")
    assert again == config
    assert again.to_yaml() == config.to_yaml()


@pytest.mark.parametrize("name", config_names())
def test_shipped_configs_load_and_load_back_equal(name: str) -> None:
    config = load_config(name)
    Path("again.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config("again.yaml") == config


@pytest.mark.parametrize("name", [*brain_names(), *(kind for kind in brains.BRAINS if kind != "stepping")])
def test_every_brain_that_is_listed_loads(name: str) -> None:
    assert load_brain(name)["kind"] in brains.BRAINS


def test_shipped_configs_are_found_by_name_from_anywhere() -> None:
    for name in config_names():
        assert isinstance(load_config(name), Config)
    with pytest.raises(UserError, match="no config of that name"):
        load_config("arenaa")

"""Configs: what is read is what was written, and every mistake is named by file, line and key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from agentsim.config.load import load_brain, load_config
from agentsim.errors import UserError
from tests.agentsim.config.fake_brain import GOOD, FakeBrain, write, wrong

pytestmark = pytest.mark.usefixtures("fake_brain")


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
    (message,) = wrong(GOOD, brain="fakke")
    assert message.startswith("--brain fakke: brain: unknown brain 'fakke', did you mean fake?")
    assert "--import MODULE" in message


def test_load_brain_is_what_a_config_resolves_to() -> None:
    assert load_brain("fake") == {"kind": "fake", **FakeBrain.Config().model_dump(mode="json")}
    with pytest.raises(UserError, match="unknown brain"):
        load_brain("fakke")

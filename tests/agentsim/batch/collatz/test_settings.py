"""Configs of V's: they are read, and what is wrong in them is named by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentsim.batch.collatz.settings import load, names
from agentsim.batch.collatz.task import LEARNERS
from agentsim.errors import UserError


@pytest.mark.parametrize("name", names())
def test_shipped_configs_load_and_can_be_written_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "again.yaml"
    path.write_text(load(name).to_yaml(), encoding="utf-8")
    assert load(path) == load(name) and load(name).network.kind in LEARNERS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "network: {kind: prefix}\nminutes: 1\nlookahed: 3",
            "mine.yaml:3: lookahed: unknown key, did you mean lookahead?",
        ),
        (
            "minutes: 1\nnetwork:\n  kind: prefixx",
            "mine.yaml:2: network: kind: unknown value 'prefixx', did you mean prefix?",
        ),
        ("minutes: 1\nnetwork:\n  kind: prefix\n  without: [on]", "mine.yaml:4: network.without.0: unknown value 'on'"),
        ("minutes: 1\nnetwork:\n  kind: prefix\n  k_only: true", "mine.yaml:4: network.k_only: unknown key"),
        ("network: {kind: prefix}\nminutes: -1", "mine.yaml:2: minutes: "),
        ("network: {kind: prefix}", "mine.yaml:1: give either minutes or batches"),
        ("network: {kind: prefix}\nminutes: 1\nbatches: 3", "mine.yaml:1: give either minutes or batches"),
        (
            "network: {kind: prefix}\nminutes: 1\nsampling:\n  bits: [50, 40]",
            "mine.yaml:3: sampling: bits: give the smaller",
        ),
        (
            "network: {kind: published, k_only: true, without: [halvings]}\nminutes: 1",
            "mine.yaml:1: network: without: ",
        ),
        ("", "mine.yaml: is empty"),
    ],
)
def test_what_is_wrong_in_a_config_is_named_by_file_line_and_key(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load("mine.yaml")
    assert str(caught.value).startswith(message)


def test_overrides_are_applied_last() -> None:
    settings = load("prefix", ["lookahead=20", "network.hidden=[8]", "batches=7"])
    assert (settings.lookahead, settings.network.hidden, settings.batches, settings.minutes) == (20, (8,), 7, None)
    with pytest.raises(UserError, match=r"--set seed=-1: seed: "):
        load("prefix", ["seed=-1"])
    with pytest.raises(UserError, match="no config of that name"):
        load("prefixx")

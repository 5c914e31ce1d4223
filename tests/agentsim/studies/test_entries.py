"""Which rows a table has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentsim.errors import UserError
from agentsim.studies.entries import MERITS, best_of_groups, entries


def test_arena_stands_beside_every_control() -> None:
    rows = entries(["arena"], ["arena", "step-tween-chain"])
    assert [entry.name for entry in rows if not entry.control] == ["arena", "step-tween-chain"]
    assert {entry.name for entry in rows if entry.control} == {
        *("random", "repeat-last-label", "bias-only", "online-backprop", "diagonal"),
        *("constant 0", "constant 1", "constant 2", "constant 3"),
        *("arena, frozen", "arena, no replay", "arena, one brain tick a tick", "oracle, 0 late"),  # three layers
        *("step-tween-chain, frozen", "step-tween-chain, sequential", "oracle, 5 late"),  # six
    }
    by_name = {entry.name: entry.config for entry in rows}
    assert by_name["arena, frozen"].learn.steps_per_tick == 0
    assert by_name["arena, no replay"].brain == by_name["arena"].brain | {"replay": None}
    assert by_name["arena, one brain tick a tick"].brain == by_name["arena"].brain | {"brain_ticks_per_world_tick": 1}
    assert by_name["arena, one brain tick a tick"].learn == by_name["arena"].learn
    assert by_name["diagonal"].brain == {"kind": "alternate", "actions": [0, 3]}
    assert {config.clock.pacing for config in by_name.values()} == {"none"}
    assert {config.run.seconds for config in by_name.values()} == {60.0}  # of the phases


@pytest.mark.parametrize(("source", "constants"), [("cartpole", ["0", "1"]), ("pendulum", ["0", "0.5", "1"])])
def test_worlds_of_reward_have_the_controls_that_need_no_teacher(source: str, constants: list[str]) -> None:
    rows = entries([source], ["reward"], ticks=50)
    wanted = ["reward", "reward, frozen", *(f"constant {action}" for action in constants), "random"]
    assert [entry.name for entry in rows] == wanted
    assert {round(entry.config.run.seconds * entry.config.clock.tick_hz) for entry in rows} == {50}


def test_a_row_is_not_there_twice() -> None:
    assert [entry.name for entry in entries(["cartpole"], ["random"])] == ["random", "constant 0", "constant 1"]


def test_one_name_is_one_brain(tmp_path: Path) -> None:
    """Two files of one name, or one named like a control, are refused; not the control itself, nor one file twice."""

    def brain(path: str, rate: float) -> str:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f"kind: stepping\nlayers: [{{type: dense}}]\nlearning_rate: {rate}\n")
        return str(tmp_path / path)

    mine, yours, bias = brain("a/mine.yaml", 0.1), brain("b/mine.yaml", 0.2), brain("a/bias-only.yaml", 0.1)
    for names in ([mine, yours], [bias]):
        with pytest.raises(UserError, match=f"rename the brain's file {Path(names[0]).name}"):
            entries(["arena"], names)
    assert [entry.name for entry in entries(["arena"], [mine, mine, "online-backprop"])][:2] == [
        "mine",
        "online-backprop",
    ]


def test_a_brain_that_cannot_be_built_is_the_users_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> None:
        raise MemoryError("no room for 10 TiB")

    monkeypatch.setattr("agentsim.studies.entries.build_brain", build)
    with pytest.raises(UserError, match="with arena cannot be built: MemoryError: no room for 10 TiB"):
        entries(["arena"], ["arena"])


def test_the_best_constant_is_the_best_of_its_column() -> None:
    """By accuracy and by score it may be two of them; of returns only where every row has some, else by reward."""

    def row(name: str, **means: float) -> dict[str, Any]:
        figures = {figure: {"mean": means[figure]} if figure in means else None for figure in MERITS}
        return {"name": name, "best_of": "best"} | figures

    def names(*rows: dict[str, Any]) -> list[str]:
        return [found["name"] for found in best_of_groups(list(rows))]

    two = [row("a", accuracy=0.5, score=0.1, reward_per_tick=9), row("b", accuracy=0.4, score=0.2, reward_per_tick=0)]
    assert names(*two) == ["best by accuracy: a", "best by score: b"]
    assert names(*two, row("c", accuracy=0.6, score=0.3, reward_per_tick=0)) == ["best by accuracy and score: c"]
    returns = [row("a", last_20_returns=-9, reward_per_tick=2), row("b", last_20_returns=-8, reward_per_tick=1)]
    assert names(*returns) == ["best by returns: b"]
    assert names(*returns, row("c", reward_per_tick=0)) == ["best by reward: a"]

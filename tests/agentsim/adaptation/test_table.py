"""Tables over seeds, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentsim.adaptation import picture
from agentsim.adaptation import table as tables
from agentsim.config.load import Config
from agentsim.studies.entries import Entry


def fake(latency: int, score: float, recovery: int | None = 30) -> dict[str, Any]:
    """A run of two phases of 10 ticks that was not made."""
    phase = {
        **{"task": "chase", "start": 0, "ticks": 10, "accuracy": 0.5, "score": score, "score_last_15s": score},
        **{"events": {"catches": 2}, "first_window": None, "lowest_window": None, "recovery": None},
        **{"probe": {}, "retention": None},
    }
    after = {"task": "avoid", "start": 10, "first_window": 0.2, "lowest_window": 0.1, "recovery": recovery}
    return {
        **{
            "ticks": 20,
            "latency": latency,
            "updates": 60,
            "samples": 80,
            "mislabelled": 0.0,
            "rollbacks": 0,
            "hash": "",
        },
        **{"cpu_seconds": 2e-5, "accuracy": 0.5, "score": score, "phases": [phase, phase | after]},
        "windows": [{"start": 10 * k, "ticks": 10, "phase": k, "accuracy": 0.5, "score": score} for k in range(2)],
    }


def entry(make_config: Callable[..., Config], name: str, kind: str = "random", control: bool = True) -> Entry:
    return Entry("here", name, make_config(brain={"kind": kind}, brain_name=name), control)


def test_table_is_of_the_seeds(make_config: Callable[..., Config]) -> None:
    """Scores .2 and .4 of a ceiling of .5: .4 and .8, mean .6, half width 12.7062 x .2; one of two recovered."""
    brain, oracle, still = (
        entry(make_config, "mine", control=False),
        entry(make_config, "oracle, 2 late", "oracle"),
        entry(make_config, "frozen"),
    )
    found = tables.summary(
        "here",
        {oracle: [fake(2, 0.4), fake(2, 0.6)], brain: [fake(2, 0.2), fake(2, 0.4, None)], still: []},
        {"mine": "61"},
    )
    assert [row["name"] for row in found["rows"]] == ["mine", "oracle, 2 late"]  # controls below, no row without a run
    mine, late = found["rows"]
    first, second = mine["phases"]
    assert first["of_ceiling"] == {"mean": pytest.approx(0.6), "half_width": pytest.approx(2.5412, abs=1e-4), "n": 2}
    assert late["phases"][0]["of_ceiling"]["mean"] == pytest.approx(1.0)
    assert mine["updates_per_tick"]["mean"] == 3.0 and mine["samples_per_tick"]["mean"] == 4.0
    assert mine["published"] == "61" and late["published"] is None
    assert (second["recovered"], second["recovery"]["mean"]) == (1, 30.0)
    assert [tables.as_recovery(phase, 2) for phase in mine["phases"]] == ["", "30 (1 of 2)"]
    assert [(w["start"], w["accuracy"]["mean"], w["score"]["mean"]) for w in mine["windows"]] == [
        (0, 0.5, pytest.approx(0.3)), (10, 0.5, pytest.approx(0.3)),
    ]  # fmt: skip
    assert picture.picture([found]).startswith(b"\x89PNG")
    for lines in (tables.by_phase(found), tables.by_phase(found, brief=True), tables.by_row(found)):
        headings, rows = lines
        assert all(len(row) == len(headings) for row in rows)
    headings, rows = tables.by_phase(found)
    assert rows[0][headings.index("events a minute")] == "catches 720.0"  # 2 in 10 ticks of 1/60 s
    never = tables.summary("here", {brain: [fake(2, 0.2, None)]}, {})["rows"][0]
    assert tables.as_recovery(never["phases"][1], 1) == "not reached"


@pytest.mark.parametrize(("ceiling", "share"), [(0.1, None), (-0.5, None), (0.2, 0.5)])
def test_shares_are_of_ceilings_that_are_worth_it(
    make_config: Callable[..., Config], ceiling: float, share: float | None
) -> None:
    oracle, brain = entry(make_config, "oracle, 2 late", "oracle"), entry(make_config, "mine", control=False)
    found = tables.summary("here", {oracle: [fake(2, ceiling)], brain: [fake(2, 0.1)]}, {})["rows"][0]["phases"][0]
    assert (found["of_ceiling"] and found["of_ceiling"]["mean"]) == share


def test_rollbacks_are_summed_over_the_seeds(make_config: Callable[..., Config]) -> None:
    rolled, never = (entry(make_config, name, control=False) for name in ("rolled", "never"))
    runs_of = {rolled: [fake(2, 0.1) | {"rollbacks": count} for count in (3, 4)], never: [fake(2, 0.1)]}
    found = tables.summary("here", runs_of, {})
    for headings, lines in (tables.by_phase(found), tables.by_row(found)):
        cells = {line[0]: line[headings.index("roll-backs")] for line in lines if line[0]}
        assert cells == {"rolled": "7", "never": ""}


def test_the_best_brain_of_a_net_has_a_star(make_config: Callable[..., Config]) -> None:
    brain, control = entry(make_config, "a", control=False), entry(make_config, "b")
    nets = [
        tables.summary(title, {brain: [fake(0, 0.1)], control: [fake(0, 0.1) | {"accuracy": 0.75}]}, {})
        for title in ("dense 3", "dense 5")
    ]
    assert tables.matrix(nets) == (
        ["mean accuracy, %", "dense 3", "dense 5"],
        [["a", "50.0*", "50.0*"], ["b", "75.0", "75.0"]],
    )

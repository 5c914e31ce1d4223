"""The trivial brains, against published figures and identities."""

from __future__ import annotations

import numpy as np
import pytest

from agentsim.bench import controls

CLASSIC, ARENA = controls.TICKS


@pytest.mark.parametrize(("policy", "known"), controls.PUBLISHED.items())
def test_classic_world_gives_the_published_figures(policy: str, known: tuple[int, ...]) -> None:
    phases = controls.run(CLASSIC, controls.POLICIES[policy], seeds=10, ticks=controls.TICKS[CLASSIC])
    measured = [100 * np.mean(phase["accuracy"]) for phase in phases]
    np.testing.assert_allclose(measured, known, atol=2)


def test_controls_know_what_they_should() -> None:
    """An oracle in time is always right; repeating the last label is the oracle one tick late; the best of constants
    and random have score 0 by definition, and the oracle 1, up to chance."""
    oracle = controls.run(ARENA, controls.POLICIES["oracle"], seeds=20, ticks=600)
    assert [phase["accuracy"] for phase in oracle] == [[1.0] * 20] * 3
    np.testing.assert_allclose([np.mean(phase["score"]) for phase in oracle], 1, atol=0.1)
    late = controls.run(ARENA, controls.POLICIES["oracle, 1 late"], seeds=2, ticks=200)
    assert controls.run(ARENA, controls.POLICIES["repeat last label"], seeds=2, ticks=200) == late
    diagonal = controls.run(ARENA, controls.POLICIES["diagonal"], seeds=20, ticks=600)
    assert np.mean(diagonal[1]["score"]) == pytest.approx(0.42, abs=0.2)  # see worlds/scores.py
    constant = controls.run(ARENA, controls.POLICIES["constant 0"], seeds=20, ticks=600)
    np.testing.assert_allclose([np.mean(phase["score"]) for phase in constant], 0, atol=0.2)

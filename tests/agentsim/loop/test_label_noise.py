"""Labels that are any action: how many, which, and the same when they are lived again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentsim.config.sections import WorldConfig
from agentsim.errors import UserError
from agentsim.loop.environment import Environment
from brains.brain import NO_LABEL


def labels_of(seed: int, noise: float, ticks: int, **options: Any) -> tuple[Any, Any, Environment]:
    """(ticks,): what the teacher said, and what the oracle would have."""
    config = WorldConfig(id="agentsim/ChaseAvoid-v0", label_noise=noise, options=options)
    environment, said, right = Environment(config, np.random.SeedSequence(seed)), [], []
    assert environment.body.oracle is not None
    for _ in range(ticks):
        experience = environment.step(environment.idle_action())
        assert experience.teacher_action is not None
        said.append(int(experience.teacher_action[0]))
        right.append(int(environment.body.oracle(experience.observation)[0]))
    return np.array(said), np.array(right), environment


def test_label_noise_is_any_action_in_its_share_of_the_labels() -> None:
    """A fifth of 4,000 labels is any of four actions: 15 % wrong, and each wrong answer as often, within 4 standard
    deviations; another seed has others; silence stays silence."""
    said, right, _ = labels_of(1, 0.2, 4000)
    wrong = said != right
    assert abs(wrong.mean() - 0.15) < 4 * np.sqrt(0.15 * 0.85 / 4000)
    off = np.bincount((said - right)[wrong] % 4, minlength=4)
    assert off[0] == 0 and (abs(off[1:] - wrong.sum() / 3) < 4 * np.sqrt(wrong.sum() * 2 / 9)).all()
    assert not np.array_equal(wrong, np.not_equal(*labels_of(2, 0.2, 4000)[:2]))
    said, right, _ = labels_of(1, 1.0, 400, teacher_every=4)
    assert (said[::4] != NO_LABEL).all() and (np.delete(said, np.s_[::4]) == NO_LABEL).all()
    assert 0.05 < (said == right)[::4].mean() < 0.5


def test_label_noise_is_the_same_when_it_is_lived_again() -> None:
    """From a saved state on, and in a second life, the same labels; the world itself does not notice."""
    said, right, _ = labels_of(1, 0.2, 300)
    _, _, environment = labels_of(1, 0.2, 100)
    other = labels_of(1, 0.2, 3)[2]
    other.load_state(environment.state())
    again = [int(other.step(other.idle_action()).teacher_action[0]) for _ in range(200)]  # type: ignore[index]
    assert again == said[100:].tolist()
    quiet = labels_of(1, 0.0, 300)
    assert np.array_equal(right, quiet[1]) and np.array_equal(*quiet[:2])


def test_label_noise_without_choices_is_refused() -> None:
    with pytest.raises(UserError, match=r"world\.label_noise: Pendulum-v1 has continuous actions"):
        Environment(WorldConfig(id="Pendulum-v1", label_noise=0.1), np.random.SeedSequence(0))

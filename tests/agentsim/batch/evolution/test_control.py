"""`agentsim train cartpole_es`, `acrobot_es`, `mountain_car_es`: exact resume, what is tested, controls, the
command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agentsim.batch import settings, training
from agentsim.batch.evolution import control, habitats
from agentsim.batch.evolution.control import ControlTask, first_generation, random_search
from agentsim.batch.evolution.settings import (
    AcrobotConfig,
    ArenaConfig,
    CartPoleConfig,
    ControlConfig,
    MountainCarConfig,
)
from agentsim.cli.app import app
from agentsim.config.brain_file import read_brain_file
from agentsim.errors import UserError
from brains.evolution.brain import EvolutionBrain, EvolutionBrainConfig
from brains.evolution.engine import places
from brains.evolution.rollout import policy
from worlds.chase_avoid import ChaseAvoid

CLASSIC: list[type[ControlConfig]] = [CartPoleConfig, AcrobotConfig, MountainCarConfig]


def config(model: type[ControlConfig], *overrides: str) -> Any:
    return settings.load(model, "evolution", ["evolution.population=16", "batches=4", "hidden=[5]", *overrides])


@pytest.mark.parametrize("model", [*CLASSIC, ArenaConfig])
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, model: type[ControlConfig]) -> None:
    given = config(model, "eval_interval=2", "validation_episodes=4")
    whole, parts, again = (ControlTask(given) for _ in range(3))
    training.train(whole)
    asked = [False] * 3 + [True]
    training.train(parts, tmp_path, stop=lambda: asked.pop(0))
    training.train(again, tmp_path)
    for name, array in {**whole.learner.state_dict(), **whole.kept}.items():
        assert np.array_equal(array, {**again.learner.state_dict(), **again.kept}[name]), name


def test_twins_begin_alike_and_groups_share_their_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two episodes each: the keys of both members of a pair are the same, those of pairs of a group too; other
    groups and generations have others."""
    seen: list[Any] = []
    real = habitats.live

    def noted(world: Any, sizes: Any, members: Any, keys: Any) -> Any:
        seen.append(keys.copy())
        return real(world, sizes, members, keys)

    monkeypatch.setattr(habitats, "live", noted)
    task = ControlTask(config(CartPoleConfig, "episodes=2", "evolution.share_group=4", "evolution.chunk_pairs=8"))
    task.learn(0, 0.0)
    task.learn(1, 0.0)
    first, second = seen
    assert first.shape == (16, 2)
    assert np.array_equal(first[::2], first[1::2])
    assert np.array_equal(first[:8], np.repeat(first[:1], 8, 0)) and np.array_equal(
        first[8:], np.repeat(first[8:9], 8, 0)
    )
    assert len(np.unique(np.concatenate([first, second]))) == 8


@pytest.mark.parametrize("model", CLASSIC)
def test_a_test_is_of_gymnasium_s_own_environment(model: type[ControlConfig]) -> None:
    """A policy that always does the same, by its last bias, earns what that earns there, seed by seed."""
    given = config(model)
    learner = control.Policy(given)
    sizes, parameters = learner.sizes, np.zeros(learner.size, np.float32)
    parameters[-1] = 1.0
    found = control.tested(learner, parameters, 3)
    env = gymnasium.make(model.environment)
    for seed, earned in zip(control.keys_of(given, control.TEST, (3,)), found, strict=True):
        env.reset(seed=int(seed >> np.uint64(33)))
        total, over = 0.0, False
        while not over:
            _, reward, terminated, truncated, _ = env.step(sizes[-1] - 1)
            total, over = total + float(reward), terminated or truncated
        assert earned == total


def lived(task: str, ticks: int, begin: Any) -> tuple[float, int]:
    """What going right for so many ticks earns in the arena, and how many catches or touches it makes."""
    env = ChaseAvoid(task)
    env.reset(seed=0)
    begin(env)
    earned, events = 0.0, 0
    for _ in range(ticks):
        _, reward, _, _, info = env.step(np.int64(3))
        earned, events = earned + reward, events + info["events"][{"chase": "catches", "avoid": "touches"}[task]]
    return earned, events


def test_a_life_in_the_arena_is_one_of_the_world_of_the_loop() -> None:
    """A member that always goes right earns what that earns in the environment, from the same keys, chase and avoid in
    turn; and a score is 0 at 8.055 catches or 28.635 touches in 3,600 ticks, 1 at 106.275 or none."""
    given = config(ArenaConfig, "ticks=200", "episodes=4")
    learner = control.Policy(given)
    members = np.zeros((2, learner.size), np.float32)
    members[:, -1] = 1.0
    keys = control.keys_of(given, control.TRAINING, (2, 4))
    returns, steps = learner.returns(members, keys)
    scores, tested = learner.measured(members, keys), control.tested(learner, members[0], 24)
    assert steps == 2 * 4 * 200
    for k in range(24):
        task = ("chase", "avoid")[k % 2]

        def score(events: int, task: str = task) -> float:
            return (events * 6 - 8.055) / (106.275 - 8.055) if task == "chase" else 1 - events * 6 / 28.635

        for member in range(2 if k < 4 else 0):

            def begin(env: ChaseAvoid, key: int = int(keys[member, k])) -> None:
                env.lanes.begin_at(0, key)

            assert returns[member, k] == pytest.approx(lived(task, 200, begin)[0], abs=1e-4)
            assert scores[member, k] == pytest.approx(score(lived(task, 600, begin)[1]), abs=1e-5)
        seed = int(control.keys_of(given, control.TEST, (24,))[k] >> np.uint64(33))
        _, events = lived(task, 600, lambda env, seed=seed: env.reset(seed=seed))
        assert tested[k] == pytest.approx(score(events))


@pytest.mark.parametrize("keys", ["episodes=3", "validation_episodes=5"])
def test_the_arena_has_as_many_episodes_of_each_task(keys: str) -> None:
    """Else one task would count more."""
    with pytest.raises(UserError, match="multiple of 2"):
        config(ArenaConfig, keys)


def test_the_mean_sees_scaled_observations() -> None:
    """`parameters` are of a policy that sees what the world shows: the scales are in its first weights, and only
    there."""
    task = ControlTask(config(AcrobotConfig))
    inner = places(policy(task.learner.sizes), 1)
    plain, folded = task.learner.evolution.mean, task.learner.parameters
    np.testing.assert_allclose(inner[0].of(folded), inner[0].of(plain) * np.array(AcrobotConfig.scales), rtol=1e-6)
    assert np.array_equal(folded[inner[1].offset :], plain[inner[1].offset :])


def test_random_search_uses_as_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no batch of policies more; it is the best of what it judged."""
    given = config(CartPoleConfig)
    judged: list[Any] = []
    real = control.Policy.returns

    def noted(self: Any, members: Any, keys: Any) -> Any:
        found = real(self, members, keys)
        judged.append((found[0].mean(1), found[1], members))
        return found

    monkeypatch.setattr(control.Policy, "returns", noted)
    best, tried = random_search(given, 30_000)
    steps = [each[1] for each in judged]
    assert sum(steps[:-1]) < 30_000 <= sum(steps)
    assert tried == 64 * len(judged)
    means = np.concatenate([each[0] for each in judged])
    fold = control.Policy(given).fold
    np.testing.assert_array_equal(best, np.concatenate([each[2] for each in judged])[means.argmax()] * fold)
    judged.clear()
    first = first_generation(given)
    np.testing.assert_array_equal(first, judged[0][2][judged[0][0].argmax()] * fold)


def test_command_line(tmp_path: Path) -> None:
    """Table, JSON, picture, page and brains; what is kept is not trained again; a brain file acts as what was tested,
    and lives in the loop."""
    words = ["train", "cartpole_es", "--set", "evolution.population=64", "--set", "batches=3", "--seeds", "2"]
    words += ["--jobs", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["rows"]
    assert [len(run["evolved"]) for run in row["runs"]] == [100, 100]
    assert {path.suffix for path in tmp_path.glob("cartpole_es.*")} == {".png", ".html", ".json"}
    again = CliRunner().invoke(app, words)
    assert "2 already in" in again.stderr and "random search" in again.stdout
    path = tmp_path / "evolution-1.brain"
    header, arrays = read_brain_file(path)
    assert header.trained["world"] == "CartPole-v1"
    from brains.brain import Body

    kept = {key: value for key, value in header.brain.items() if key != "kind"}
    brain = EvolutionBrain(EvolutionBrainConfig.model_validate(kept), Body(4, 2), np.random.SeedSequence(0))
    brain.adopt(arrays, changed=False)
    sizes = (4, *brain.config.hidden, 2)
    parts = [torch.from_numpy(place.of(brain.evolution.mean)).double() for place in places(policy(sizes), 1)]
    for seen in np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32):
        hidden = torch.nn.functional.linear(torch.from_numpy(seen).double(), parts[0], parts[1]).clamp(-3, 3)
        hidden = hidden * (27 + hidden**2) / (27 + 9 * hidden**2)
        wanted = torch.nn.functional.linear(hidden, parts[2], parts[3])
        assert brain.act(seen[None])[0] == int(wanted.argmax())
    run = ["run", "cartpole", "--brain", str(path), "--headless", "--pacing", "none", "--ticks", "50", "--json"]
    played = CliRunner().invoke(app, [*run, "--out", str(tmp_path / "run")])
    assert played.exit_code == 0, played.output

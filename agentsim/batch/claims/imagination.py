"""World models that are learned while they are lived in, and acting by imagining in them, beside trivial controls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
from rich.console import Console

from agentsim.batch.claims.physics import TrueModel
from agentsim.config.load import load_brain
from agentsim.config.sections import Section
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import Result, study_directory, sweep
from brains.brain import Body, Experience
from brains.eqprop.inference import ImaginingBrain, ImaginingConfig
from brains.eqprop.preferences import PREFERENCES

World = Literal["cartpole", "pendulum", "acrobot"]
IDS: dict[World, str] = {"cartpole": "CartPole-v1", "pendulum": "Pendulum-v1", "acrobot": "Acrobot-v1"}
MODEL_TICKS = {"cartpole": 4_000, "pendulum": 8_000, "acrobot": 8_000}  # lived by random actions
BLOCK = 2_000  # ticks that an error is the mean of
EPISODES = {"cartpole": 12, "pendulum": 20, "acrobot": 10}  # after the random ticks of the brain's config
LEARNED = ("eqprop", "backprop", "quadratic", "linear")
CONTROLS = ("the true physics", "eqprop, untrained", "random")
NEVER = 10**9  # ticks of random actions that do not end
NAMES = {"quadratic": "quadratic least squares", "linear": "linear least squares"}


class Life(Section):
    """One life: what of it is asked, where, who lives, with which seed."""

    asked: Literal["models", "imagination"]
    world: World
    who: str
    seed: int
    brain: dict[str, Any]


@dataclass(frozen=True, eq=False)
class LifeJob:
    """A life, to be kept."""

    config: Life
    version: str = "imagination 2"

    @property
    def words(self) -> dict[str, Any]:
        """World, who, seed."""
        return {"world": self.config.world, "who": self.config.who, "seed": self.config.seed}


def life_of(asked: Literal["models", "imagination"], world: World, who: str, seed: int) -> Life:
    """The brain of configs/brains/imagine-WORLD with the model that the row says, or with none that learns. What needs
    no random ticks lives through them too: then episodes of one seed begin alike, whoever lives, until one of them ends
    at another tick."""
    brain = dict(load_brain(f"imagine-{world}"))
    if who in NAMES:
        brain["model"] = {"kind": who}
    elif who == "backprop":
        brain["model"] = {**brain.get("model", {}), "kind": "backprop"}
    if who == "eqprop, untrained":
        brain["learns"] = False
    if who == "random" or asked == "models":
        brain["babble"] = NEVER
    return Life(asked=asked, world=world, who=who, seed=seed, brain=brain)


def brain_of(life: Life, body: Body) -> ImaginingBrain:
    """The brain that lives it."""
    config = ImaginingConfig.model_validate(life.brain)
    about = PREFERENCES[life.world]
    scale, unit = (np.array(own, np.float32) for own in (about.scale, about.change))
    true = TrueModel(life.world, scale, unit) if life.who == "the true physics" else None
    return ImaginingBrain(config, body, np.random.SeedSequence(life.seed), true)


def body_of(environment: gymnasium.Env[Any, Any]) -> Body:
    """Of one of the three worlds."""
    size, space = environment.observation_space.shape[0], environment.action_space  # type: ignore[index]
    if isinstance(space, gymnasium.spaces.Discrete):
        return Body(size, int(space.n))
    assert isinstance(space, gymnasium.spaces.Box)
    return Body(size, space.shape[0], discrete=False, low=tuple(space.low.tolist()), high=tuple(space.high.tolist()))


def lived(life: Life) -> Result:
    """Live it: `errors`, sums of squares of what was wrong and of what happened, (ticks,) each; `returns` of the whole
    episodes that began after the random ticks; `microseconds` of CPU a tick, world left out, median."""
    environment = gymnasium.make(IDS[life.world])
    brain = brain_of(life, body_of(environment))
    brain.warm_up()
    unit, everybody = brain.unit, np.ones(1, np.bool_)
    random = life.who == "random"
    babble = 0 if random else min(brain.babble, NEVER)
    wrong: list[float] = []
    happened: list[float] = []
    returns: list[float] = []
    spent: list[float] = []
    observation, _ = environment.reset(seed=life.seed)
    total, ticks = 0.0, 0
    wanted = MODEL_TICKS[life.world] if life.asked == "models" else NEVER
    while ticks < wanted and (life.asked == "models" or len(returns) < EPISODES[life.world]):
        seen = np.asarray(observation, np.float32)[None]
        before = time.process_time()
        action = brain.act(seen)
        between = time.process_time()
        observation, reward, terminated, truncated, _ = environment.step(
            int(action[0]) if brain.body.discrete else action[0]
        )
        following = np.asarray(observation, np.float32)[None]
        after = time.process_time()
        ends = [np.array([flag]) for flag in (terminated, truncated)]
        learning = brain.learn(Experience(seen, action, np.array([reward], np.float32), following, *ends))
        spent.append(between - before + time.process_time() - after)
        wrong.append(learning.loss)
        happened.append(float((((following - seen) / unit) ** 2).sum()))
        total, ticks = total + float(reward), ticks + 1
        if terminated or truncated or ticks == babble:
            if ticks > babble:
                returns.append(total)
            observation, _ = environment.reset()
            brain.reset(everybody)
            total = 0.0
    environment.close()
    busy = spent[babble:] if life.asked == "imagination" else spent
    return {"wrong": wrong, "happened": happened, "returns": returns, "microseconds": 1e6 * float(np.median(busy))}


def measure(
    asked: Literal["models", "imagination"], worlds: Sequence[World], seeds: int, jobs: int, out: Path | None
) -> dict[str, Any]:
    """Live every life that is missing in `out`. Raises UserError."""
    who = LEARNED if asked == "models" else (*LEARNED, *CONTROLS)
    chosen = [LifeJob(life_of(asked, world, name, seed)) for world in worlds for name in who for seed in range(seeds)]
    folder = study_directory(out, asked)
    figures = ("wrong", "happened", "returns", "microseconds")
    swept = sweep("lives", chosen, lived, figures, jobs=min(jobs, len(chosen)), out=folder)
    summed: dict[str, Callable[[list[Result]], dict[str, Any]]] = {"models": errors, "imagination": outcomes}
    rows = []
    for world in worlds:
        for name in who:
            own = {
                job.config.seed: swept.kept[job]
                for job in chosen
                if job in swept.kept and (job.config.world, job.config.who) == (world, name)
            }
            if own:
                known = {"world": IDS[world], "who": NAMES.get(name, name), "seeds": [*own]}
                rows.append(known | summed[asked]([*own.values()]))
    return report(asked, seeds=seeds, rows=rows, out=str(folder), interrupted=swept.interrupted, failed=swept.failed)


def errors(lives: list[Result]) -> dict[str, Any]:
    """nMSE of every block of ticks, sum |wrong|^2 / sum |happened|^2: of every seed."""
    blocks = []
    for own in lives:
        wrong, happened = (np.array(own[name]).reshape(-1, BLOCK).sum(1) for name in ("wrong", "happened"))
        blocks.append((wrong / happened).tolist())
    return {"nmse": blocks, "microseconds": [own["microseconds"] for own in lives]}


def outcomes(lives: list[Result]) -> dict[str, Any]:
    """Of every seed: the mean return, that of the first and of the last five episodes, the worst."""
    means, first, last, worst = (
        [of(own["returns"]) for own in lives]
        for of in (np.mean, lambda r: np.mean(r[:5]), lambda r: np.mean(r[-5:]), min)
    )
    found = {"mean": means, "first": first, "last": last, "worst": worst}
    seconds = [own["microseconds"] for own in lives]
    return {name: [float(value) for value in values] for name, values in found.items()} | {"microseconds": seconds}


OF_MODELS = ("model", "seeds", "nMSE, a block of 2,000 ticks each, median", "worst of the last", "us a tick")
OF_OUTCOMES = (
    "who imagines",
    "seeds",
    "mean",
    "by seed",
    "first 5",
    "last 5",
    "worst",
    "less true, paired",
    "us a tick",
)


def show(result: dict[str, Any], console: Console) -> None:
    """A table of each world."""
    rows = result["rows"]
    for world in dict.fromkeys(row["world"] for row in rows):
        own = [row for row in rows if row["world"] == world]
        if result["bench"] == "models":
            lines = [*map(_error_line, own), ["nothing changes", "", "1", "", ""]]
            print_table(console, OF_MODELS, lines, world)
        else:
            print_table(console, OF_OUTCOMES, [_outcome_line(row, own) for row in own], world)


def _error_line(row: dict[str, Any]) -> list[str]:
    blocks = np.array(row["nmse"])
    medians = " ".join(f"{value:.2g}" for value in np.median(blocks, axis=0))
    microseconds = f"{np.median(row['microseconds']):,.0f}"
    return [row["who"], str(len(blocks)), medians, f"{blocks[:, -1].max():.2g}", microseconds]


def _outcome_line(row: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    true = next((other for other in rows if other["who"] == CONTROLS[0]), None)
    paired = "-"
    if true is not None and true is not row:
        at = dict(zip(true["seeds"], true["mean"], strict=True))
        pairs = [mean - at[seed] for seed, mean in zip(row["seeds"], row["mean"], strict=True) if seed in at]
        paired = as_interval(interval(pairs), 1, 0)
    return [
        row["who"],
        str(len(row["mean"])),
        as_interval(interval(row["mean"]), 1, 0),
        " ".join(f"{value:.0f}" for value in row["mean"]),
        f"{np.mean(row['first']):.0f}",
        f"{np.mean(row['last']):.0f}",
        f"{min(row['worst']):.0f}",
        paired,
        f"{np.median(row['microseconds']):,.0f}",
    ]

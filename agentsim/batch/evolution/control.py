"""Policies of small worlds by an evolution strategy: what learns, what the trainer asks for, what it must beat."""

from __future__ import annotations

import numpy as np

from agentsim.batch.evolution.habitats import Keys, habitat_of
from agentsim.batch.evolution.judged import Evolving, InProcess, Judged, Judges
from agentsim.batch.evolution.settings import ControlConfig
from brains.brain import Float, State
from brains.evolution.engine import Evolution
from brains.evolution.rollout import first_policy, policy

START, TRAINING, VALIDATION, TEST, SEARCH = range(5)  # streams of chance: no episode of one begins as one of another


def keys_of(config: ControlConfig, stream: int, shape: tuple[int, ...], *which: int) -> Keys:
    """Of episodes, by the config's seed, a stream and whatever else."""
    return np.random.default_rng([config.seed, stream, *which]).integers(0, 2**64, shape, np.uint64)


class Policy(Evolving):
    """A Learner of `agentsim.batch.training`: the strategy, and where its members live."""

    def __init__(self, config: ControlConfig) -> None:
        self.config, self.habitat = config, habitat_of(config)
        self.sizes = (self.habitat.observations, *config.hidden, self.habitat.actions)
        first = first_policy(self.sizes, np.random.default_rng([config.seed, START]))
        self.evolution = Evolution(config.evolution, policy(self.sizes), first, config.seed)
        self.fold = np.ones(len(first), np.float32)
        self.evolution.places[0].of(self.fold)[:] = config.scales

    @property
    def parameters(self) -> Float:
        """The mean's, of a policy that sees what the world shows: the scales are in its first weights."""
        return self.evolution.mean * self.fold

    def returns(self, members: Float, keys: Keys) -> tuple[Float, int]:
        """What members (M, parameters) of the strategy earn, (M, episodes), and in how many steps all of them."""
        found = self.habitat.live(self.sizes, members * self.fold, keys)
        return found.returns, int(found.steps.sum())

    def measured(self, members: Float, keys: Keys) -> Float:
        """What such lives come to in the mode's measure, (M, episodes)."""
        return self.habitat.measured(self.sizes, members * self.fold, keys)


class ControlTask:
    """A Task of `agentsim.batch.training`. `kept`: steps lived through, by members alone."""

    def __init__(self, config: ControlConfig, judges: Judges | None = None) -> None:
        self.config, self.learner, self.judges = config, Policy(config), judges or InProcess()
        self.kept: State = {"steps": np.zeros(1, np.int64), "ties": np.zeros(1)}

    def learn(self, batch: int, done: float) -> float:
        """A generation. Returns minus the mean return of all members."""
        differences, figures = self.judges.judge(self, batch)
        earned, steps = figures.sum(0)
        self.evolution.tell(differences)
        lived = self.kept["steps"] + np.int64(steps)
        self.kept = {"steps": lived, "ties": np.array([np.mean(differences == 0)])}
        return -float(earned) / self.config.evolution.population

    @property
    def evolution(self) -> Evolution:
        """The learner's."""
        return self.learner.evolution

    def judge(self, generation: int, pairs: range) -> Judged:
        """d_p of pairs of a generation; figures: what their members earn an episode, and their steps."""
        config, evolution = self.config, self.evolution
        group = config.evolution.group
        alike = keys_of(config, TRAINING, (-(-config.evolution.pairs // group), config.episodes), generation)
        keys, fitness, figures = np.repeat(alike, group, axis=0), np.empty((len(pairs), 2)), []
        for chunk in evolution.chunks(pairs):
            own = np.repeat(keys[chunk.start : chunk.stop], 2, axis=0)
            returns, steps = self.learner.returns(evolution.members(chunk), own)
            earned = returns.mean(1).reshape(-1, 2)
            fitness[chunk.start - pairs.start : chunk.stop - pairs.start] = earned
            figures.append((float(earned.sum()), steps))
        return Judged((fitness[:, 0] - fitness[:, 1]).astype(np.float32), np.array(figures, float).reshape(-1, 2))

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The `score` is minus the measure of the unperturbed mean, in episodes that are always the same."""
        keys = keys_of(self.config, VALIDATION, (1, self.config.validation_episodes))
        score = -float(self.learner.measured(self.learner.evolution.mean[None], keys).mean())
        return {"score": score, "steps": float(self.kept["steps"][0]), "ties": float(self.kept["ties"][0])}


def tested(learner: Policy, parameters: Float, episodes: int) -> list[float]:
    """What fresh episodes come to in the environment itself, by a policy in NumPy."""
    config, found = learner.config, learner.evolution.places
    return learner.habitat.tested([place.of(parameters) for place in found], keys_of(config, TEST, (episodes,)))


def random_search(config: ControlConfig, steps: int) -> tuple[Float, int]:
    """The parameters of the best of many policies of the same shape with weights of N(0, 1), judged by a few episodes
    each, until so many steps are used; and how many policies that were."""
    learner, chance = Policy(config), np.random.default_rng([config.seed, SEARCH])
    best, most, used, tried = learner.evolution.mean, -np.inf, 0, 0
    while used < steps:
        members = chance.standard_normal((64, learner.size), np.float32)
        keys = chance.integers(0, 2**64, (64, config.searched_by), np.uint64)
        returns, more = learner.returns(members, keys)
        used, tried = used + more, tried + len(members)
        first = int(np.argmax(returns.mean(1)))
        if returns[first].mean() > most:
            best, most = members[first], float(returns[first].mean())
    return best * learner.fold, tried


def first_generation(config: ControlConfig) -> Float:
    """The parameters of the member of generation 0 that earns most in it."""
    learner = Policy(config)
    keys = np.repeat(keys_of(config, TRAINING, (1, config.episodes), 0), config.evolution.population, axis=0)
    members = np.concatenate([learner.evolution.members(chunk) for chunk in learner.evolution.chunks()])
    returns, _ = learner.returns(members, keys)
    return members[int(np.argmax(returns.mean(1)))] * learner.fold

"""Policies of classic control by an evolution strategy: what learns, what the trainer asks for, what it must beat."""

from __future__ import annotations

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agentsim.batch.evolution.settings import ControlConfig
from brains.brain import Float, State
from brains.evolution.engine import Evolution, places
from brains.evolution.rollout import first_policy, live, policy
from worlds.classic_control import ClassicLanes

START, TRAINING, VALIDATION, TEST, SEARCH = range(5)  # streams of chance: no episode of one begins as one of another
Keys = NDArray[np.uint64]


def keys_of(config: ControlConfig, stream: int, shape: tuple[int, ...], *which: int) -> Keys:
    """Of episodes, by the config's seed, a stream and whatever else."""
    return np.random.default_rng([config.seed, stream, *which]).integers(0, 2**64, shape, np.uint64)


class Policy:
    """A Learner of `agentsim.batch.training`: the strategy, and the world that its members live in."""

    def __init__(self, config: ControlConfig) -> None:
        self.config, self.world = config, ClassicLanes(config.environment)
        self.sizes = (self.world.world.observations, *config.hidden, self.world.world.actions)
        first = first_policy(self.sizes, np.random.default_rng([config.seed, START]))
        self.evolution = Evolution(config.evolution, policy(self.sizes), first, config.seed)
        self.fold = np.ones(len(first), np.float32)
        self.evolution.places[0].of(self.fold)[:] = config.scales

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return len(self.evolution.mean)

    @property
    def parameters(self) -> Float:
        """The mean's, of a policy that sees what the world shows: the scales are in its first weights."""
        return self.evolution.mean * self.fold

    def returns(self, members: Float, keys: Keys) -> tuple[Float, int]:
        """What members (M, parameters) of the strategy earn, (M, episodes), and in how many steps all of them."""
        found = live(self.world, self.sizes, members * self.fold, keys)
        return found.returns, int(found.steps.sum())

    def state_dict(self) -> State:
        """The strategy's."""
        return self.evolution.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        self.evolution.load_state_dict(state)


class ControlTask:
    """A Task of `agentsim.batch.training`. `kept`: steps lived through, by members alone."""

    def __init__(self, config: ControlConfig) -> None:
        self.config, self.learner = config, Policy(config)
        self.kept: State = {"steps": np.zeros(1, np.int64), "ties": np.zeros(1)}

    def learn(self, batch: int, done: float) -> float:
        """A generation. Returns minus the mean return of all members."""
        config, evolution, steps = self.config, self.learner.evolution, int(self.kept["steps"][0])
        pairs = config.evolution.pairs
        group = config.evolution.share_group or pairs
        alike = keys_of(config, TRAINING, (-(-pairs // group), config.episodes), batch)
        keys, fitness = np.repeat(alike, group, axis=0)[:pairs], np.empty((pairs, 2))
        for chunk in evolution.chunks():
            own = np.repeat(keys[chunk.start : chunk.stop], 2, axis=0)
            returns, more = self.learner.returns(evolution.members(chunk), own)
            fitness[chunk.start : chunk.stop], steps = returns.mean(1).reshape(-1, 2), steps + more
        differences = fitness[:, 0] - fitness[:, 1]
        evolution.tell(differences)
        self.kept = {"steps": np.array([steps]), "ties": np.array([np.mean(differences == 0)])}
        return -float(fitness.mean())

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The `score` is minus the mean return of the unperturbed mean, in episodes that are always the same."""
        keys = keys_of(self.config, VALIDATION, (1, self.config.validation_episodes))
        returns, _ = self.learner.returns(self.learner.evolution.mean[None], keys)
        score = -float(returns.mean())
        return {"score": score, "steps": float(self.kept["steps"][0]), "ties": float(self.kept["ties"][0])}


def tested(config: ControlConfig, parameters: Float, episodes: int) -> list[float]:
    """Returns of fresh episodes in Gymnasium's own environment, by a policy in NumPy."""
    sizes, env = policy_sizes(config), gymnasium.make(config.environment)
    parts = [place.of(parameters) for place in places(policy(sizes), config.evolution.rank)]
    found = []
    for seed in keys_of(config, TEST, (episodes,)):
        seen, _ = env.reset(seed=int(seed >> np.uint64(33)))
        earned, over = 0.0, False
        while not over:
            seen, reward, terminated, truncated, _ = env.step(answered(parts, seen))
            earned, over = earned + float(reward), terminated or truncated
        found.append(earned)
    env.close()
    return found


def policy_sizes(config: ControlConfig) -> tuple[int, ...]:
    """Of the policy, what is seen first."""
    world = ClassicLanes(config.environment).world
    return (world.observations, *config.hidden, world.actions)


def answered(parts: list[Float], seen: Float) -> int:
    """The action of a policy given as weights and biases in turn."""
    x = seen
    for weight, bias in zip(parts[::2], parts[1::2], strict=True):
        x = weight @ x + bias
        if weight is not parts[-2]:
            z = np.clip(x, -3, 3)
            x = z * (27 + z * z) / (27 + 9 * z * z)
    return int(np.argmax(x))


def random_search(config: ControlConfig, steps: int) -> tuple[Float, int]:
    """The parameters of the best of many policies of the same shape with weights of N(0, 1), judged by 5 episodes each,
    until so many steps are used; and how many policies that were."""
    learner, chance = Policy(config), np.random.default_rng([config.seed, SEARCH])
    best, most, used, tried = learner.evolution.mean, -np.inf, 0, 0
    while used < steps:
        members = chance.standard_normal((64, learner.size), np.float32)
        keys = chance.integers(0, 2**64, (64, 5), np.uint64)
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

"""CartPole by policy gradient: what learns, and what the trainer of all offline modes asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agentsim.batch.policy_gradient import cartpole
from agentsim.batch.policy_gradient.engines import BackpropEngine, Engine, EqPropEngine, initial
from agentsim.batch.policy_gradient.ppo import ACTIONS, OUTPUTS, advantages, losses, normalised, shortened
from agentsim.batch.policy_gradient.settings import EqPropSettings, PolicyConfig
from brains.brain import Float, State

INPUTS = 4
QUICK = 5  # episodes of a quick look
TRAINING, VALIDATION, TEST = range(3)  # streams of chance: no episode of one begins as one of another


@dataclass
class Lived:
    """What was lived through in one iteration, lists of T arrays with a row for each environment."""

    observations: list[Float] = field(default_factory=list)
    after: list[Float] = field(default_factory=list)  # what was seen next, before anything began anew
    actions: list[NDArray[np.int64]] = field(default_factory=list)
    log_probabilities: list[Float] = field(default_factory=list)
    rewards: list[NDArray[np.float64]] = field(default_factory=list)
    terminated: list[NDArray[np.bool_]] = field(default_factory=list)
    ended: list[NDArray[np.bool_]] = field(default_factory=list)


class PolicyLearner:
    """An engine and Adam, a Learner of `agentsim.batch.training`."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config = config
        chance = torch.Generator().manual_seed(config.seed)
        start = initial(INPUTS, config.hidden, OUTPUTS, config.initial_gain, chance)
        self.engine: Engine
        if isinstance(config.engine, EqPropSettings):
            self.engine = EqPropEngine(config.engine, *start)
        else:
            self.engine = BackpropEngine(*start)
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.learning_rate, fused=True)

    @property
    def parameters(self) -> list[Tensor]:
        """Weights, then biases."""
        return [*self.engine.weights, *self.engine.biases]

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return sum(parameter.numel() for parameter in self.parameters)

    @torch.no_grad()
    def outputs(self, observations: Float) -> Tensor:
        """Two logits and a value for each row."""
        return self.engine.outputs(torch.from_numpy(observations))

    def greedy(self, observations: Float) -> NDArray[np.int64]:
        """The likelier action for each row."""
        return self.outputs(observations)[:, :ACTIONS].argmax(1).numpy()

    @torch.no_grad()
    def learn(self, lived: Lived, done: float) -> float:
        """All epochs of one iteration. Returns the mean loss."""
        config, shape = self.config, (len(lived.rewards), len(lived.rewards[0]))
        values, after = (
            self.outputs(np.concatenate(rows))[:, ACTIONS].double().numpy().reshape(shape)
            for rows in (lived.observations, lived.after)
        )
        found = advantages(
            np.stack(lived.rewards),
            values,
            after,
            np.stack(lived.terminated),
            np.stack(lived.ended),
            config.discount,
            config.trace,
        )
        x = torch.from_numpy(np.concatenate(lived.observations))
        actions = torch.from_numpy(np.concatenate(lived.actions))
        before = torch.from_numpy(np.concatenate(lived.log_probabilities))
        advantage = normalised(torch.from_numpy(found.ravel()).float())
        target = torch.from_numpy((found + values).ravel()).float()
        clip = config.clip * (1 - done)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * (1 - done)

        def loss_of(outputs: Tensor) -> Tensor:
            return losses(outputs, actions, before, advantage, target, clip, config.value_coefficient)

        total = 0.0
        for _ in range(config.epochs):
            gradient, loss = self.engine.gradient(x, loss_of)
            total += loss
            for parameter, own in zip(self.parameters, shortened(gradient, config.gradient_norm), strict=True):
                parameter.grad = own
            self.optimizer.step()
            self.engine.updated()
        return total / config.epochs

    def state_dict(self) -> State:
        """Copies of the parameters, of Adam's moments, and of what the engine keeps besides."""
        state = {f"parameter.{index}": p.detach().numpy().copy() for index, p in enumerate(self.parameters)}
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{index}.{name}": tensor.numpy().copy() for name, tensor in moments.items()}
        return state | {f"kept.{name}": tensor.numpy().copy() for name, tensor in self.engine.kept.items()}

    @torch.no_grad()
    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        moments: dict[int, dict[str, Tensor]] = {}
        try:
            for index, parameter in enumerate(self.parameters):
                if tensors[f"parameter.{index}"].shape != parameter.shape:
                    raise ValueError(f"parameter {index} is {tuple(tensors[f'parameter.{index}'].shape)}")
                parameter.copy_(tensors[f"parameter.{index}"])
            self.engine.kept = {
                name.removeprefix("kept."): tensor for name, tensor in tensors.items() if name.startswith("kept.")
            }
        except KeyError as error:
            raise ValueError(f"a state of another network: {error}") from error
        for name, tensor in tensors.items():
            if name.startswith("adam."):
                _, number, moment = name.split(".")
                moments.setdefault(int(number), {})[moment] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


class PolicyTask:
    """A Task of `agentsim.batch.training`: an iteration is a function of its number, the learner, and what is `kept`:
    the environments' states (4, n), how long their episodes last by now, and what was last seen of them."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config, self.learner = config, PolicyLearner(config)
        chance = np.random.default_rng([config.seed, TRAINING])
        state = cartpole.starts(config.environments, chance)
        self.kept: State = {
            "state": state,
            "lasted": np.zeros(config.environments, np.int64),
            "seen": cartpole.seen(state, config.observation_noise, chance),
        }

    def learn(self, batch: int, done: float) -> float:
        """Live through the horizon and learn from it. Returns the mean loss."""
        return self.learner.learn(self.live(np.random.default_rng([self.config.seed, TRAINING, 1 + batch])), done)

    def live(self, chance: np.random.Generator) -> Lived:
        """The horizon's steps in all environments; what ends begins anew."""
        config, lived = self.config, Lived()
        state, lasted, seen = (self.kept[name].copy() for name in ("state", "lasted", "seen"))
        for _ in range(config.horizon):
            log_probabilities = torch.log_softmax(self.learner.outputs(seen)[:, :ACTIONS], 1).numpy()
            actions = (chance.random(config.environments) < np.exp(log_probabilities[:, 1])).astype(np.int64)
            lived.observations.append(seen)
            lived.actions.append(actions)
            lived.log_probabilities.append(np.take_along_axis(log_probabilities, actions[:, None], 1)[:, 0])
            state, terminated = cartpole.moved(state, actions)
            lasted = lasted + 1
            ended = terminated | (lasted >= cartpole.LIMIT)
            seen = cartpole.seen(state, config.observation_noise, chance)
            noise = config.reward_noise * chance.standard_normal(config.environments)
            lived.rewards.append(config.reward_scale * (1 + noise))
            lived.after.append(seen)
            lived.terminated.append(terminated)
            lived.ended.append(ended)
            if ended.any():
                state[:, ended], lasted[ended] = cartpole.starts(int(ended.sum()), chance), 0
                seen = seen.copy()
                seen[ended] = cartpole.seen(state[:, ended], config.observation_noise, chance)
        self.kept = {"state": state, "lasted": lasted, "seen": seen}
        return lived

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The `score` is minus the mean greedy return of the validation episodes; and what the engine tells."""
        episodes = min(QUICK, self.config.validation_episodes) if quick else self.config.validation_episodes
        found = float(greedy_returns(self.learner, VALIDATION, episodes).mean())
        with torch.no_grad():
            figures = self.learner.engine.figures(torch.from_numpy(self.kept["seen"]))
        return {"score": -found, **figures}


def greedy_returns(learner: PolicyLearner, stream: int, episodes: int) -> NDArray[np.int64]:
    """Returns of so many episodes of the likelier action, always the same ones of a stream and seed."""
    chance = np.random.default_rng([learner.config.seed, stream])
    start = cartpole.starts(episodes, chance)
    return cartpole.returns(learner.greedy, start, learner.config.observation_noise, chance)

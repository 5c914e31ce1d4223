"""Imagining before acting: a brain that learns what happens next, and plans in what it has learned.

Sequences of actions are drawn, imagined and improved by the cross-entropy method (Rubinstein 1999); the first action of
the best one is taken. What is preferred of an imagined moment is said by name, not learned.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from agentsim.compiled.random import pack, unpack
from brains.brain import Body, Brain, BrainBase, Experience, Float, Learning, State, load_arrays
from brains.eqprop.core import Core
from brains.eqprop.preferences import PREFERENCES
from brains.eqprop.world_model import Network, NetworkModel, Regression, RegressionModel, WorldModel

LEAST_DEVIATION = 0.02  # of the actions that are drawn, so that no round has nothing to choose from
AHEAD = 15  # ticks that are shown of what one who plans a single one imagines
FADING = 1 / 1000  # of what the error figure remembers, a tick


class Motor(BaseModel):
    """A settling network whose output units are the forces, one a choice: the strongest acts. Every tick they are
    nudged towards the choice whose imagined consequence is preferred, and away from it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=8)] = (16,)
    """Units of its hidden layers."""
    rule: Literal["eqprop", "backprop"] = "eqprop"
    """Where its gradient comes from."""
    learning_rate: float = Field(default=0.006, gt=0, le=10)
    """Of Adam."""


class ImaginingConfig(BaseModel):
    """A brain that learns a model of its world and acts by planning in it.

    The model's input is the observation, in units that the preference knows, and the action between -1 and 1; its
    output the change of the observation in a tick. Choices of a discrete body are taken to be in order, from -1 to 1.
    With `horizon: 1` every choice is imagined once; else sequences are drawn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["imagining"] = "imagining"
    """Imagines before it acts."""
    model: Annotated[NetworkModel | RegressionModel, Field(discriminator="kind")] = NetworkModel()
    """What learns what happens next."""
    bounded: bool = True
    """Whether no number is ever imagined beyond its scale."""
    preference: Literal["cartpole", "pendulum", "acrobot"] = "cartpole"
    """What is preferred, by the name of the world whose observations it is about."""
    babble: int = Field(default=1000, ge=0)
    """Ticks of random actions, at first."""
    learns: bool = True
    """Whether the model learns; false: the untrained control."""
    horizon: int = Field(default=15, ge=1, le=10_000)
    """Ticks that are imagined."""
    hold: PositiveInt = 1
    """Ticks that a planned action is held, in imagination."""
    sequences: int = Field(default=64, ge=2, le=65_536)
    """Sequences of actions that are imagined in a round."""
    rounds: PositiveInt = 3
    """Rounds of imagining and choosing."""
    elite: PositiveInt = 8
    """The best sequences, which the next round is drawn about."""
    motor: Motor | None = None
    """What acts, taught by imagination; null: imagination acts itself."""

    @model_validator(mode="after")
    def _fits(self) -> ImaginingConfig:
        """What goes together."""
        if self.elite > self.sequences:
            raise ValueError("elite: more than there are sequences")
        if self.motor and self.horizon != 1:
            raise ValueError("motor: is taught by imagination of one tick: horizon: 1")
        return self


class ImaginingBrain(BrainBase):
    """Raises ValueError where the body is not the one that the preference is about."""

    Config: Any = ImaginingConfig
    backend = "numba"

    def __init__(
        self, config: ImaginingConfig, body: Body, seed: np.random.SeedSequence, model: WorldModel | None = None
    ) -> None:
        """`model`: one to plan in instead of the config's, such as the world's own physics, for a control."""
        about = PREFERENCES[config.preference]
        observations = len(about.scale)
        if body.observation_size != observations or not (body.discrete or body.actions == 1):
            raise ValueError(f"preference: {config.preference} is about {observations} observations and one action")
        if config.motor and not body.discrete:
            raise ValueError("motor: has an output for each choice, and this body has continuous actions")
        super().__init__(config, body)
        weights, stream, motor = seed.spawn(3)
        self.generator = np.random.Generator(np.random.PCG64(stream))
        self.scale, self.unit = (np.array(own, np.float32) for own in (about.scale, about.change))
        self.choices = np.linspace(-1, 1, body.actions) if body.discrete else np.empty(0)
        self.model = model or _made(config, observations + 1, weights, max(body.actions, config.sequences))
        self.motor = _motor(config.motor, observations, body, motor) if config.motor else None
        self.preferred = about.cost
        self.steps = -(-config.horizon // config.hold)
        self.mean = np.zeros((body.lanes, self.steps))  # of the plan that goes on, of the actions in -1 .. 1
        self.ticks = np.zeros(1, np.int64)
        self.errors = np.zeros(2)  # fading sums of squares: of what was wrong, and of what happened
        self.babble = config.babble
        self.imagined = np.zeros((body.lanes, config.horizon, observations), np.float32)  # by the best sequence

    def act(self, observation: Float) -> NDArray[Any]:
        """(N,) choices or (N, 1) numbers: random ones while it babbles, then the first of the best imagined plan."""
        if self.ticks[0] < self.babble:
            planned = self.generator.uniform(-1, 1, len(observation))
        elif self.motor:
            return self.motor.settle(observation / self.scale).argmax(1)
        elif self.config.horizon == 1 and self.body.discrete:
            planned = np.array([self._best_choice(own, lane) for lane, own in enumerate(observation)])
        else:
            planned = np.array([self._plan(own, lane) for lane, own in enumerate(observation)])
        if self.body.discrete:
            return self._cut(planned)
        low, high = np.array(self.body.low), np.array(self.body.high)
        return (low + (planned[:, None] + 1) / 2 * (high - low)).astype(np.float32)

    def _cut(self, planned: NDArray[Any]) -> NDArray[np.int64]:
        """The choice of each of -1 .. 1, equal shares of it for each."""
        whole = ((planned + 1) / 2 * len(self.choices)).astype(np.int64)
        return np.clip(whole, 0, len(self.choices) - 1)

    def _best_choice(self, observation: Float, lane: int) -> float:
        """The one whose next moment is preferred."""
        best, self.imagined[lane] = self._greedy(observation)
        return float(self.choices[best])

    def _greedy(self, observation: Float) -> tuple[int, Float]:
        """Every choice imagined for one tick: which is the best one, and the observation (n,) after it."""
        following = self._next(np.repeat(observation[None], len(self.choices), 0), self.choices)
        best = int(self.preferred(following, self.choices[:, None])[0].argmin())
        return best, following[best]

    def _plan(self, observation: Float, lane: int) -> float:
        """The cross-entropy method about the plan of the last tick."""
        config, mean = self.config, self.mean[lane]
        if config.hold == 1:
            mean[:-1], mean[-1] = mean[1:].copy(), 0
        deviation, best = np.ones(self.steps), mean
        torque = 1.0 if self.body.discrete else float(self.body.high[0])
        for _ in range(config.rounds):
            drawn = self.generator.standard_normal((config.sequences, self.steps))
            drawn[0] = 0
            plans = np.clip(mean + deviation * drawn, -1, 1)
            acted = self.choices[self._cut(plans)] if self.body.discrete else plans
            moments = np.repeat(observation[None], config.sequences, 0)
            cost, alive = np.zeros(config.sequences), np.ones(config.sequences, np.bool_)
            path = []
            for tick in range(config.horizon):
                action = acted[:, tick // config.hold]
                moments = self._next(moments, action)
                path.append(moments)
                now, last = self.preferred(moments, action[:, None] * torque)
                cost += np.where(alive, now, 0.0)
                alive &= ~last
            elite = np.argsort(cost)[: config.elite]
            mean[...] = plans[elite].mean(0)
            deviation = plans[elite].std(0) + LEAST_DEVIATION
            best = plans[elite[0]]
            self.imagined[lane] = np.array(path)[:, elite[0]]
        return float(best[0])

    def _next(self, observation: Float, action: NDArray[Any]) -> Float:
        """Observations (M, n) a tick after actions (M,) of -1 .. 1, as the model has it."""
        change = self.model.predict(self._inputs(observation, action)) * self.unit
        if not np.isfinite(change).all():
            change = np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0)
        following = observation + change
        if self.config.bounded:
            following = np.minimum(np.maximum(following, -self.scale), self.scale)  # np.clip is three times as slow
        return np.asarray(following, np.float32)

    def _inputs(self, observation: Float, action: NDArray[Any]) -> Float:
        """(M, n + 1)."""
        inputs = np.empty((len(observation), len(self.scale) + 1), np.float32)
        np.divide(observation, self.scale, out=inputs[:, :-1])
        inputs[:, -1] = action
        return inputs

    def learn(self, experience: Experience) -> Learning:
        """One transition of every lane. What is not finite teaches nothing, and is counted."""
        self.ticks += 1
        action = np.asarray(experience.action)
        if self.body.discrete:
            planned = self.choices[action]
        else:
            low, high = self.body.low[0], self.body.high[0]
            planned = 2 * (action[:, 0] - low) / (high - low) - 1
        x = self._inputs(experience.observation, planned)
        y = (experience.next_observation - experience.observation) / self.unit
        learning = Learning()
        for own, change in zip(x, y, strict=True):
            if not (np.isfinite(own).all() and np.isfinite(change).all()):
                learning.rollbacks += 1
                continue
            wrong = float(((self.model.predict(own[None])[0] - change) ** 2).sum())
            self.errors += FADING * (np.array([wrong, float((change**2).sum())]) - self.errors)
            learning.loss = wrong
            if self.config.learns:
                self.model.learn(own, change, self.generator)
                learning.updates += 1
        if self.motor:
            best = [self._best_choice(seen, lane) for lane, seen in enumerate(experience.observation)]
            self.motor.learn(experience.observation / self.scale, np.equal.outer(best, self.choices))
        return learning

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Plan anew."""
        self.mean[lanes] = 0
        self.imagined[lanes] = 0

    def figures(self) -> dict[str, float]:
        """The squared error of what it says will happen, over that of saying that nothing will, of about the last 1,000
        ticks."""
        return {"prediction_error": float(self.errors[0] / self.errors[1])} if self.errors[1] else {}

    def imagines(self) -> Float | None:
        """The observations of the plan that it follows; where that is one tick long, of as many choices after it, each
        the best one, as there are in `AHEAD` ticks. None before it plans."""
        if not self.imagined.any():
            return None
        paths = [list(path) for path in self.imagined]
        while len(self.choices) and self.config.horizon == 1 and len(paths[0]) < AHEAD:
            for path in paths:
                path.append(self._greedy(path[-1])[1])
        return np.array(paths, np.float32)

    def activity(self) -> dict[str, NDArray[Any]]:
        """What it imagines of the plan that it follows, tick by tick, in units of the scales."""
        shown = (self.imagined / self.scale).reshape(len(self.imagined), -1)
        shown.flags.writeable = False
        return {"imagined": shown}

    def arrays(self) -> State:
        """Model, plan and chance; what lanes share has a leading axis of 1."""
        model = {f"model.{name}": array[None] for name, array in self.model.arrays().items()}
        shared = {"ticks": self.ticks[None], "errors": self.errors[None], "generator": pack(self.generator)[None]}
        motor = {f"motor.{name}": array[None] for name, array in self.motor.arrays().items()} if self.motor else {}
        return {**model, **shared, **motor, "plan": self.mean, "imagined": self.imagined}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        load_arrays(self.arrays(), state)
        self.generator = unpack(state["generator"][0])

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """It plans, and neither babbles nor learns."""
        copy = super().frozen_copy(lanes)
        copy.brain.babble = 0  # type: ignore[attr-defined]
        return copy


def _made(config: ImaginingConfig, inputs: int, seed: np.random.SeedSequence, rows: int) -> WorldModel:
    if isinstance(config.model, NetworkModel):
        return Network(config.model, inputs, inputs - 1, rows, seed)
    return Regression(config.model, inputs, inputs - 1)


def _motor(config: Motor, observations: int, body: Body, seed: np.random.SeedSequence) -> Core:
    return Core(
        (observations, *config.hidden, body.actions),
        ["rational_tanh"] * len(config.hidden) + ["linear"],
        rows=body.lanes,
        seed=seed,
        rule=config.rule,
        learning_rate=config.learning_rate,
    )

"""StreamingBrain: a stepping brain in a world without a teacher learns from reward, one sample at a time.

Stream AC(lambda) with ObGD: Elsayed et al. 2024, "Streaming Deep Reinforcement Learning Finally Works" (arXiv
2410.14606). No replay, no batch, no target network: eligibility traces, a step size that cannot overshoot, sparse
initialisation, LayerNorm and running normalisation instead. The critic is a second network of the same hidden layers.

Deviations: 1. A truncated episode's last value is bootstrapped (theirs counts it as terminal). 2. The statistics that
normalise observations take in those the brain acts on, so not the last of an episode. 3. While stepping, value and
policy answer L-1 ticks late and learn through the activations that acted (align: pipeline); an episode's first L-1
ticks, before a wave has come through, teach nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains import kernels
from brains.brain import Body, Brain, Experience, Float, Learning, State
from brains.kernels import Kernel
from brains.kernels.program import reward
from brains.kernels.program.arrays import Net, Rewarded
from brains.layers import Dense
from brains.stepping.base import SteppingBrain, check_fit, network_of
from brains.stepping.network import Indices
from brains.stepping.reward import FrozenPolicy, settings_of
from brains.stepping.settings import SteppingConfig


class StreamingBrain(SteppingBrain):
    """An actor (softmax, or a Gaussian's mean and deviation for each continuous action) and its critic."""

    learner = "streaming"

    def __init__(self, config: SteppingConfig, body: Body, seed: np.random.SeedSequence) -> None:
        check_fit(config, body)
        actor_seed, critic_seed, stream = seed.spawn(3)
        thinks = config.brain_ticks_per_world_tick
        ring = len(config.layers) + thinks  # more than the wave: the critic looks a world tick ahead
        outputs, readout = (body.actions, "softmax") if body.discrete else (2 * body.actions, "linear")
        actor = network_of(config, body, config.layers, outputs, readout, ring)
        critic_layers = [*config.layers[:-1], Dense(init=getattr(config.layers[-1], "init", "he"))]
        self.critic = network_of(config, body, critic_layers, 1, "linear", ring)
        actor.initialize(actor_seed)
        self.critic.initialize(critic_seed)
        actor.begin_stream(stream)
        super().__init__(config, body, actor)
        self.critic_net = self.net_of(self.critic)
        lanes, senses = body.lanes, body.observation_size
        self.statistics = np.zeros((lanes, reward.STATISTICS_SIZE + 2 * senses), np.float64)
        self.sampled = np.zeros((lanes, 1 if body.discrete else body.actions), np.float32)
        self.rewarded = Rewarded(
            settings_of(config.reward),
            self.statistics,
            sampled=self.sampled,
            reward=np.zeros(lanes, np.float32),
            following=np.zeros((lanes, senses), np.float32),
            terminated=np.zeros(lanes, np.int64),
            truncated=np.zeros(lanes, np.int64),
        )

    @cached_property
    def kernel(self) -> Kernel:
        """The backend, bound to this brain's arrays."""
        return kernels.streaming(self.backend, self.net, self.critic_net, self.rewarded)

    def nets(self) -> list[Net]:
        """The actor's and the critic's."""
        return [self.net, self.critic_net]

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the masked lanes (N,)."""
        super().reset(lanes)
        self.critic.reset(lanes)

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick, drawing from the policy: (N, obs) -> (N,) int64, or (N, actions) float32 clipped to the bounds."""
        self.rollbacks += self.kernel.act(observation)
        if self.body.discrete:
            return self.sampled[:, 0].astype(np.int64)
        return np.clip(self.sampled, self.body.low, self.body.high).astype(np.float32)

    def learn(self, experience: Experience) -> Learning:
        """One step of stream AC(lambda) for every lane, from the action that was taken: where the world forbids some,
        that may not be the one that was drawn."""
        if self.body.discrete:
            self.sampled[:, 0] = experience.action
        transition = experience.reward, experience.next_observation, experience.terminated, experience.truncated
        return self.learned(*self.kernel.learn(*transition))

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        critic = {f"critic.{name}": array for name, array in self.critic.arrays().items()}
        return {**self.network.arrays(), **critic, "statistics": self.statistics, "sampled": self.sampled}

    def indices(self) -> Indices:
        """Besides, the action that is to be learned from."""
        found = super().indices()
        return {**found, "action": ("sampled", self.sampled, self.body.actions)} if self.body.discrete else found

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The same policy with fresh activity, its likeliest action and its statistics as they are."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        return FrozenPolicy(self.config, body, self.network.twin(lanes), self.statistics, lanes)

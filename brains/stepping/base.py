"""SteppingBrain: a small network in which every layer fires on every tick, and which learns while it acts.

Stepping: on a tick every layer computes from what its predecessor put out on the previous tick, so that
output(t) = f(input(t - (L-1))): depth costs latency, not waiting. Known elsewhere as depth-parallel training: Sideways
(Malinowski et al., CVPR 2020, arXiv 2001.06232). What it learns from is its subclasses': `taught` from a teacher's
labels; from reward, `streaming` one sample at a time and `q_learning` by replay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import Body, Brain, BrainBase, Float, Learning, State
from brains.kernels import Kernel, bind
from brains.stepping.network import Indices, Network, check_indices
from brains.stepping.options import numbers_of, options_of
from brains.stepping.settings import SteppingConfig


def backend_name(config: SteppingConfig) -> str:
    """The backend that `auto` picks here: numba."""
    return "numba" if config.backend == "auto" else config.backend


class SteppingBrain(BrainBase):
    """One network acting, and in its subclasses learning, in N lanes, each with weights of its own."""

    replay_shape = (0, 0)  # (capacity, numbers in an experience)

    def __init__(self, config: SteppingConfig, body: Body, network: Network) -> None:
        super().__init__(config, body)
        self.network = network
        self.backend = backend_name(config)
        thinks = config.brain_ticks_per_world_tick
        self.latency = max(0, -(-(config.brain_latency + 1 - thinks) // thinks))
        self.settling_ticks = settling_ticks(config, network)
        self.replay = np.zeros((body.lanes, *self.replay_shape), np.float32)
        shape, dtype = ((body.lanes, 1), np.int64) if body.discrete else ((body.lanes, network.outputs), np.float32)
        self.action: NDArray[Any] = np.zeros(shape, dtype)
        self.options = options_of(config, body.discrete, network)
        self.numbers = numbers_of(config, network)
        self.rollbacks = 0

    @cached_property
    def kernel(self) -> Kernel:
        """The backend, bound to this brain's arrays."""
        self.compile()
        return bind(self.backend, *self.kernel_arrays)

    @property
    def kernel_arrays(self) -> tuple[NDArray[Any], ...]:
        """What kernels take first: operations, options, numbers, state, parameters, activity, replay."""
        network = self.network
        shared = (network.table, self.options, self.numbers, network.state, network.parameters, network.activity)
        return (*shared, self.replay)

    def compile(self) -> None:
        """See that the kernels for this sort of brain are in the cache."""
        if self.backend == "numba":
            from brains.kernels.compile import compiled_elsewhere

            kind = (
                "taught" if self.body.teacher else "streaming" if self.config.replay is None else "q_learning",
                "discrete" if self.body.discrete else "continuous",
                "stateful" if self.network.state_total else "stateless",
            )
            compiled_elsewhere("-".join(kind), "brains.stepping.precompile", *kind)

    def warm_up(self) -> None:
        """Load the kernels by living a tick in a copy."""
        self.frozen_copy().act(np.zeros((self.body.lanes, self.body.observation_size), np.float32))

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the masked lanes (N,)."""
        self.network.reset(lanes)

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick: (N, observation_size) -> (N,) int64, or (N, actions) float32 clipped to the body's bounds."""
        self.rollbacks += self.kernel.act(observation, self.action)
        if self.body.discrete:
            return self.action[:, 0].copy()
        return np.clip(self.action[:, : self.body.actions], self.body.low, self.body.high).astype(np.float32)

    def learned(self, loss: float, updates: int, rollbacks: int) -> Learning:
        """What a step of the kernel came to, with the roll-backs since the last one; a loss that was not finite has
        been rolled back, and is left out."""
        rollbacks, self.rollbacks = rollbacks + self.rollbacks, 0
        return Learning(loss if math.isfinite(loss) else 0.0, updates, rollbacks)

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        return self.network.arrays()

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        super().load_state_dict(state)
        check_indices(self.indices())

    def indices(self) -> Indices:
        """What of a loaded state is used as an index."""
        return self.network.indices(self.replay.shape[1])

    def activity(self) -> dict[str, NDArray[Any]]:
        """Every layer's output of the last tick, in order, each (N, units)."""
        outputs = self.network.newest()
        return {
            f"{i} {layer.type}": out for i, (layer, out) in enumerate(zip(self.config.layers, outputs, strict=True))
        }

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The same knowledge with fresh activity, acting only; with `lanes`, lane 0's knowledge in each of them."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        return FrozenBrain(self.config, body, self.network.twin(lanes))


class FrozenBrain(SteppingBrain):
    """A network that acts and never learns."""


def check_fit(config: SteppingConfig, body: Body) -> None:
    """Raise ValueError, saying what to change, where a config does not fit a body."""
    if problem := config.misfit(body.observation_size, body.actions, body.discrete, body.teacher):
        raise ValueError(problem)


def network_of(
    config: SteppingConfig, body: Body, layers: Sequence[Any], outputs: int, readout: str, ring: int
) -> Network:
    """The network of a config in a body. Raises ValueError, starting with the key, where two layers do not fit."""
    inputs = config.tile or body.observation_size
    return Network(layers, inputs, outputs, readout, ring, body.lanes, config.skip_to_output)


def settling_ticks(config: SteppingConfig, network: Network) -> int:
    """World ticks after which a held input has filled every layer and every attention window."""
    brain_ticks = len(config.layers) if config.execution == "stepping" else 1
    brain_ticks += network.window - 1
    return -(-brain_ticks // config.brain_ticks_per_world_tick)

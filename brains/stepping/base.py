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

from agentsim.compiled import abort, pool
from brains import kernels
from brains.brain import Body, Brain, BrainBase, Float, Learning, State, in_lanes
from brains.kernels import Kernel
from brains.kernels.cpu import bound
from brains.kernels.program import block, counter, gate
from brains.kernels.program.arrays import Arrays, Net, buffers
from brains.rules import RULES
from brains.stepping.network import Indices, Network, check_indices
from brains.stepping.options import cost_of_chance, numbers_of, options_of
from brains.stepping.settings import SteppingConfig


def backend_name(config: SteppingConfig) -> str:
    """The backend that `auto` picks here: numba."""
    return "numba" if config.backend == "auto" else config.backend


class SteppingBrain(BrainBase):
    """One network acting, and in its subclasses learning, in N lanes, each with weights of its own."""

    learner = "taught"  # whose kernels it uses
    learns = True
    replay_shape = (0, 0)  # (capacity, numbers in an experience)

    def __init__(self, config: SteppingConfig, body: Body, network: Network) -> None:
        super().__init__(config, body)
        self.network = network
        self.backend = backend_name(config)
        thinks = config.brain_ticks_per_world_tick
        self.latency = max(0, -(-(config.brain_latency + 1 - thinks) // thinks))
        self.settling_ticks = settling_ticks(config, network)
        self.replay = np.zeros((body.lanes, *self.replay_shape), np.float32)
        self.options = options_of(config, body.discrete, network)
        self.numbers = numbers_of(config, network)
        self.judge = np.zeros((body.lanes, gate.NUMBERS if config.gate else 0))
        if config.gate:
            self.judge[:, gate.MEAN] = cost_of_chance(config, body.actions)
        self.net = self.net_of(network)
        self.action, self.target = self.net.buffers.action, self.net.buffers.target
        self.rollbacks = 0

    def net_of(self, network: Network) -> Net:
        """A network of this brain as a backend needs it."""
        shared = (network.table, self.numbers, network.state, network.parameters, network.activity)
        arrays = Arrays(*shared, self.replay, self.judge)
        targets = 1 if self.body.discrete else self.body.actions
        work_size = max(network.work_size, self.replay.shape[2])
        calls = buffers(arrays, self.options, self.body.observation_size, targets, work_size)
        rule = RULES[self.config.rule] if self.learns else None
        return Net(arrays, calls, self.options, network.operations, rule)

    @cached_property
    def kernel(self) -> Kernel:
        """The backend, bound to this brain's arrays."""
        return kernels.taught(self.backend, self.net)

    def nets(self) -> list[Net]:
        """Its networks."""
        return [self.net]

    def kernels(self) -> list[str]:
        """The compiled kernels it needs, by name; none of the torch backend."""
        return bound.names(self.learner, self.nets()) if self.backend == "numba" else []

    def warm_up(self) -> None:
        """Load the kernels, compiled in parallel if they are not yet."""
        pool.prepare(self.kernels())
        _ = self.kernel

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the masked lanes (N,)."""
        self.network.reset(lanes)

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick: (N, observation_size) -> (N,) int64, or (N, actions) float32 clipped to the body's bounds."""
        self.rollbacks += self.kernel.act(observation)
        if self.body.discrete:
            return self.action[:, 0].copy()
        return np.clip(self.action[:, : self.body.actions], self.body.low, self.body.high).astype(np.float32)

    def learned(self, loss: float, updates: int, rollbacks: int) -> Learning:
        """What a step of the kernel came to, with the roll-backs since the last one; a loss that was not finite has
        been rolled back, and is left out. Raises KeyboardInterrupt where it was broken off."""
        abort.check()
        rollbacks, self.rollbacks = rollbacks + self.rollbacks, 0
        return Learning(loss if math.isfinite(loss) else 0.0, updates, rollbacks)

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        return self.network.arrays()

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        super().load_state_dict(state)
        check_indices(self.indices())

    def adopt(self, state: State, *, changed: bool) -> None:
        """Take over what another stepping brain learned. Where its settings `changed`, the weights and whatever else
        has the same shape: its normalisation, its memory and its activity, but not the moments of its updates, nor a
        batch that it had begun. Raises ValueError if its weights do not fit."""
        mine = self.arrays()
        saved = in_lanes(mine, state)
        if not changed:
            self.load_state_dict(saved)
            return
        merged = {name: np.array(array) for name, array in mine.items()}
        for name, array in saved.items():
            if name.rpartition(".")[2] == "parameters":
                _take_weights(name, mine.get(name), array, merged)
            elif name in mine and array.shape == mine[name].shape and array.dtype == mine[name].dtype:
                merged[name] = np.array(array)
        for name, array in merged.items():
            if name.rpartition(".")[2] == "state":
                array[:, [counter.PENDING, counter.ADAM_STEP, counter.SINCE_SNAPSHOT]] = 0
        if "replay" not in saved or saved["replay"].shape != self.replay.shape:
            merged["state"][:, [counter.SIZE, counter.POSITION]] = 0
        self.load_state_dict(merged)

    def indices(self) -> Indices:
        """What of a loaded state is used as an index."""
        return self.network.indices(self.replay.shape[1])

    def activity(self) -> dict[str, NDArray[Any]]:
        """Every layer's output of the last tick, in order, each (N, units)."""
        outputs = self.network.newest()
        layers = enumerate(zip(self.config.layers, outputs, strict=True))
        return {layer_name(i, layer): output for i, (layer, output) in layers}

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The same knowledge with fresh activity, acting only; with `lanes`, lane 0's knowledge in each of them."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        return FrozenBrain(self.config, body, self.network.twin(lanes))


class FrozenBrain(SteppingBrain):
    """A network that acts and never learns."""

    learns = False


def _take_weights(name: str, mine: NDArray[Any] | None, saved: NDArray[Any], merged: State) -> None:
    """The weights (N, blocks, P) of another network with the same layers, as the first good snapshot too."""
    if mine is None or saved.ndim != 3 or saved.shape[2] != mine.shape[2]:
        raise ValueError(f"brain state {name!r}: its layers are others")
    weights = saved if len(saved) == len(mine) else saved[:1]
    merged[name][:, [block.VALUE, block.GOOD_VALUE]] = weights[:, [block.VALUE]]


def layer_name(i: int, layer: Any) -> str:
    """What a layer is called wherever it is shown."""
    return f"{i} {layer.type}"


def check_fit(config: SteppingConfig, body: Body) -> None:
    """Raise ValueError, saying what to change, where a config does not fit a body."""
    if problem := config.misfit(body.observation_size, body.actions, body.discrete, body.teacher):
        raise ValueError(problem)


def network_of(
    config: SteppingConfig, body: Body, layers: Sequence[Any], outputs: int, readout: str, ring: int
) -> Network:
    """The network of a config in a body. Raises ValueError, starting with the key, where two layers do not fit."""
    inputs = config.tile or body.observation_size
    blocks = block.MANY if config.optimizer == "adam" or config.reward.optimizer == "intentional" else block.FEW
    return Network(layers, inputs, outputs, readout, ring, body.lanes, config.skip_to_output, blocks=blocks)


def settling_ticks(config: SteppingConfig, network: Network) -> int:
    """World ticks after which a held input has filled every layer and every attention window."""
    brain_ticks = len(config.layers) if config.execution == "stepping" else 1
    brain_ticks += network.window - 1
    return -(-brain_ticks // config.brain_ticks_per_world_tick)

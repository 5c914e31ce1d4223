"""SteppingBrain: a small network in which every layer fires on every tick, and which learns while it acts.

Stepping: on a tick every layer computes from what its predecessor put out on the previous tick, so that
output(t) = f(input(t - (L-1))): depth costs latency, not waiting. Known elsewhere as depth-parallel training: Sideways
(Malinowski et al., CVPR 2020, arXiv 2001.06232). Where the world has a teacher the brain learns from its labels, here;
where it has only reward, see `streaming`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import NO_LABEL, Body, Brain, Experience, Float, Learning, State
from brains.kernels import Kernel, bind
from brains.kernels import layout as at
from brains.layers import TYPE_RATES
from brains.network import Network, load_arrays
from brains.settings import Block, SteppingConfig

RULES = ("backprop", "tween", "tween_chain")


def depth_scale(distance: int) -> float:
    """min(100, 1.2^d) for a layer d below the output; an exponent over 10 becomes 10 + ln(d - 9)."""
    exponent = distance if distance <= 10 else 10.0 + np.log(distance - 9.0)
    return float(min(100.0, 1.2**exponent))


def backend_name(config: SteppingConfig) -> str:
    """The backend that `auto` picks here: numba."""
    return "numba" if config.backend == "auto" else config.backend


class SteppingBrain:
    """One network acting, and in its subclasses learning, in N lanes, each with weights of its own.

    Calling SteppingBrain(config, body, seed) gives the brain for that body: taught (TaughtBrain) or, where the world
    has no teacher, learning from reward, by replay (QLearningBrain) or one sample at a time (StreamingBrain). Raises
    ValueError where the config does not fit the body.
    """

    Config = SteppingConfig
    replay_shape = (0, 0)  # (capacity, numbers in an experience)

    def __new__(cls, config: SteppingConfig, body: Body, *_: Any) -> SteppingBrain:
        """Choose the brain for this body."""
        if cls is not SteppingBrain:
            return super().__new__(cls)
        if body.teacher:
            return super().__new__(TaughtBrain)
        if config.replay is not None:
            from brains.q_learning import QLearningBrain

            return super().__new__(QLearningBrain)
        from brains.streaming import StreamingBrain

        return super().__new__(StreamingBrain)

    def __init__(self, config: SteppingConfig, body: Body, network: Network) -> None:
        self.config, self.body, self.network = config, body, network
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
            compiled_elsewhere("-".join(kind), "brains.precompile", *kind)

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

    def learn(self, experience: Experience) -> Learning:
        """Learn nothing: a frozen brain."""
        return Learning()

    def rehearse(self) -> Learning:
        """No further learning step."""
        return Learning()

    def learned(self, loss: float, updates: int, rollbacks: int) -> Learning:
        """What a step of the kernel came to, with the roll-backs since the last one; a loss that was not finite has
        been rolled back, and is left out."""
        rollbacks, self.rollbacks = rollbacks + self.rollbacks, 0
        return Learning(loss if math.isfinite(loss) else 0.0, updates, rollbacks)

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        return self.network.arrays()

    def state_dict(self) -> State:
        """Network, optimiser, snapshot, replay and random streams."""
        return {name: array.copy() for name, array in self.arrays().items()}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        load_arrays(self.arrays(), state)
        self.network.check_counters(self.replay.shape[1])

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


class TaughtBrain(SteppingBrain):
    """A stepping brain that learns from a teacher's labels: backprop, tween or tween_chain, with replay."""

    def __init__(self, config: SteppingConfig, body: Body, seed: np.random.SeedSequence) -> None:
        check_fit(config, body)
        weights, stream = seed.spawn(2)
        ring = max(2, len(config.layers))
        network = network_of(config, body, config.layers, body.actions, config.readout, ring)
        network.initialize(weights)
        network.begin_stream(stream)
        target_size = 1 if body.discrete else body.actions
        self.target = np.zeros((body.lanes, target_size), np.float32)
        if isinstance(config.schedule, Block):
            self.replay_shape = (config.schedule.block, body.observation_size + network.state_total + target_size)
        elif config.replay is not None:
            self.replay_shape = (config.replay.capacity, body.observation_size + network.state_total + target_size)
        super().__init__(config, body, network)
        learns_at_once = not isinstance(config.schedule, Block)  # a block makes its own forward passes, later
        self.options[at.FRESH] = config.execution == "stepping" and config.align == "instant" and learns_at_once

    def warm_up(self) -> None:
        """Load the kernels by living a tick in a copy."""
        twin = TaughtBrain(self.config, self.body, np.random.SeedSequence(0))
        twin.kernel.act(np.zeros((self.body.lanes, self.body.observation_size), np.float32), twin.action)
        twin.kernel.learn(twin.target, True)

    def learn(self, experience: Experience) -> Learning:
        """Remember the labelled lanes and make the first learning step of the tick."""
        label = experience.teacher_action
        if label is None:
            self.target[:] = np.nan
        elif self.body.discrete:
            if not ((label >= NO_LABEL) & (label < self.body.actions)).all():
                raise ValueError(f"the teacher names action {label}; this body has 0 to {self.body.actions - 1}")
            self.target[:, 0] = np.where(label == NO_LABEL, np.nan, label)
        else:
            self.target[:] = label
        return self.learned(*self.kernel.learn(self.target, True))

    def rehearse(self) -> Learning:
        """One more learning step, on replayed experiences alone."""
        if self.config.replay is None:
            return Learning()
        return self.learned(*self.kernel.learn(self.target, False))

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        return {**self.network.arrays(), "replay": self.replay}


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
    attention = network.table[network.table[:, at.TYPE] == at.ATTENTION]
    brain_ticks = len(config.layers) if config.execution == "stepping" else 1
    brain_ticks += int(attention[:, at.WINDOW].max(initial=1)) - 1
    return -(-brain_ticks // config.brain_ticks_per_world_tick)


def options_of(config: SteppingConfig, discrete: bool, network: Network) -> NDArray[np.int64]:
    """What does not change while the brain lives, as the kernels read it."""
    options = np.zeros(at.OPTIONS, np.int64)
    options[at.EXECUTION] = ("sequential", "stepping").index(config.execution)
    options[at.RULE] = RULES.index(config.rule)
    options[at.ALIGN] = ("instant", "pipeline", "sideways", "now").index(config.align)
    options[at.SCHEDULE] = (
        at.BLOCK if isinstance(config.schedule, Block) else at.EVERY_TICK if config.period == 1 else at.ACCUMULATE
    )
    options[at.PERIOD] = config.period
    options[at.EPOCHS] = config.schedule.epochs if isinstance(config.schedule, Block) else 1
    options[at.OPTIMIZER] = ("sgd", "adam").index(config.optimizer)
    if config.replay is not None:
        options[at.PER_STEP], options[at.RECENT] = config.replay.per_tick, config.replay.recent
    options[at.DISCRETE], options[at.RING], options[at.SNAPSHOT_EVERY] = discrete, network.ring, config.snapshot_every
    options[at.INPUTS], options[at.STATE_TOTAL] = network.inputs, network.state_total
    options[at.STAGES], options[at.BRAIN_TICKS] = len(config.layers), config.brain_ticks_per_world_tick
    options[at.EXPLOSION] = config.explosion_detection
    return options


def numbers_of(config: SteppingConfig, network: Network) -> Float:
    """Rates and the like, then every operation's depth scale and type rate."""
    numbers = [config.learning_rate, config.momentum, config.beta1, config.beta2, 1e-8, config.gradient_clip]
    for op in network.table:
        numbers += [depth_scale(len(config.layers) - 1 - int(op[at.STAGE])), TYPE_RATES.get(at.TYPES[op[at.TYPE]], 1.0)]
    return np.array(numbers, np.float32)

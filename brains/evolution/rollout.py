"""Many lives of many policies in a compiled world of sixteen lanes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled.cache import bound
from brains.brain import Float
from brains.evolution.engine import Tensor
from brains.kernels.program import rollout as of
from brains.kernels.program.rollout import LANES

KERNEL, ANSWER = "brains.kernels.cpu.rollout:run", "brains.kernels.cpu.rollout:answer"


class LanesOfAWorld(Protocol):
    """A compiled world of sixteen lanes: what its kernels are called with, addresses of `begin` and `advance`."""

    program: NDArray[np.int64]
    addresses: tuple[int, int]


class Lives(NamedTuple):
    """What came of them: returns and steps (members, episodes)."""

    returns: Float
    steps: NDArray[np.int64]


def policy(sizes: Sequence[int]) -> list[Tensor]:
    """The tensors of a policy of these sizes, the observation's first: per layer W (out, in) and the bias (out,)."""
    found = []
    for layer, (inputs, units) in enumerate(pairwise(sizes)):
        found += [Tensor(f"weight.{layer}", (units, inputs)), Tensor(f"bias.{layer}", (units,))]
    return found


def size_of(sizes: Sequence[int]) -> int:
    """How many parameters a policy of these sizes has."""
    return sum((inputs + 1) * units for inputs, units in pairwise(sizes))


def first_policy(sizes: Sequence[int], chance: np.random.Generator) -> Float:
    """The parameters that a policy begins with: N(0, 1 / inputs), the last layer's a tenth of that; biases 0."""
    parts: list[Any] = []
    for layer, (inputs, units) in enumerate(pairwise(sizes)):
        scale = (0.1 if layer == len(sizes) - 2 else 1.0) / np.sqrt(inputs)
        parts += [scale * chance.standard_normal(units * inputs), np.zeros(units)]
    return np.concatenate(parts).astype(np.float32)


def outputs(parts: Sequence[Any], seen: Any) -> list[Any]:
    """What every layer says of observations (..., observation_size), (..., units) each: `parts` are weights (out, in)
    and biases (out,) in turn; all layers but the last are a rational tanh."""
    found, x = [], seen
    for k in range(0, len(parts), 2):
        x = x @ parts[k].T + parts[k + 1]
        if k < len(parts) - 2:
            z = np.clip(x, -3, 3)
            x = z * (27 + z * z) / (27 + 9 * z * z)
        found.append(x)
    return found


def live(world: LanesOfAWorld, sizes: Sequence[int], members: Float, keys: NDArray[np.uint64]) -> Lives:
    """Every member (members, parameters) lives an episode from each of its keys (members, episodes), which say how it
    begins; actions are the largest outputs."""
    count, episodes = keys.shape
    parameters = size_of(sizes)
    if members.shape != (count, parameters):
        raise ValueError(f"members are {members.shape}, not {(count, parameters)}")
    found = Lives(np.zeros((count, episodes), np.float32), np.zeros((count, episodes), np.int64))
    given = np.ascontiguousarray(members, np.float32), np.ascontiguousarray(keys, np.uint64)
    layers, width = np.array(sizes, np.int64), max(sizes) + 1
    own: Any = (
        np.zeros((parameters + width, LANES), np.float32),
        np.zeros((2, width, LANES), np.float32),
        np.zeros((4, LANES), np.int64),
        np.zeros(LANES, np.float32),
    )
    program = np.zeros(of.ENTRIES, np.int64)
    program[[of.JOBS, of.EPISODES, of.LAYERS, of.PARAMETERS]] = count * episodes, episodes, len(sizes) - 1, parameters
    program[of.WIDTH] = width
    program[[of.BEGIN, of.ADVANCE]] = world.addresses
    places = (of.SIZES, of.MEMBERS, of.KEYS, of.RETURNS, of.STEPS, of.WEIGHTS, of.ACTIVITY, of.LIVES, of.EARNED)
    arrays = (layers, *given, *found, *own)
    program[[*places, of.WORLD]] = [array.ctypes.data for array in (*arrays, world.program)]
    bound(KERNEL, program)()
    return found


class Policies:
    """Policies of one shape, each of which sees what nobody else does; `count` is filled up to whole blocks of sixteen
    lanes, whose actions nobody looks at."""

    def __init__(self, sizes: Sequence[int], count: int) -> None:
        blocks, parameters = -(-count // LANES), size_of(sizes)
        self.count, width = count, max(sizes) + 1
        self._weights = np.zeros(((blocks * parameters + width), LANES), np.float32)
        self._blocks = self._weights[: blocks * parameters].reshape(blocks, parameters, LANES)
        self._seen = np.zeros((blocks * LANES, sizes[0]), np.float32)
        self._actions = np.zeros(blocks * LANES, np.int64)
        layers, activity = np.array(sizes, np.int64), np.zeros((2, width, LANES), np.float32)
        observed = np.zeros((sizes[0], LANES), np.float32)
        program = np.zeros(of.ENTRIES, np.int64)
        program[[of.JOBS, of.LAYERS, of.PARAMETERS, of.WIDTH]] = blocks * LANES, len(sizes) - 1, parameters, width
        places = (of.SIZES, of.WEIGHTS, of.ACTIVITY, of.EARNED, of.MEMBERS, of.STEPS)
        arrays = (layers, self._weights, activity, observed, self._seen, self._actions)
        program[[*places]] = [array.ctypes.data for array in arrays]
        self._answer = bound(ANSWER, program, arrays)

    def become(self, members: Float, first: int) -> None:
        """Policies `first` and on have these parameters (M, parameters)."""
        lanes = np.arange(first, first + len(members))
        self._blocks[lanes // LANES, :, lanes % LANES] = members

    def act(self, observations: Float) -> NDArray[np.int64]:
        """(count, observation_size) -> (count,), valid until the next time."""
        self._seen[: self.count] = observations
        self._answer()
        return self._actions[: self.count]

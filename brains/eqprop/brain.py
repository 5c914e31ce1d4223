"""A settling network that lives in a loop: it settles on what it sees, acts, and learns from the teacher's labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import NO_LABEL, Body, BrainBase, Experience, Float, Learning, State, in_lanes, load_arrays
from brains.eqprop.core import Core
from brains.eqprop.dreamed import Pools
from brains.eqprop.settings import EqPropConfig, QuadraticConfig
from brains.kernels.program import settling as of

SETTLED = 32  # parallel sweeps after which a state that homeostasis holds has its final word


class EqPropBrain(BrainBase):
    """Settles and acts within the tick, or, with a stride, goes on settling from tick to tick. All lanes share one
    network and one memory.

    Raises ValueError where nobody names one of the body's actions.
    """

    Config: Any = EqPropConfig
    backend = "numba"

    def __init__(self, config: Any, body: Body, seed: np.random.SeedSequence) -> None:
        if not (body.discrete and body.teacher):
            what = "only reward" if body.discrete else "continuous actions"
            raise ValueError(
                f"kind: {config.kind} learns from a teacher that names one of its actions, and this world has {what}: "
                "use kind: stepping"
            )
        super().__init__(config, body)
        weights, stream, asleep = seed.spawn(3)
        replay, arguments = config.replay, config.core(body.observation_size, body.actions)
        inputs = arguments["sizes"][0]
        if replay is not None:
            arguments |= {"memory": np.zeros((replay.capacity, inputs + 1), np.float32), "recent": replay.recent}
        self.batch = replay.per_tick if replay is not None else 0  # what a learning step draws
        gate = arguments.get("gate")
        stride = self.stride = getattr(config, "stride", None)
        rows = max(body.lanes, self.batch, gate["batch"] if gate else 0, stride.lanes if stride else 0)
        self.core = Core(rows=rows, seed=weights, **arguments)
        self.core.program[of.STREAM] = stream.generate_state(1, np.uint64).view(np.int64)[0]
        dreams = getattr(config, "dreams", None)
        if dreams and dreams.task is not None and dreams.task >= body.observation_size:
            raise ValueError(
                f"dreams.task: {dreams.task} is none of the observations; give 0 to {body.observation_size - 1}"
            )
        self.pools = Pools(dreams, inputs, body.actions, asleep) if dreams else None
        self.states = [np.zeros((body.lanes, size), np.float32) for size in self.core.sizes]
        depth = len(self.core.sizes) - 1
        sweeps = stride.sweeps if stride else depth
        self.warm = sweeps < depth
        if self.warm:
            self.latency, self.settling_ticks = -(-depth // sweeps) - 1, -(-SETTLED // sweeps)
        self.gated = gate is not None
        self.residual = 0.0  # of the last free phase that acted

    def inputs(self, observation: Float) -> Float:
        """What the network is shown of observations (N, observation_size)."""
        return observation

    def act(self, observation: Float) -> NDArray[Any]:
        """The largest output of the free phase, or after a tick's sweeps, (N,) int64."""
        x = self.inputs(observation)
        action = (self.core.step(x, self.states[1:]) if self.warm else self.core.settle(x)).argmax(1)
        for kept, state in zip(self.states, self.core.states, strict=True):
            kept[...] = state[: len(kept)]
        self.residual = self.core.residual
        return action

    def learn(self, experience: Experience) -> Learning:
        """Remember the lanes that heard a label, and make the first learning step of the tick."""
        label = experience.teacher_action
        if label is None:
            return Learning()
        if not ((label >= NO_LABEL) & (label < self.body.actions)).all():
            raise ValueError(f"the teacher names action {label}; this body has 0 to {self.body.actions - 1}")
        x = self.inputs(experience.observation)
        heard = (label != NO_LABEL) & np.isfinite(x).all(1)
        refused = int((label != NO_LABEL).sum() - heard.sum())
        if self.batch:
            for lane in np.flatnonzero(heard):
                self.core.remember(x[lane], label[lane])
                if self.pools:
                    self.pools.see(x[lane], int(label[lane]))
            ready = bool(self.core.program[of.REMEMBERED])
            return self._strode(refused) if self.stride and ready else self._learned(refused, ready * self.batch)
        return self._learned(refused, int(heard.sum()), x[heard], np.eye(self.body.actions)[label[heard]])

    def rehearse(self) -> Learning:
        """One more learning step, on remembered experiences; in stride there is one a tick."""
        if self.stride:
            return Learning()
        return self._learned(0, int(self.core.program[of.REMEMBERED]) and self.batch)

    def _learned(self, refused: int, rows: int, *batch: Any) -> Learning:
        """One learning step on so many samples, `batch` or remembered ones; `refused` were not finite."""
        if not rows:
            return Learning(rollbacks=refused)
        core, withheld, updates = self.core, self.core.withheld, 1
        if self.gated:
            updates = core.heed(rows, *batch)
        elif batch:
            core.learn(*batch)
        elif self.pools:
            core.learn(*self.pools.batch(core.memory, int(core.program[of.REMEMBERED]), rows))
        else:
            core.rehearse(rows)
        lost = core.withheld - withheld
        return Learning(core.loss if math.isfinite(core.loss) else 0.0, updates - lost, refused + lost, self._gate())

    def _strode(self, refused: int) -> Learning:
        """A tick of the lanes."""
        withheld, ripe = self.core.withheld, self.core.walk()
        lost = self.core.withheld - withheld
        return Learning(self.core.loss, int(ripe > 0) - lost, refused + lost, {"ripe": float(ripe)})

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the states of these lanes; a free phase starts from a pass upwards anyway."""
        for state in self.states:
            state[lanes] = 0

    def arrays(self) -> State:
        """The live arrays of network and memory, which all lanes share: their leading axis is 1. Where states stay from
        tick to tick, those too, a lane each."""
        live = {f"state.{index}": state for index, state in enumerate(self.states) if index and self.warm}
        shared = {**self.core.arrays(), "memory": self.core.memory}
        if self.pools:
            shared |= {f"dreams.{name}": array for name, array in self.pools.arrays().items()}
        return live | {name: array[None] for name, array in shared.items()}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        if "sizes" in state and not np.array_equal(state["sizes"], self.arrays()["sizes"]):
            raise ValueError(f"brain state 'sizes' is of another network: {state['sizes']}, not {self.core.sizes}")
        if "counts" in state and state["counts"].size and state["counts"].ravel()[:3].min() < 0:
            raise ValueError("brain state 'counts' is negative")
        if self.gated and "gate.counts" in state and state["gate.counts"].size == 3:
            judged, taken, held = state["gate.counts"].ravel()
            if not 0 <= held <= taken <= judged or held >= self.config.gate.batch:
                raise ValueError(f"brain state 'gate.counts' is {judged} judged, {taken} taken, {held} held")
        load_arrays(self.arrays(), state)
        if self.pools:
            self.pools.take_in()

    def adopt(self, state: State, *, changed: bool) -> None:
        """Take over what another brain of this kind learned, with gains of one's own where its settings `changed`;
        homeostasis sets them with the next update. Raises ValueError if it does not fit."""
        gains = self.core.gains.copy()
        self.load_state_dict(in_lanes(self.arrays(), state))
        if changed and not self.core.numbers[of.BOUND]:
            self.core.gains[...] = gains

    def _gate(self) -> dict[str, float]:
        """Of the gate, if there is one: the share of samples that went through, and what it takes now."""
        if not self.gated:
            return {}
        program, numbers = self.core.program, self.core.numbers
        judged, threshold = (
            max(1, int(program[of.JUDGED])),
            min(numbers[of.KAPPA] * numbers[of.MEAN], numbers[of.CEILING]),
        )
        return {"gate_share": int(program[of.TAKEN]) / judged, "gate_threshold": float(threshold)}

    def activity(self) -> dict[str, NDArray[Any]]:
        """The states of the last free phase that acted, above the input."""
        *hidden, output = (state.view() for state in self.states[1:])
        found = {**{f"hidden {index}": state for index, state in enumerate(hidden, start=1)}, "output": output}
        for state in found.values():
            state.flags.writeable = False
        return found

    def figures(self) -> dict[str, float]:
        """Of what settles: the mean free energy of the last acting states, what was left to settle, and by layer gamma
        and sqrt(gamma) sigma, which is below sqrt(homeostasis)."""
        units = self.config.core(self.body.observation_size, self.body.actions)["units"]
        found = {"withheld": float(self.core.withheld), **self._gate()}
        return found | settling_figures(self.core, units, self.states, self.residual)


def settling_figures(core: Core, units: list[str], states: list[Float], residual: float) -> dict[str, float]:
    """What a network that settled into `states` tells, nothing where it makes no sweep."""
    if not core.program[of.FREE]:
        return {}
    found = {"sweeps": float(core.program[of.FREE]), "residual": residual}
    found["free_energy"] = float(energy(core, units, states).mean())
    for index, gain in enumerate(core.gains, start=1):
        largest = float(np.linalg.norm(core.weights[index], 2))
        found |= {f"gain/{index}": float(gain), f"feedback/{index}": math.sqrt(gain) * largest}
    return found


def energy(core: Core, units: list[str], states: list[Float]) -> NDArray[np.float64]:
    """E of each sample, (N,) (see `kernels.reference.settling`)."""
    total, scale = np.zeros(len(states[0])), 1.0
    for index, (below, s) in enumerate(pairwise(np.asarray(state, np.float64) for state in states)):
        z = below @ core.weights[index] + core.biases[index]
        if index == 0 and core.gate:
            z *= below @ core.gate[0] + core.gate[1]
        if index:
            scale *= float(core.gains[index - 1])
        total += scale * (POTENTIALS.get(units[index], half_square)(s) - s * z).sum(1)
    return total


def half_square(s: Any) -> Any:
    """R of linear and of clipped units."""
    return s * s / 2


def rational_potential(s: Any) -> Any:
    """R of rational tanh units: s z minus the integral of the nonlinearity up to z, by Cardano's formula for z."""
    low, high = np.cbrt(np.maximum(1 - s, 0)), np.cbrt(np.maximum(1 + s, 0))
    z = 3 * s + 3 * low * high * (low - high)
    return s * z - z * z / 18 - 4 / 3 * np.log1p(z * z / 3)


def entropy(p: Any) -> Any:
    """R of sigmoid units: p log p + (1 - p) log(1 - p)."""
    inside = np.clip(p, 1e-300, 1 - 1e-16)
    return inside * np.log(inside) + (1 - inside) * np.log1p(-inside)


POTENTIALS: dict[str, Callable[[Any], Any]] = {
    "rational_tanh": rational_potential,
    "sigmoid": entropy,
    "tanh": lambda s: entropy((1 + s) / 2) + math.log(2),  # tanh z = 2 sigmoid(2 z) - 1
}


class QuadraticBrain(EqPropBrain):
    """Softmax regression on the monomials of degree 1 and 2: a network without hidden layers."""

    Config = QuadraticConfig

    def __init__(self, config: Any, body: Body, seed: np.random.SeedSequence) -> None:
        self.pairs = np.triu_indices(body.observation_size)
        super().__init__(config, body, seed)

    def inputs(self, observation: Float) -> Float:
        """(N, n) -> (N, n + n (n + 1) / 2): x, and x_i x_j for i <= j."""
        first, second = self.pairs
        return np.concatenate([observation, observation[:, first] * observation[:, second]], axis=1)

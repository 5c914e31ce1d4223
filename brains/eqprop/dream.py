"""One net that recognises and dreams: an energy of third order, in which each label unit switches on a pool of its own.

    E(x, h, y) = - sum_k y_k (x^T W_k h_k + a_k^T x + b_k^T h_k + c_k)

of D pixels x, K pools h_k of H units, all 0 or 1, and K label units y of which one is 1 (T. J. Sejnowski, Higher-order
Boltzmann machines, 1986). W_k serves both directions. Summed over the pools, exp(-E) leaves exp(F_k(x)):

    F_k(x) = c_k + a_k^T x + sum_j ln(1 + exp(b_kj + (x W_k)_j))

**Recognise**: pixels held, P(y_k | x) = softmax(F)_k, exact in one sweep, since pools do not hear each other.
**Dream**: a label held, pixels and its pool draw each other by turns. **Learn**: what three phases leave in pixel x
unit, gated by the label: awake minus asleep (persistent contrastive divergence, T. Tieleman, ICML 2008, centred as by
J. Melchior et al., JMLR 17, 2016), and label held minus label free. No backprop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float, State

MOMENTUM = 0.5
WEIGHT_DECAY = 1e-4
LABEL_RATE = 20.0  # times that of the rest: c has to follow the partition function of a young pool
CENTRE_RATE = 0.05
AVERAGE_RATE = 0.002
START = 0.01  # standard deviation of weights
TRIAL = 500  # updates until it is looked whether a pool has collapsed; it is given twice as many at half the rate
HIGHEST = 100.0  # c_k of a pool that has not
ROWS = 1_000  # recognised at a time


class Pools(NamedTuple):
    """Parameters, or what is added to them: `W` (K, D, H), `a` (K, D), `b` (K, H), `c` (K,)."""

    W: Float
    a: Float
    b: Float
    c: Float

    def of(self, labels: Sequence[int] | slice) -> Pools:
        """Those of some labels."""
        return Pools(*(each[labels] for each in self))


def log_weights(pools: Pools, x: Float) -> tuple[Float, Float]:
    """F (N, K) of pixels (N, D), ln sum_h exp(-E(x, h, y_k)), and what drives the units, (K, N, H)."""
    drive = x @ pools.W + pools.b[:, None]
    softplus = np.maximum(drive, 0) + np.log(1 + np.exp(-np.abs(drive)))
    return softplus.sum(2).T + x @ pools.a.T + pools.c, drive


def recognise(pools: Pools, x: Float) -> Float:
    """P(y | x), (N, K), of pixels (N, D)."""
    parts = [log_weights(pools, x[i : i + ROWS])[0] for i in range(0, len(x), ROWS)]
    return softmax(np.concatenate(parts))


def units(pools: Pools, x: Float, cold: float = 1.0) -> Float:
    """P(h | x, y) at the temperature 1 / cold, (K, N, H), of pixels (K, N, D)."""
    return sigmoid(cold * (x @ pools.W + pools.b[:, None]))


def pixels(pools: Pools, h: Float, cold: float = 1.0) -> Float:
    """P(x | h, y) at the temperature 1 / cold, (K, N, D), of units (K, N, H)."""
    return sigmoid(cold * (h @ pools.W.transpose(0, 2, 1) + pools.a[:, None]))


def gibbs(pools: Pools, x: Float, chance: np.random.Generator, cold: float = 1.0) -> Float:
    """One step with labels held: units are drawn from pixels (K, N, D), and the mean of new pixels is given back."""
    return pixels(pools, bernoulli(units(pools, x, cold), chance), cold)


def temperatures(steps: int, hottest: float) -> NDArray[np.float64]:
    """(steps,): falling linearly from `hottest` to 1 after four fifths, and 1 from there."""
    return 1 + (hottest - 1) * np.maximum(0, 1 - np.arange(steps) / (0.8 * steps))


def dreaming(
    pools: Pools, means: Float, count: int, steps: int, hottest: float, chance: np.random.Generator
) -> Iterator[Float]:
    """`count` dreams of each label as they form, the means of pixels (K, count, D) after each step: pixels begin as
    draws from the label's mean image (K, D), and cool."""
    x = bernoulli(np.repeat(means[:, None], count, axis=1), chance)
    for temperature in temperatures(steps, hottest).tolist():
        p = gibbs(pools, x, chance, 1 / temperature)
        yield p
        x = bernoulli(p, chance)


def wake_sleep(pools: Pools, awake: Float, asleep: Float, means: Float, centres: Float) -> tuple[Pools, Float]:
    """What images (K, n, D) have and dreams (K, n, D) have not, with labels held: the gradient of the mean of F_k over
    the images minus that over the dreams, centred at `means` (K, D) and `centres` (K, H); and the images' mean units.

    (x - m)(h - l)^T, summed over images minus dreams, is one product of stacked rows, m being one of them.
    """
    n = awake.shape[1]
    up, down = units(pools, awake), units(pools, asleep)
    mean_up = up.mean(1)
    change_a, change_b = awake.mean(1) - asleep.mean(1), mean_up - down.mean(1)
    up -= centres[:, None]
    down -= centres[:, None]
    rows = np.concatenate([awake, asleep, means[:, None]], 1)
    pull = np.concatenate([up, -down, (down - up).sum(1, keepdims=True)], 1)
    pull /= n
    change_a -= _each(rows.transpose(0, 2, 1), _each(pull, centres))
    change_b -= _each(pull.transpose(0, 2, 1), _each(rows, means))
    return Pools(rows.transpose(0, 2, 1) @ pull, change_a, change_b, np.zeros_like(pools.c)), mean_up


def _each(matrices: Float, vectors: Float) -> Float:
    return (matrices @ vectors[:, :, None])[:, :, 0]


def naming(pools: Pools, x: Float, labels: NDArray[np.int64], share: float, first: int = 0) -> tuple[Pools, float]:
    """Label held minus label free, over pixels (N, D): `share` times the gradient of the summed ln P(label | x), of the
    pools from the `first` on and of every c; and the mean of -ln P(label | x)."""
    log_weight, drive = log_weights(pools, x)
    free = softmax(log_weight)
    rows = np.arange(len(x))
    loss = -float(np.log(np.maximum(free[rows, labels], 1e-30)).mean())
    error = -free
    error[rows, labels] += 1
    error *= share
    h = sigmoid(drive[first:])
    h *= error.T[first:, :, None]
    return Pools(x.T @ h, error.T[first:] @ x, h.sum(1), error.sum(0)), loss


class Dreamer:
    """A net that learns, from its classes' mean images (K, D), with `hidden` units a pool and `chains` dreams of each
    label that go on as it learns, and `chance`, of SFC64. What it recognises and dreams with is the running average of
    its parameters.

    A pool can collapse while it is young: it then has a large c and small weights. It is started anew, at half the
    rate: how often, `restarts` (K,) says.
    """

    def __init__(self, means: Float, hidden: int, chains: int, chance: np.random.Generator) -> None:
        count, size = means.shape
        self.chance = chance
        self.means = means.astype(np.float32)
        shapes = [(count, size, hidden), (count, size), (count, hidden), (count,)]
        self.live, self.velocity, self.average = (Pools(*(np.zeros(s, np.float32) for s in shapes)) for _ in range(3))
        self.centres = np.zeros((count, hidden), np.float32)
        self.chains = np.zeros((count, chains, size), np.float32)
        self.ages, self.restarts = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for label in range(count):
            self._start(label)

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return sum(each.size for each in self.live)

    def recognise(self, x: Float) -> Float:
        """P(y | x), (N, K), of pixels (N, D)."""
        return recognise(self.average, x)

    def dream(
        self, labels: Sequence[int], count: int, steps: int, hottest: float, chance: np.random.Generator
    ) -> Float:
        """`count` dreams of each label, the means of pixels (labels, count, D)."""
        *_, last = dreaming(self.average.of(labels), self.means[labels], count, steps, hottest, chance)
        return last

    def update(self, images: Float, named: Float, rate: float, share: float, young: int = 0) -> float:
        """Learn images (L, n, D) of the last L labels awake, and name images (M, m, D) of the last M; pixels are 0 to
        1, naming has so large a share, and of earlier pools than L only c learns; those from `young` on began last,
        together. Returns the mean of -ln P(label | x)."""
        count, (last, m, size) = len(self.means), named.shape
        first = count - len(images)
        own, here = self.live.of(slice(first, count)), slice(first, count)
        self.chains[here] = bernoulli(gibbs(own, self.chains[here], self.chance), self.chance)
        awake = bernoulli(images, self.chance)
        step, mean_up = wake_sleep(own, awake, self.chains[here], self.means[here], self.centres[here])
        self.centres[here] += CENTRE_RATE * (mean_up - self.centres[here])
        labels = np.repeat(np.arange(count - last, count), m)
        told, loss = naming(self.live, named.reshape(-1, size), labels, share / m, first)
        for change, other in zip(step[:3], told[:3], strict=True):
            change[...] += other
        rates = (rate * 0.5**self.restarts).tolist()
        for label in range(count):
            changes = [LABEL_RATE * told.c[label : label + 1]]
            if label >= first:
                self.live.W[label] *= 1 - rates[label] * WEIGHT_DECAY
                changes = [*step.of([label - first])[:3], *changes]
            self._descend(label, changes, rates[label])
        self._guard(max(first, young))
        return loss

    def _descend(self, label: int, changes: list[Float], rate: float) -> None:
        """One pool at a time, which fits the cache; of its parameters the last ones, for which there are changes."""
        follow = max(AVERAGE_RATE, 1 / (int(self.ages[label]) + 1))
        here = slice(label, label + 1)
        kinds = (pools.of(here)[-len(changes) :] for pools in (self.live, self.velocity, self.average))
        for parameter, velocity, average, change in zip(*kinds, changes, strict=True):
            velocity[...] *= MOMENTUM
            velocity[...] += change
            parameter[...] += rate * velocity
            average[...] += follow * (parameter - average)
        self.ages[label] += 1

    def _guard(self, young: int) -> None:
        """Start anew what has collapsed of the pools from `young` on, which began together: among older ones, whose
        weights are wide, a sound young one would look as if it had."""
        due = self.ages == TRIAL * 2**self.restarts
        due[:young] = False
        if due.any():
            spread = self.spread
            usual = np.sort(spread[young:])[(len(spread) - young) // 2]  # the upper median
            collapsed = due & ((spread < usual / 2) | (self.live.c > HIGHEST))
            self.restarts += collapsed
            for label in np.flatnonzero(collapsed).tolist():
                self._start(label)

    @property
    def spread(self) -> Float:
        """The standard deviation of each pool's weights, (K,)."""
        return self.live.W.std(axis=(1, 2))

    def _start(self, label: int) -> None:
        """A pool as it begins: small weights, pixels that alone draw the mean image, c the mean of the others."""
        mean = self.means[label].clip(0.002, 0.998)
        self.live.W[label] = START * self.chance.standard_normal(self.live.W[label].shape, np.float32)
        self.live.a[label] = np.log(mean / (1 - mean))
        self.live.b[label] = 0
        self.live.c[label] = np.delete(self.live.c, label).mean() if len(self.live.c) > 1 else 0
        for velocity, average, parameter in zip(self.velocity, self.average, self.live, strict=True):
            velocity[label], average[label] = 0, parameter[label]
        self.centres[label] = 0.5
        self.chains[label] = bernoulli(np.broadcast_to(self.means[label], self.chains[label].shape), self.chance)
        self.ages[label] = 0

    def state_dict(self) -> State:
        """Everything that going on exactly needs, copied."""
        state: State = {name: array.copy() for name, array in self.arrays().items()}
        chance: Any = self.chance.bit_generator.state
        words = [*chance["state"]["state"], chance["has_uint32"], chance["uinteger"]]
        return {**state, "chains": self.chains > 0, "chance": np.array(words, np.uint64)}

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        wanted = {name: array.shape for name, array in self.state_dict().items()}
        if {name: array.shape for name, array in state.items()} != wanted:
            raise ValueError("a net of other sizes")
        for name, array in self.arrays().items():
            array[...] = state[name]
        self.chains = state["chains"].astype(np.float32)
        *words, has, spare = (int(word) for word in state["chance"])
        own = {"state": np.array(words, np.uint64)}
        self.chance.bit_generator.state = {
            "bit_generator": "SFC64",
            "state": own,
            "has_uint32": has,
            "uinteger": spare,
        }

    def arrays(self) -> State:
        """The live arrays, but for the chains."""
        found: State = {"means": self.means, "centres": self.centres, "ages": self.ages, "restarts": self.restarts}
        for kind, pools in (("live", self.live), ("velocity", self.velocity), ("average", self.average)):
            found |= {f"{kind}.{name}": array for name, array in zip(Pools._fields, pools, strict=True)}
        return found


def grown(net: Dreamer, means: Float) -> Dreamer:
    """A net for more labels, of these mean images (K', D): old pools begin with what was averaged, their chains go on,
    and the new pools are young."""
    count, (_, _, hidden) = len(net.means), net.live.W.shape
    found = Dreamer(np.concatenate([net.means, means]), hidden, net.chains.shape[1], net.chance)
    for kind in (found.live, found.average):
        for own, old in zip(kind, net.average, strict=True):
            own[:count] = old
    found.live.c[count:] = found.average.c[count:] = net.average.c.mean()
    found.chains[:count] = net.chains
    found.restarts[:count] = net.restarts
    return found


def bernoulli(p: Float, chance: np.random.Generator) -> Float:
    """1 with the probabilities p, else 0, float32."""
    drawn = chance.random(p.shape, np.float32)
    return np.less(drawn, p, out=drawn)


def sigmoid(z: Float) -> Float:
    """The logistic function, written over z."""
    with np.errstate(over="ignore"):  # exp(-z) is infinite where 1 / (1 + exp(-z)) is 0
        np.exp(np.negative(z, out=z), out=z)
    z += 1
    return np.reciprocal(z, out=z)


def softmax(z: Float) -> Float:
    """Of the last axis."""
    weights = np.exp(z - z.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)

"""Dreams in place of memory: what was lived longer than a moment ago is kept as an energy, and dreamed of from it.

Each task and label has a pool of linear units coupled by a quadratic energy, E_k(x) = (x - m_k)' S_k^-1 (x - m_k) / 2,
of which m_k and S_k are the running mean and covariance of the n_k experiences that were lived there, each seen once. A
dream of a pool is a draw from exp(-E_k), within the bounds of what was seen. It is recognised by the same energies: its
labels are P(k | x) of the pools of its task, which is n_k exp(-E_k(x)) / sqrt(det S_k) over their sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled.random import pack, unpack
from brains.brain import Float, State
from brains.eqprop.settings import DreamsConfig

RIDGE = 1e-4  # added to each variance


class Pools:
    """Pools of two tasks, or of one, and `labels` labels: pool k is task k // labels, label k % labels."""

    def __init__(self, config: DreamsConfig, inputs: int, labels: int, seed: np.random.SeedSequence) -> None:
        self.config, self.labels = config, labels
        pools = labels * (1 if config.task is None else 2)
        self.count = np.zeros(pools, np.int64)
        self.mean, self.covariance = np.zeros((pools, inputs)), np.zeros((pools, inputs, inputs))
        self.bounds = np.stack((np.full(inputs, np.inf), np.full(inputs, -np.inf)))
        self.chance = np.random.Generator(np.random.PCG64(seed))
        self.words = pack(self.chance)  # of chance, as state
        self.factors = np.zeros_like(self.covariance)  # what dreams are drawn with
        self.inverses = np.zeros_like(self.covariance)  # of square roots of S_k
        self.offsets = np.full(pools, np.inf)  # log sqrt(det S_k) - log n_k; of what is not known, nothing is likely

    @property
    def known(self) -> NDArray[np.int64]:
        """Pools that have lived enough to be dreamed of."""
        return np.flatnonzero(self.count >= self.config.least)

    def see(self, x: Float, label: int) -> None:
        """Take in an experience, x (inputs,), once and for all."""
        task = 0 if self.config.task is None else int(x[self.config.task] > 0.5)
        k = task * self.labels + label
        self.count[k] += 1
        before = x - self.mean[k]
        self.mean[k] += before / self.count[k]
        self.covariance[k] += (np.outer(before, x - self.mean[k]) - self.covariance[k]) / self.count[k]
        self.bounds[0], self.bounds[1] = np.minimum(self.bounds[0], x), np.maximum(self.bounds[1], x)
        if self.count[k] >= self.config.least:
            self._factor(k)

    def _factor(self, k: int) -> None:
        """Square roots of S_k, with as much of it as dreams vary by, and what recognising takes."""
        spread = self.covariance[k] + RIDGE * np.eye(len(self.mean[k]))
        root = np.linalg.cholesky(spread)
        self.inverses[k] = np.linalg.inv(root)
        self.offsets[k] = np.log(root.diagonal()).sum() - np.log(self.count[k])
        drawn = {"full": root, "diagonal": np.diag(np.sqrt(spread.diagonal())), "none": np.zeros_like(root)}
        self.factors[k] = drawn[self.config.spread]

    def dreams(self, count: int) -> tuple[Float, Float]:
        """So many of known pools, of which there must be one, each as likely as any: (count, inputs), and how likely
        each label is (count, labels)."""
        which = self.chance.choice(self.known, count)
        normal = self.chance.standard_normal((count, self.mean.shape[1]))
        x = np.clip(self.mean[which] + np.einsum("nij,nj->ni", self.factors[which], normal), *self.bounds)
        return x.astype(np.float32), self.recognise(x, which // self.labels)

    def recognise(self, x: NDArray[np.float64], task: NDArray[np.int64]) -> Float:
        """P(label | x) of x (n, inputs) of tasks (n,), (n, labels)."""
        away = np.einsum("kij,knj->kni", self.inverses, x - self.mean[:, None])
        log = -0.5 * np.square(away).sum(2) - self.offsets[:, None]  # (pools, n)
        own = log.reshape(-1, self.labels, len(x))[task, :, np.arange(len(x))]
        likely = np.exp(own - own.max(1, keepdims=True))
        found: Float = (likely / likely.sum(1, keepdims=True)).astype(np.float32)
        return found

    def batch(self, memory: Float, remembered: int, rows: int) -> tuple[Float, Float]:
        """Inputs (rows, inputs) and how likely each label is: a share of dreams, the rest from memory (capacity,
        inputs + 1)."""
        dreamed = int(self.config.share * rows) if len(self.known) else 0
        lived = memory[self.chance.integers(min(remembered, len(memory)), size=rows - dreamed)]
        x, target = lived[:, :-1], np.eye(self.labels, dtype=np.float32)[lived[:, -1].astype(np.int64)]
        if dreamed:
            more, likely = self.dreams(dreamed)
            x, target = np.concatenate((x, more)), np.concatenate((target, likely))
        self.words[:] = pack(self.chance)
        return x, target

    def arrays(self) -> State:
        """The live arrays that going on exactly needs; `take_in` after a change."""
        own: State = {"count": self.count, "mean": self.mean, "covariance": self.covariance, "bounds": self.bounds}
        return {**own, "chance": self.words}

    def take_in(self) -> None:
        """Go on from what the arrays say. Raises ValueError for what is no covariance."""
        if self.count.min() < 0:
            raise ValueError("brain state 'dreams.count' is negative")
        self.chance = unpack(self.words)
        for k in self.known:
            try:
                self._factor(k)
            except np.linalg.LinAlgError as error:
                raise ValueError(f"brain state 'dreams.covariance' of pool {k} is none") from error

"""EGGROLL: a population is asked for and told its fitness (Sarkar et al., "Evolution Strategies at the Hyperscale").

W is (out, in). Pair p perturbs it by +- sigma E_p, E_p = A B' / sqrt(rank) with A (out, rank) and B (in, rank) of
N(0, 1); what low rank would not make smaller, and vectors, by E_p of N(0, 1) in full. The estimate of the gradient of
fitness is the mean of f_p E_p, f_p made of the difference d_p = F(W + sigma E_p) - F(W - sigma E_p).

Deviations: (1) `centered_rank` ranks d_p among all +-d, so that a tie stays 0; (2) a pair whose d_p is no number counts
as if it had not been there; (3) Adam has epsilon 1e-8 and corrects its bias, as torch.optim.Adam does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float, State, load_arrays
from brains.evolution import noise
from brains.evolution.settings import EvolutionConfig

EPSILON = 1e-8  # Adam's


class Tensor(NamedTuple):
    """One of what is learned: `shape` (out, in), or (n,)."""

    name: str
    shape: tuple[int, ...]


class Place(NamedTuple):
    """Where a tensor is: `size` numbers from `offset` on among the parameters, and what perturbs it `numbers` from
    `start` on in a row of noise. `rank` 0: in full."""

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int
    rank: int
    start: int
    numbers: int

    @property
    def end(self) -> int:
        """Of what perturbs it, in whole blocks."""
        return self.start + self.numbers + -self.numbers % noise.WORDS

    def of(self, parameters: Any) -> Any:
        """Its part of parameters (..., size), as (..., *shape)."""
        part = parameters[..., self.offset : self.offset + self.size]
        return part.reshape(*parameters.shape[:-1], *self.shape)

    def factors(self, rows: Any) -> tuple[Any, Any]:
        """A (pairs, out, rank) and B (pairs, in, rank) in rows of noise, where its rank is not 0."""
        high, wide = self.shape
        row = rows[:, self.start : self.start + self.numbers]
        split = high * self.rank
        return row[:, :split].reshape(-1, high, self.rank), row[:, split:].reshape(-1, wide, self.rank)

    def perturbation(self, rows: Any) -> Any:
        """E (pairs, *shape) of rows of noise."""
        if not self.rank:
            return rows[:, self.start : self.start + self.numbers].reshape(-1, *self.shape)
        a, b = self.factors(rows)
        return a @ np.swapaxes(b, 1, 2) * np.float32(1 / math.sqrt(self.rank))


def places(tensors: Sequence[Tensor], rank: int) -> tuple[Place, ...]:
    """Where each is, one behind the other; a tensor's noise begins with a whole block of its own."""
    found: list[Place] = []
    offset = start = 0
    for name, shape in tensors:
        size = math.prod(shape)
        low = len(shape) == 2 and shape[1] > 1 and size > sum(shape) * rank
        numbers = sum(shape) * rank if low else size
        found.append(Place(name, shape, offset, size, rank if low else 0, start, numbers))
        offset, start = offset + size, found[-1].end
    return tuple(found)


def shaped(differences: NDArray[Any], shaping: str, sigma: float) -> NDArray[np.float64]:
    """f (pairs,) of d (pairs,), in float64; what is not finite is 0."""
    d = np.asarray(differences, np.float64)
    known = np.isfinite(d)
    d = np.where(known, d, 0.0)
    if shaping == "raw":
        return d / (2 * sigma)
    if shaping == "sign":
        return np.sign(d)
    if shaping == "centered_rank":
        sizes, place = np.unique(np.abs(d[known]), return_inverse=True)
        before = np.cumsum(np.bincount(place, minlength=len(sizes)))
        middle = before - (np.bincount(place, minlength=len(sizes)) - 1) / 2  # ties share the mean of their ranks
        f = np.zeros_like(d)
        f[known] = np.sign(d[known]) * middle[place] / (2 * max(1, known.sum()))
        return f
    centre = d[known].mean() if shaping == "zscore" and known.any() else 0.0
    spread = math.sqrt(np.mean(np.square(d[known] - centre))) if known.any() else 0.0
    return np.where(known, (d - centre) / spread, 0.0) if spread > 0 else np.zeros_like(d)


class Evolution:
    """A mean that moves: `mean` (parameters,) float32, in the order of `tensors`, and the optimizer's moments.

    Everything random is a function of `seed`, the tensor, generation // noise_reuse and the pair: what `rows` says in
    the forward pass, it says again in the update.
    """

    def __init__(self, config: EvolutionConfig, tensors: Sequence[Tensor], mean: Float, seed: int) -> None:
        self.config, self.seed, self.places = config, seed, places(tensors, config.rank)
        last = self.places[-1]
        if mean.shape != (last.offset + last.size,):
            raise ValueError(f"mean is {mean.shape}, not ({last.offset + last.size},)")
        self.width = last.end
        self.mean = np.array(mean, np.float32)
        self.first, self.second = np.zeros_like(self.mean), np.zeros_like(self.mean)
        self.count = np.zeros(1, np.int64)  # generations
        if config.fixed_point is not None:
            self.mean[:] = self._whole(self.mean)

    @property
    def generation(self) -> int:
        """How many it was told of."""
        return int(self.count[0])

    @property
    def sigma(self) -> float:
        """Of this generation."""
        if self.config.fixed_point is not None:
            return 2.0**-self.config.sigma_shift * math.sqrt(self.config.rank)
        return self.config.sigma * self.config.sigma_decay**self.generation

    @property
    def rate(self) -> float:
        """Of this generation."""
        return self.config.learning_rate * self.config.rate_decay**self.generation

    def rows(self, pairs: range) -> Float:
        """The noise of these pairs in this generation, (pairs, width): what `Place.perturbation` is made of."""
        rows, epoch = np.empty((len(pairs), self.width), np.float32), self.generation // self.config.noise_reuse
        for index, place in enumerate(self.places):
            noise.fill(rows[:, place.start : place.end], self.seed, index, epoch, pairs.start)
        return rows

    def chunks(self, pairs: range | None = None) -> Iterator[range]:
        """All pairs, or these, as many at once as the config says; always cut at the same places."""
        pairs, step = range(self.config.pairs) if pairs is None else pairs, self.config.chunk_pairs
        for start in range(pairs.start, pairs.stop, step):
            yield range(start, min(start + step, pairs.stop))

    def members(self, pairs: range) -> Float:
        """The parameters (2 pairs, parameters) of these pairs' members, + and - in turn."""
        rows, found = self.rows(pairs), np.empty((len(pairs), 2, len(self.mean)), np.float32)
        for place in self.places:
            span = slice(place.offset, place.offset + place.size)
            step = (np.float32(self.sigma) * place.perturbation(rows)).reshape(len(pairs), -1)
            found[:, 0, span], found[:, 1, span] = self.mean[span] + step, self.mean[span] - step
        return found.reshape(2 * len(pairs), -1)

    def sums(self, f: NDArray[np.float64]) -> Float:
        """The sum of f_p E_p over all pairs, (parameters,) float32: a product of scaled factors, chunk by chunk."""
        found = np.zeros_like(self.mean)
        for chunk in self.chunks():
            rows, share = self.rows(chunk), f[chunk.start : chunk.stop].astype(np.float32)
            for place in self.places:
                own = place.of(found)
                if not place.rank:
                    own += (share @ rows[:, place.start : place.start + place.numbers]).reshape(place.shape)
                    continue
                a, b = place.factors(rows)
                scaled = a * (share / np.float32(math.sqrt(place.rank)))[:, None, None]
                high, wide = place.shape
                left = scaled.transpose(1, 0, 2).reshape(high, -1)
                own += left @ b.transpose(0, 2, 1).reshape(-1, wide)
        return found

    def tell(self, differences: NDArray[Any], share: float = 1.0) -> Float:
        """Take in d_p of all pairs (pairs,), NaN of those that never came, and move on by a generation, at a `share` of
        the rate. Returns the estimated gradient of fitness (parameters,), before any threshold."""
        config = self.config
        f = shaped(differences, config.shaping, self.sigma)
        arrived = int(np.isfinite(differences).sum())
        summed = self.sums(f)
        gradient: Float = summed / np.float32(max(1, arrived))
        if arrived:
            taken = gradient
            if config.update_threshold:
                # the standard deviation of a sum, if f had nothing to do with E, is sqrt(P) rms(f)
                taken = np.where(np.abs(summed) > self.threshold * math.sqrt(np.sum(f * f)), gradient, np.float32(0))
            self._move(taken, share)
        self.count += 1
        return gradient

    def _move(self, gradient: Float, share: float) -> None:
        """The mean, up the gradient."""
        config = self.config
        if config.fixed_point is not None:
            self.mean += np.sign(gradient) * np.float32(2.0**-config.fixed_point)
            self.mean[:] = self._whole(self.mean)
        else:
            self.mean += np.float32(share) * self._step(gradient)
        if config.weight_clip is not None:
            np.clip(self.mean, -config.weight_clip, config.weight_clip, out=self.mean)

    @property
    def threshold(self) -> float:
        """Of this generation: of int8 it grows, so that the share of weights that moves decays."""
        if self.config.fixed_point is None:
            return self.config.update_threshold
        return self.config.update_threshold / self.config.rate_decay**self.generation

    def _step(self, gradient: Float) -> Float:
        """Of the optimizer, up the gradient."""
        if self.config.optimizer == "sgd":
            return np.float32(self.rate) * gradient
        keep1, keep2 = (np.float32(beta) for beta in self.config.betas)
        self.first[:] = keep1 * self.first + (1 - keep1) * gradient
        self.second[:] = keep2 * self.second + (1 - keep2) * gradient * gradient
        unbiased1, unbiased2 = (1 - beta ** (self.generation + 1) for beta in self.config.betas)
        root = np.sqrt(self.second) * np.float32(1 / math.sqrt(unbiased2)) + np.float32(EPSILON)
        step: Float = np.float32(self.rate / unbiased1) * self.first / root
        return step

    def _whole(self, weights: Float) -> Float:
        """The nearest int8 in units of 2^-fixed_point."""
        unit = np.float32(2.0 ** -(self.config.fixed_point or 0))
        whole: Float = np.clip(np.rint(weights / unit), -127, 127) * unit
        return whole

    def arrays(self) -> State:
        """The live arrays that going on exactly needs."""
        return {"mean": self.mean, "first": self.first, "second": self.second, "count": self.count}

    def state_dict(self) -> State:
        """Copies of what going on exactly needs."""
        return {name: array.copy() for name, array in self.arrays().items()}

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        load_arrays(self.arrays(), state)


def exact_cosine(parameters: int, shapes: Sequence[tuple[tuple[int, ...], int, float]], pairs: int) -> float:
    """The expected cosine of the raw estimate with the true gradient, of tensors (shape, rank, share of the squared
    gradient), rank 0 in full: sqrt(P / (P + c - 1)), c = d + sum of shares of c_r - d_tensor, where a matrix of low
    rank has c_r = d + 2 + (2 (out + in) + 2) / r, and a Gaussian one d + 2."""
    excess = 0.0
    for shape, rank, share in shapes:
        excess += share * (2 + ((2 * sum(shape) + 2) / rank if rank else 0))
    return math.sqrt(pairs / (pairs + parameters + excess - 1))

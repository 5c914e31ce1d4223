"""A population of GRUs that read tokens, none of which is ever made: a table, one cell and a head, all perturbed.

As in torch.nn.GRU (Cho et al. 2014, with the reset gate inside as in cuDNN), of a hidden state h:

    r, z = sigmoid(W x + w + U h + u), n = tanh(W_n x + w_n + r (U_n h + u_n)), h <- (1 - z) n + z h

with x a row of the table and logits V h + v. Of a member W + s E, E = A B' of low rank, a product x (W + s E)' is the
mean's, which all members do with one another, and a thin one, (x B) (s A)'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float
from brains.evolution.engine import Place, Tensor

Tokens = NDArray[np.int64]
Factors = tuple[Float, Float]  # A (pairs, out, rank) and B (pairs, in, rank) of E = A B'


def gru(vocabulary: int, hidden: int) -> list[Tensor]:
    """The tensors that are learned, in the shapes and the order of torch: the table (vocabulary, hidden), the input's
    and the state's weights (3 hidden, hidden) and biases, the head (vocabulary, hidden) and its bias."""
    gates, head = (3 * hidden, hidden), (vocabulary, hidden)
    cell = [
        Tensor("input", gates),
        Tensor("state", gates),
        Tensor("input_bias", gates[:1]),
        Tensor("state_bias", gates[:1]),
    ]
    return [Tensor("table", head), *cell, Tensor("head", head), Tensor("head_bias", head[:1])]


def first_gru(vocabulary: int, hidden: int, chance: np.random.Generator) -> Float:
    """The parameters that one begins with: the table N(0, 1), the rest uniform within 1 / sqrt(hidden)."""
    sizes = [math.prod(shape) for _, shape in gru(vocabulary, hidden)]
    bound = 1 / math.sqrt(hidden)
    rest = chance.uniform(-bound, bound, sum(sizes[1:]))
    return np.concatenate([chance.standard_normal(sizes[0]), rest]).astype(np.float32)


class Population(NamedTuple):
    """Members mean + scale E_p, one for each of `scales` (M,) and each row of noise (pairs, width)."""

    places: Sequence[Place]
    mean: Float
    rows: Float
    scales: Float


def logits(members: Population, tokens: Tokens) -> Iterator[Float]:
    """What each member expects next after each of tokens (pairs, samples, length), read from a state of 0: as long as
    they are, (pairs, M, samples, vocabulary)."""
    places, mean, rows, scales = members
    table, _, keep, *_, head, _ = (place.of(mean) for place in places)
    pairs, samples, length = tokens.shape
    count, hidden = len(scales), table.shape[1]
    scale = np.repeat(scales, samples)[:, None].astype(np.float32)  # (M samples, 1), of every row of a pair
    factors = {place.name: factored(place, rows) for place in places if len(place.shape) == 2}
    enter_bias, keep_bias, head_bias = (
        place.of(mean) + scale * place.perturbation(rows)[:, None] for place in places if len(place.shape) == 1
    )
    entered, left, right = entering(members, factors, tokens)
    state = np.zeros((pairs, count * samples, hidden), np.float32)
    for t in range(length):
        gates = (left[..., t, :].reshape(pairs, count * samples, -1) @ right).reshape(pairs, count, samples, -1)
        gates += entered[tokens[:, None, :, t]]
        given = gates.reshape(pairs, count * samples, -1) + enter_bias
        own = product(state, keep, factors["state"], scale) + keep_bias
        both = sigmoid(given[..., : 2 * hidden] + own[..., : 2 * hidden])
        reset, update = both[..., :hidden], both[..., hidden:]
        new = np.tanh(given[..., 2 * hidden :] + reset * own[..., 2 * hidden :])
        state = new + update * (state - new)
        found = product(state, head, factors["head"], scale) + head_bias
        yield found.reshape(pairs, count, samples, -1)


def entering(members: Population, factors: dict[str, Factors], tokens: Tokens) -> tuple[Float, Float, Float]:
    """W x of every member's own table and weights, without either: the mean's of every token (vocabulary, 3 hidden), to
    be looked up, and what is added, left (pairs, M, samples, length, k) times right (pairs, k, 3 hidden).

    (e + s a B')(W + s C D')' = e W' + s a (W B)' + (s e D + s^2 a B'D) C', a and e rows of A and of the table.
    """
    table, enter = (place.of(members.mean) for place in members.places[:2])
    (a, b), (c, d) = factors["table"], factors["input"]
    scale = members.scales.astype(np.float32)[:, None, None, None]
    which = np.arange(len(a))[:, None, None]
    own = a[which, tokens][:, None]  # (pairs, 1, samples, length, rank of the table)
    seen = (table @ d)[which, tokens][:, None]
    crossed = own @ (np.swapaxes(b, 1, 2) @ d)[:, None, None]
    left = np.concatenate((scale * own, scale * seen + scale * scale * crossed), axis=-1)
    return table @ enter.T, left, np.concatenate((np.swapaxes(enter @ b, 1, 2), np.swapaxes(c, 1, 2)), axis=1)


def factored(place: Place, rows: Float) -> Factors:
    """A and B of E = A B', what is in full as E times 1."""
    if not place.rank:
        full = place.perturbation(rows)
        return full, np.broadcast_to(np.eye(full.shape[2], dtype=np.float32), (len(full), *[full.shape[2]] * 2))
    a, b = place.factors(rows)
    return a * np.float32(1 / math.sqrt(place.rank)), b


def product(x: Float, weights: Float, factors: Factors, scale: Float) -> Float:
    """x (W + s E)' of what differs from member to member, x (pairs, rows, in) and s (rows, 1)."""
    a, b = factors
    found: Float = (x.reshape(-1, x.shape[2]) @ weights.T).reshape(*x.shape[:2], -1)
    found += ((x @ b) * scale) @ np.swapaxes(a, 1, 2)
    return found


def sigmoid(x: Float) -> Float:
    """Of a tanh, which cannot overflow."""
    found: Float = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * x)
    return found


def cross_entropies(members: Population, tokens: Tokens, skipped: int = 0) -> tuple[Float, Float]:
    """In nats, the mean over samples and places of what each member says of the next of tokens (pairs, samples,
    length + 1), (pairs, M), and the share of tokens that it expects most; without the first `skipped`
    places. In float32."""
    loss, right = (np.zeros((len(tokens), len(members.scales)), np.float32) for _ in range(2))
    for t, found in enumerate(logits(members, tokens[..., :-1])):
        if t < skipped:
            continue
        wanted = tokens[:, None, :, t + 1, None]
        chosen = np.take_along_axis(found, wanted, axis=-1)[..., 0]
        most = found.max(-1)
        loss += (most + np.log(np.exp(found - most[..., None]).sum(-1)) - chosen).mean(-1)
        right += (chosen >= most).mean(-1)
    counted = np.float32(tokens.shape[2] - 1 - skipped)
    return loss / counted, right / counted


def mean_alone(places: Sequence[Place], mean: Any) -> Population:
    """The unperturbed mean, as a population of one."""
    width = places[-1].start + places[-1].numbers
    return Population(places, mean, np.zeros((1, width), np.float32), np.zeros(1, np.float32))

"""What the tokens of one layer of a settling network say to each other: with an energy, or as a looped block.

Tokens are (B, N D), token by token. An energy transformer (Hoover et al. 2023) has

    E(s) = - 1/b sum over heads h, tokens i of log sum over tokens j != i of exp(b k_j q_i) - 1/2 sum over i, m of
           max(0, xi_m s_i)^2,    q_i = s_i Wq_h, k_j = s_j Wk_h

an attention and a Hopfield memory, so that all that is said of energies holds, and the contrast of equilibrium
propagation is the gradient. Deviation: tokens are units with a nonlinearity of their own, bounded, in place of a layer
norm, which settle in the same sweeps as all others. The looped block, attention and a perceptron that are no gradient
of anything, is what is published of transformers by equilibrium propagation; it learns as a vector field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

Parameters = Sequence[Tensor]
AnyLateral = TypeVar("AnyLateral", bound=Any)  # a dataclass that is a Lateral


class Lateral(Protocol):
    """What the units of one layer, (B, n), do to each other, all of it multiplied by `strength`."""

    @property
    def strength(self) -> float:
        """1, or what homeostasis leaves of it."""

    def pull(self, s: Tensor, parameters: Parameters) -> Tensor:
        """What drives each unit besides the layers beside it, (B, n); -dE / ds where there is an energy."""


@runtime_checkable
class LateralEnergy(Lateral, Protocol):
    """A lateral that has an energy."""

    def energy(self, s: Tensor, parameters: Parameters) -> Tensor:
        """E of each sample, (B,)."""

    def slopes(self, s: Tensor, parameters: Parameters) -> list[Tensor]:
        """-dE / dparameter of each, summed over samples."""


def along(lateral: Lateral, s: Tensor, parameters: Parameters, change: Tensor) -> list[Tensor]:
    """The derivative of sum change . pull(s) by each parameter, one step of autograd: what a vector field learns by."""
    own = [parameter.detach().requires_grad_() for parameter in parameters]
    with torch.enable_grad():
        return list(torch.autograd.grad((change * lateral.pull(s, own)).sum(), own))


def with_strength(lateral: AnyLateral, strength: float) -> AnyLateral:
    """The same, at another strength."""
    return replace(lateral, strength=strength)


DIFFERENCE = 1e-2  # between the states that a Jacobian is told from


def calmed(
    lateral: AnyLateral, s: Tensor, parameters: Parameters, vector: Tensor, bound: float
) -> tuple[AnyLateral, Tensor]:
    """The same at the strength, at most 1, that holds the norm of its Jacobian at the bound, by one power iteration
    from the unit `vector` (n,) of the last time, which comes back moved on: from the sample of s where it is largest.
    An estimate from below, since samples differ; with a norm below 1, units that do but this to each other settle."""
    whole = with_strength(lateral, 1.0)
    images = whole.pull(s + DIFFERENCE * vector, parameters) - whole.pull(s - DIFFERENCE * vector, parameters)
    norms = (images / (2 * DIFFERENCE)).norm(dim=1)
    largest = int(norms.argmax())
    norm = float(norms[largest])
    if not 0 < norm < math.inf:
        return whole, vector
    return with_strength(lateral, min(1.0, bound / norm)), images[largest] / images[largest].norm()


@dataclass(frozen=True)
class EnergyTransformer:
    """Parameters: Wq, Wk (heads, D, head width) and the memories xi (M, D). b is 1 / sqrt(head width); all of the
    energy is multiplied by `strength`."""

    tokens: int
    strength: float = 1.0

    def energy(self, s: Tensor, parameters: Parameters) -> Tensor:
        """E of each sample, (B,)."""
        tokens, _, _, logits, sharpness = self._attended(s, parameters)
        remembered = (tokens @ parameters[2].T).clamp_min(0)
        own = torch.logsumexp(logits, 3).sum((1, 2)) / sharpness + (remembered**2).sum((1, 2)) / 2
        return -self.strength * own

    def pull(self, s: Tensor, parameters: Parameters) -> Tensor:
        """-dE / ds."""
        to_queries, to_keys, memories = parameters
        _, from_keys, from_queries, remembered = self._forces(s, parameters)
        own = torch.einsum("bhnk,hdk->bnd", from_keys, to_queries)
        own = own + torch.einsum("bhnk,hdk->bnd", from_queries, to_keys)
        return self.strength * (own + remembered @ memories).flatten(1)

    def slopes(self, s: Tensor, parameters: Parameters) -> list[Tensor]:
        """-dE / dparameter of each, summed over samples."""
        tokens, from_keys, from_queries, remembered = self._forces(s, parameters)
        own = [
            torch.einsum("bnd,bhnk->hdk", tokens, from_keys),
            torch.einsum("bnd,bhnk->hdk", tokens, from_queries),
            torch.einsum("bnm,bnd->md", remembered, tokens),
        ]
        return [self.strength * each for each in own]

    def _attended(self, s: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
        """Tokens (B, N, D), queries and keys (B, heads, N, head width), b k_j q_i (B, heads, N of i, N of j), b."""
        to_queries, to_keys, _ = parameters
        tokens, sharpness = s.view(len(s), self.tokens, -1), 1 / math.sqrt(to_keys.shape[2])
        queries, keys = (torch.einsum("bnd,hdk->bhnk", tokens, to) for to in (to_queries, to_keys))
        itself = torch.eye(self.tokens, dtype=torch.bool)
        logits = (sharpness * queries @ keys.mT).masked_fill(itself, -math.inf)
        return tokens, queries, keys, logits, sharpness

    def _forces(self, s: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Tokens, -dE / dq and -dE / dk (B, heads, N, head width), and what is remembered (B, N, M)."""
        tokens, queries, keys, logits, _ = self._attended(s, parameters)
        attention = torch.softmax(logits, 3)
        return tokens, attention @ keys, attention.mT @ queries, (tokens @ parameters[2].T).clamp_min(0)


@dataclass(frozen=True)
class LoopedBlock:
    """A transformer's block, the same in every sweep: attention, then a perceptron on its layer norm. Parameters: Wq,
    Wk and Wv (heads, D, head width), Wo (heads, head width, D), W1 (D, M), W2 (M, D). All that it says is
    multiplied by `strength`."""

    tokens: int
    strength: float = 1.0

    def pull(self, s: Tensor, parameters: Parameters) -> Tensor:
        """What attention and perceptron say to each token."""
        to_queries, to_keys, to_values, back, up, down = parameters
        tokens = s.view(len(s), self.tokens, -1)
        queries, keys, values = (torch.einsum("bnd,hdk->bhnk", tokens, to) for to in (to_queries, to_keys, to_values))
        attention = torch.softmax(queries @ keys.mT / math.sqrt(to_keys.shape[2]), 3)
        heard = torch.einsum("bhnk,hkd->bnd", attention @ values, back)
        own = torch.nn.functional.layer_norm(tokens + heard, tokens.shape[2:])
        return self.strength * (heard + (own @ up).clamp_min(0) @ down).flatten(1)

"""Networks that are a V: `features` of a View, (N, F) float64, and `forward` of them, (N,).

`forward` takes how much of the training is over, 0 to 1, or None: as it is evaluated.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from agentsim.batch.collatz.arithmetic import NOT_SEEN
from agentsim.batch.collatz.closed_forms import OUT_OF_SIGHT, PER_STEP, predecessor_bounds
from agentsim.batch.collatz.losses import annealed
from agentsim.batch.collatz.samples import Values, View
from agentsim.batch.collatz.settings import (
    GradientNetwork,
    MaxPoolNetwork,
    PrefixNetwork,
    PublishedNetwork,
    TwoSidedNetwork,
)

LOG2_3 = np.log2(3.0)
POWERS = (1, 2, 3, 4)  # of 3: which residues are seen


def perceptron(widths: list[int]) -> nn.Sequential:
    """Linear layers from the first width to the last, with LeakyReLU(.1) between them."""
    layers: list[nn.Module] = []
    for inputs, units in pairwise(widths):
        layers += [nn.Linear(inputs, units), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers[:-1])


def drift(view: View) -> Values:
    """L log2 3 - (k_1 + .. + k_L), (N,)."""
    return view.lookahead * LOG2_3 - view.halvings.sum(axis=1)


def scaled_residues(view: View) -> Values:
    """n mod 3, 9, 27, 81, each over its largest value, (N, 4)."""
    return np.stack([view.residue % 3**power / (3**power - 1) for power in POWERS], axis=1)


class Published(nn.Module):
    """softplus(MLP) + 1e-6 of the published 6 + L features. `beta` is the share of the drift in the anchor."""

    def __init__(self, config: PublishedNetwork, lookahead: int, beta: float) -> None:
        super().__init__()
        self.config = config
        inputs = sum(1 if np.ndim(f) == 1 else np.shape(f)[1] for f in self._groups(_nothing(lookahead)))
        self.layers = perceptron([inputs, *(() if config.linear else config.hidden), 1])
        self.beta = nn.Parameter(torch.tensor(beta), requires_grad=config.adaptive)

    def _groups(self, view: View) -> list[Values]:
        halvings = np.minimum(view.halvings, 10).astype(np.float64)
        groups = {
            "magnitude": view.logs[:, 0] / np.log(10) / 40,
            "residues": scaled_residues(view),
            "drift": drift(view) / 10,
            "halvings": (halvings - 2 * self.config.k_shifted) / 10,
        }
        kept = {"halvings"} if self.config.k_only else set(groups)
        return [group for name, group in groups.items() if name in kept - set(self.config.without)]

    def features(self, view: View) -> Values:
        """(N, 6 + L), less what is left out."""
        return np.column_stack(self._groups(view))

    def forward(self, features: Tensor, progress: float | None = None) -> Tensor:
        """(N,), above 0."""
        return F.softplus(self.layers(features)).squeeze(1) + 1e-6


class Prefix(nn.Module):
    """x_0 + MLP((x_j - x_0) / 4, j = 1 .. L; whether 1 comes before j; x_0; residues)."""

    def __init__(self, config: PrefixNetwork, lookahead: int) -> None:
        super().__init__()
        self.config = config
        self.layers = perceptron([self.features(_nothing(lookahead)).shape[1] - 1, *config.hidden, 1])

    def features(self, view: View) -> Values:
        """(N, 1 + F): x_0 stands alone in front."""
        start, steps = view.logs[:, :1], np.arange(1, view.lookahead + 1)
        groups = {
            "prefix": (view.logs[:, 1:] - start) / 4,
            "one": (view.one[:, None] != NOT_SEEN) & (steps > view.one[:, None]),
            "magnitude": start / 40,
            "residues": scaled_residues(view),
        }
        return np.column_stack([start, *(group for name, group in groups.items() if name not in self.config.without)])

    def forward(self, features: Tensor, progress: float | None = None) -> Tensor:
        """(N,)."""
        return features[:, 0] + self.layers(features[:, 1:]).squeeze(1)


class MaxPool(nn.Module):
    """V(1) = 0, V(n) = .1 + max over j = 0 .. min(L, one) of phi(x_j) + a_j.

    phi is a line plus tanhs, all of them rising, 0 at 0; a_(j+1) - a_j is in .0005 .. .005 times the slope of the line.
    """

    LEAST, MOST = 0.0005, 0.005

    def __init__(self, config: MaxPoolNetwork, lookahead: int) -> None:
        super().__init__()
        self.config = config
        units = 0 if "curve" in config.without else config.units
        self.slope = nn.Parameter(torch.tensor(0.0))
        self.heights = nn.Parameter(torch.full((units,), -3.0))
        self.rates = nn.Parameter(torch.full((units,), -1.0))
        self.centers = nn.Parameter(torch.linspace(0.0, 60.0, units) if units else torch.empty(0))
        self.increments = nn.Parameter(torch.zeros(0 if "tilt" in config.without else lookahead))

    def features(self, view: View) -> Values:
        """(N, L + 2): x_0 .. x_L, and where the maximum ends, which is 0 at 1 alone."""
        end = np.where(view.one == NOT_SEEN, view.lookahead, view.one)
        return np.column_stack([view.logs, end])

    def forward(self, features: Tensor, progress: float | None = None) -> Tensor:
        """(N,), 0 or at least .1."""
        logs, end = features[:, :-1], features[:, -1]
        slope = F.softplus(self.slope)
        heights, rates = F.softplus(self.heights), F.softplus(self.rates)
        values = slope * logs
        for height, rate, center in zip(heights, rates, self.centers, strict=True):
            values = values + height * (torch.tanh(rate * (logs - center)) + torch.tanh(rate * center))
        if len(self.increments):
            steps = slope * (self.LEAST + (self.MOST - self.LEAST) * torch.sigmoid(self.increments))
            values = values + F.pad(steps.cumsum(0), (1, 0))
        positions = torch.arange(logs.shape[1], dtype=logs.dtype)
        values = values.masked_fill(positions > end[:, None], -torch.inf)
        if progress is None:
            highest = values.amax(dim=1)
        else:
            temperature = annealed(self.config.temperature, progress)
            highest = temperature * torch.logsumexp(values / temperature, dim=1)
        return torch.where(end > 0, 0.1 + highest, 0.0)


class TwoSided(nn.Module):
    """V(n) = .01 one(n) where 1 is in sight, else 100 + ln n + MLP(...), and 1,000 more where 3 | n.

    A multiple of 3 comes from no odd number, so its V may be as large as one likes.
    """

    FROM_NOTHING = 1_000.0
    LARGEST_BOUND = 4.0

    def __init__(self, config: TwoSidedNetwork, lookahead: int) -> None:
        super().__init__()
        self.config, self.lookahead = config, lookahead
        self.residues = None
        inputs = self.features(_nothing(lookahead)).shape[1] - 4
        if "residues" not in config.without:
            self.residues = nn.Embedding(3**config.residue_power, config.residue_units)
            nn.init.normal_(self.residues.weight, std=0.1)
            inputs += config.residue_units
        self.layers = perceptron([inputs, *config.hidden, 1])
        for parameter in self.layers[-1].parameters():
            nn.init.zeros_(parameter)

    def features(self, view: View) -> Values:
        """(N, 4 + F): x_0, one, whether 3 | n, and n mod 3^residue_power stand in front."""
        start = view.logs[:, :1]
        powers = range(1, self.config.bounds_power + 1)
        bounds = [predecessor_bounds(power)[view.residue % 3**power] for power in powers]
        groups = {
            "prefix": (view.logs[:, 1:] - start) / 4,
            "bounds": np.minimum(np.stack(bounds, axis=1), self.LARGEST_BOUND),
        }
        front = (start, view.one, view.residue % 3 == 0, view.residue % 3**self.config.residue_power)
        return np.column_stack([*front, *(group for name, group in groups.items() if name not in self.config.without)])

    def forward(self, features: Tensor, progress: float | None = None) -> Tensor:
        """(N,), above 0."""
        start, one, from_nothing, residue = features[:, :4].T
        seen = one != NOT_SEEN
        asked = ~seen & (from_nothing == 0)  # elsewhere no V comes close to another one
        inputs = features[asked, 4:]
        if self.residues is not None:
            inputs = torch.cat([inputs, self.residues(residue[asked].long())], dim=1)
        learned = torch.zeros_like(start).masked_scatter(asked, self.layers(inputs).squeeze(1))
        above = OUT_OF_SIGHT + start + learned + self.FROM_NOTHING * from_nothing
        return torch.where(seen, PER_STEP * one, above)


def _nothing(lookahead: int) -> View:
    """A view of no number, to see how many features there are."""
    return View(
        np.empty((0, lookahead + 1)), np.empty((0, lookahead), np.uint16), np.empty(0, np.int64), np.empty(0, np.int64)
    )


Network = Published | Prefix | MaxPool | TwoSided


def build_network(config: GradientNetwork, lookahead: int, beta: float) -> Network:
    """The network of a config, from torch's random state; `beta` is where an adaptive share of the drift starts."""
    match config:
        case PublishedNetwork():
            return Published(config, lookahead, beta)
        case PrefixNetwork():
            return Prefix(config, lookahead)
        case MaxPoolNetwork():
            return MaxPool(config, lookahead)
        case TwoSidedNetwork():
            return TwoSided(config, lookahead)

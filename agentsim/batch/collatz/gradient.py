"""A V that is a torch network: trained in float32 by AdamW, evaluated in float64 so that no tie comes from rounding."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agentsim.batch.collatz.losses import anchor_weight, annealed, hinge, hinge_weights, log_loss
from agentsim.batch.collatz.networks import Published, build_network, drift
from agentsim.batch.collatz.samples import Pairs, Values, View
from agentsim.batch.collatz.settings import CollatzConfig, HingeLoss, LogLoss, SteppingNetwork
from brains.brain import State

ROWS = 4_096  # evaluated at a time


class GradientLearner:
    """A Learner around a network."""

    def __init__(self, config: CollatzConfig) -> None:
        assert not isinstance(config.network, SteppingNetwork)
        self.config, self.lookahead, self.batches = config, config.lookahead, 0
        drift_share = config.loss.anchor_drift if isinstance(config.loss, HingeLoss) else 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = build_network(config.network, config.lookahead, drift_share)
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = config.optimizer
        self.optimizer = torch.optim.AdamW(
            self.parameters, optimizer.learning_rate, weight_decay=optimizer.weight_decay
        )
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, factor=optimizer.factor, patience=optimizer.patience
        )

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return sum(parameter.numel() for parameter in self.parameters)

    def potential(self, view: View) -> Values:
        """V of N numbers, (N,) float64."""
        network = copy.deepcopy(self.network).double()
        with torch.no_grad():
            features = torch.from_numpy(network.features(view))
            return torch.cat([network(rows) for rows in torch.split(features, ROWS)]).numpy()

    def learn(self, pairs: Pairs, hard: NDArray[np.bool_], progress: float) -> float:
        """One step of AdamW. Returns the loss."""
        if self.config.optimizer.schedule == "cosine":
            self._set_rate(self.config.optimizer.learning_rate * (1 + math.cos(math.pi * progress)) / 2)
        loss = self._loss(pairs, hard, progress)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.batches += 1
        if self.config.optimizer.schedule == "plateau":
            self.plateau.step(loss.item())
        return loss.item()

    def _loss(self, pairs: Pairs, hard: NDArray[np.bool_], progress: float) -> Tensor:
        loss = self.config.loss
        views = [pairs.here(self.lookahead), *(pairs.there(self.lookahead, steps) for steps in loss.ahead)]
        features = np.concatenate([self.network.features(view) for view in views])
        here, *there = self.network(torch.from_numpy(features).float(), progress).split(len(pairs))
        margins = [here - later for later in there]
        if isinstance(loss, LogLoss):
            weights = torch.from_numpy(np.where(pairs.grows, loss.growth_weight, 1.0)).float()
            return log_loss(margins[0], weights, annealed(loss.mu, progress))

        rows = torch.from_numpy(hard) if loss.split else slice(None)
        weights = torch.from_numpy(hinge_weights(pairs.grows, hard, loss)).float()[rows]
        total = torch.zeros(())
        for steps, found in zip(loss.ahead, margins, strict=True):
            total = total + loss.weight(steps) * hinge(found[rows], weights, loss.margin)
        if (anchored := anchor_weight(self.batches, loss)) > 0:
            beta = self.network.beta if isinstance(self.network, Published) else loss.anchor_drift
            target = torch.from_numpy(views[0].logs[:, 0]).float() + beta * torch.from_numpy(drift(views[0])).float()
            total = total + anchored * torch.nn.functional.mse_loss(here, target)
        return total

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def state_dict(self) -> State:
        """Copies of the weights (network.*), of AdamW's moments (optimizer.PARAMETER.*) and of the schedule."""
        state = {f"network.{name}": tensor.numpy().copy() for name, tensor in self.network.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{index}.{name}": tensor.numpy().copy() for name, tensor in moments.items()}
        rate = self.optimizer.param_groups[0]["lr"]
        state["schedule"] = np.array([self.batches, rate, self.plateau.best, self.plateau.num_bad_epochs], np.float64)
        return state

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        network, moments = _under("network.", tensors), _under("optimizer.", tensors)
        try:
            self.network.load_state_dict(network)
        except RuntimeError as error:
            raise ValueError(f"a state of another network: {error}") from error
        by_parameter: dict[int, dict[str, Tensor]] = {}
        for name, tensor in moments.items():
            index, _, moment = name.partition(".")
            by_parameter.setdefault(int(index), {})[moment] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": by_parameter})
        batches, rate, best, bad = state["schedule"].tolist()
        self.batches, self.plateau.best, self.plateau.num_bad_epochs = int(batches), best, int(bad)
        self._set_rate(rate)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

"""GRUs that continue sequences: what learns, by evolution and by backprop, and what the trainer asks for."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from agentsim.batch.evolution.judged import Evolving
from agentsim.batch.evolution.settings import SequenceConfig
from agentsim.batch.evolution.tokens import LEARNED, VALIDATION, Tokens, drawn, source_of
from brains.brain import Float, State, load_arrays
from brains.evolution.engine import Evolution, places
from brains.evolution.gru import Population, cross_entropies, first_gru, gru, mean_alone

START, DATA = 10, 11  # streams of chance, others than those of `tokens`
PLACES = 64  # sequences that are judged at a time


class Reader(Protocol):
    """A Learner of `agentsim.batch.training` that continues sequences."""

    config: SequenceConfig

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        ...

    @property
    def parameters(self) -> Float:
        """They, in the order of `gru`."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the sequences of a batch: groups, and sequences of each."""
        ...

    def learn(self, tokens: Tokens, share: float) -> float:
        """Learn from tokens (*shape, length + 1) at a share of the rate. Returns the loss."""
        ...

    def state_dict(self) -> State:
        """Copies of everything."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        ...


class Evolved(Evolving):
    """The strategy: its fitness is minus the cross-entropy."""

    def __init__(self, config: SequenceConfig, vocabulary: int) -> None:
        self.config = config
        first = first_gru(vocabulary, config.hidden, np.random.default_rng([config.seed, START]))
        self.evolution = Evolution(config.evolution, gru(vocabulary, config.hidden), first, config.seed)
        self.group = config.evolution.group

    @property
    def parameters(self) -> Float:
        """The mean's."""
        return self.evolution.mean

    @property
    def shape(self) -> tuple[int, ...]:
        """Groups of pairs that share their data, and sequences."""
        return -(-self.config.evolution.pairs // self.group), self.config.sequences

    def losses(self, tokens: Tokens) -> Float:
        """Cross-entropy of members + and - (pairs, 2), on tokens (groups, sequences, length + 1)."""
        evolution, found = self.evolution, []
        scales = np.array([evolution.sigma, -evolution.sigma], np.float32)
        for chunk in evolution.chunks():
            members = Population(evolution.places, evolution.mean, evolution.rows(chunk), scales)
            found.append(cross_entropies(members, tokens[np.array(chunk) // self.group], self.config.skipped)[0])
        return np.concatenate(found)

    def learn(self, tokens: Tokens, share: float) -> float:
        """A generation. Returns the mean loss of all members."""
        losses = self.losses(tokens).astype(float)
        self.evolution.tell(losses[:, 1] - losses[:, 0], share)
        return float(losses.mean())


class Network(torch.nn.Module):
    """The GRU in torch, its parameters in the same order."""

    def __init__(self, vocabulary: int, hidden: int) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(vocabulary, hidden)
        self.cell = torch.nn.GRU(hidden, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, vocabulary)

    def loss(self, tokens: torch.Tensor, skipped: int) -> torch.Tensor:
        """Mean cross-entropy in nats of the next of tokens (samples, length + 1)."""
        logits = self.head(self.cell(self.table(tokens[:, :-1]))[0])[:, skipped:]
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1 + skipped :].flatten())


class Backprop:
    """The control: the same beginning, gradients by autograd through every token, Adam."""

    def __init__(self, config: SequenceConfig, vocabulary: int) -> None:
        self.config, self.network = config, Network(vocabulary, config.hidden)
        first = first_gru(vocabulary, config.hidden, np.random.default_rng([config.seed, START]))
        vector_to_parameters(torch.from_numpy(first), self.network.parameters())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.backprop_rate)
        self.moments: dict[str, list[torch.Tensor]] = {"exp_avg": [], "exp_avg_sq": []}
        for parameter in self.network.parameters():
            fresh: dict[str, Any] = {name: torch.zeros_like(parameter) for name in self.moments}
            self.optimizer.state[parameter] = {"step": torch.tensor(0.0), **fresh}
            for name, kept in self.moments.items():
                kept.append(fresh[name])

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return len(self.parameters)

    @property
    def parameters(self) -> Float:
        """A copy of them."""
        found: Float = parameters_to_vector(self.network.parameters()).detach().numpy()
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """One group."""
        return 1, self.config.backprop_sequences

    def learn(self, tokens: Tokens, share: float) -> float:
        """A step of Adam."""
        self.optimizer.param_groups[0]["lr"] = self.config.backprop_rate * share
        loss = self.network.loss(torch.from_numpy(tokens[0]), self.config.skipped)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def state_dict(self) -> State:
        """Parameters, and Adam's moments and steps."""
        step = next(iter(self.optimizer.state.values()))["step"]
        moments = {name: parameters_to_vector(kept).numpy().copy() for name, kept in self.moments.items()}
        return {"parameters": self.parameters.copy(), **moments, "step": step.numpy()[None].copy()}

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        own = self.state_dict()
        load_arrays(own, state)
        with torch.no_grad():
            vector_to_parameters(torch.from_numpy(own["parameters"]), self.network.parameters())
            for name, kept in self.moments.items():
                sizes = [moment.numel() for moment in kept]
                for moment, part in zip(kept, torch.split(torch.from_numpy(own[name]), sizes), strict=True):
                    moment.copy_(part.view_as(moment))
            for each in self.optimizer.state.values():
                each["step"].fill_(float(own["step"][0]))


class SequenceTask:
    """A Task of `agentsim.batch.training`."""

    def __init__(self, config: SequenceConfig) -> None:
        self.config, self.source = config, source_of(config)
        kind = Evolved if config.method == "evolution" else Backprop
        self.learner: Reader = kind(config, self.source.vocabulary)
        self.kept: State = {}

    def learn(self, batch: int, done: float) -> float:
        """A generation, or a step of backprop, on fresh sequences."""
        chance = np.random.default_rng([self.config.seed, DATA, batch])
        tokens = self.source.drawn(LEARNED, self.learner.shape, self.config.length + 1, chance)
        return self.learner.learn(tokens, (1 + math.cos(math.pi * done)) / 2)

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The cross-entropy in nats is the `score`, of the unperturbed mean; and its `accuracy`."""
        loss, accuracy = judged(self.learner, self.source.vocabulary, drawn(self.config, self.source, VALIDATION))
        return {"score": loss, "accuracy": accuracy}


def judged(reader: Reader, vocabulary: int, tokens: Tokens) -> tuple[float, float]:
    """Cross-entropy in nats and accuracy of the unperturbed parameters on tokens (samples, length + 1)."""
    config = reader.config
    alone = mean_alone(places(gru(vocabulary, config.hidden), 1), reader.parameters)
    summed = np.zeros(2)
    for start in range(0, len(tokens), PLACES):
        part = tokens[start : start + PLACES]
        summed += len(part) * np.ravel(cross_entropies(alone, part[None], config.skipped))
    loss, accuracy = summed / len(tokens)
    return float(loss), float(accuracy)

"""TaughtBrain: a stepping brain that learns from a teacher's labels, where the world has one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brains.brain import NO_LABEL, Body, Experience, Learning, State
from brains.kernels.program import option, rate
from brains.rules import RULES
from brains.stepping.base import SteppingBrain, check_fit, layer_name, network_of
from brains.stepping.links import links
from brains.stepping.network import Indices
from brains.stepping.settings import Block, SteppingConfig


class TaughtBrain(SteppingBrain):
    """A stepping brain that learns from a teacher's labels: backprop, tween or tween_chain, with replay."""

    def __init__(self, config: SteppingConfig, body: Body, seed: np.random.SeedSequence) -> None:
        check_fit(config, body)
        weights, stream = seed.spawn(2)
        ring = max(2, len(config.layers))
        network = network_of(config, body, config.layers, body.actions, config.readout, ring)
        network.initialize(weights)
        network.begin_stream(stream)
        target_size = 1 if body.discrete else body.actions
        if isinstance(config.schedule, Block):
            self.replay_shape = (config.schedule.block, body.observation_size + network.state_total + target_size)
        elif config.replay is not None:
            self.replay_shape = (config.replay.capacity, body.observation_size + network.state_total + target_size)
        super().__init__(config, body, network)
        learns_at_once = not isinstance(config.schedule, Block)  # a block makes its own forward passes, later
        self.options[option.FRESH] = config.execution == "stepping" and config.align == "instant" and learns_at_once

    def learn(self, experience: Experience) -> Learning:
        """Remember the labelled lanes and make the first learning step of the tick."""
        label = experience.teacher_action
        if label is None:
            self.target[:] = np.nan
        elif self.body.discrete:
            if not ((label >= NO_LABEL) & (label < self.body.actions)).all():
                raise ValueError(f"the teacher names action {label}; this body has 0 to {self.body.actions - 1}")
            self.target[:, 0] = np.where(label == NO_LABEL, np.nan, label)
        else:
            self.target[...] = label
        return self.learned(*self.kernel.learn(True))

    def rehearse(self) -> Learning:
        """One more learning step, on replayed experiences alone."""
        if self.config.replay is None:
            return Learning()
        return self.learned(*self.kernel.learn(False))

    def figures(self) -> dict[str, float]:
        """The budget and the gap of every link in the last sample, where the rule has links and has learned; and what
        the gate lets through."""
        kind, sample = RULES[self.config.rule].links, self.kernel.sample
        if not kind or sample is None:
            return self._gate()
        activations, left = sample()
        if not left.any():
            return self._gate()
        found = zip(self.config.layers, links(self.network, activations, left, kind), strict=True)
        return self._gate() | {
            f"{figure}/{layer_name(i, layer)}": value
            for i, (layer, link) in enumerate(found)
            for figure, value in (("link_budget", link.budget), ("link_gap", link.gap))
        }

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        judged = {"gate": self.judge} if self.config.gate else {}
        return {**self.network.arrays(), "replay": self.replay, **judged}

    def learned(self, loss: float, updates: int, rollbacks: int) -> Learning:
        """Besides, what the gate lets through."""
        return replace(super().learned(loss, updates, rollbacks), extra=self._gate())

    def _gate(self) -> dict[str, float]:
        """Of the gate, if there is one: the share of samples that went through, and what it takes now, of all lanes."""
        if not self.config.gate:
            return {}
        mean, judged, taken = self.judge.mean(0).tolist()
        threshold = min(float(self.numbers[rate.KAPPA]) * mean, float(self.numbers[rate.CEILING]))
        return {"gate_share": taken / max(1.0, judged), "gate_threshold": threshold}

    def indices(self) -> Indices:
        """Besides, the labels that are remembered."""
        if not self.body.discrete:
            return super().indices()
        return {**super().indices(), "label": ("replay", self.replay[..., -1:], self.body.actions)}

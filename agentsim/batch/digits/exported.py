"""A trained net as a brain file: what can live in a world that shows images and names them too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agentsim.batch.digits.equilibrium import EqPropEngine
from agentsim.batch.digits.images import CLASSES, PIXELS
from agentsim.batch.digits.learners import ImageLearner
from agentsim.batch.digits.settings import EqPropNetwork
from agentsim.batch.digits.stepping import SteppingLearner
from agentsim.config.brain_file import BodyOfBrain, BrainHeader, write_brain_file
from agentsim.system.machine import versions
from brains.brain import Body, State
from brains.eqprop.brain import EqPropBrain
from brains.eqprop.settings import EqPropConfig


def save_brain(learner: ImageLearner | SteppingLearner, path: Path, name: str) -> bool:
    """Write a brain file of that name, if it is a stepping brain or a net of dense layers that settles with symmetric
    weights: others are no brains. Returns whether. Raises UserError where it cannot be written."""
    data = learner.config.data  # type: ignore[attr-defined]
    body = Body(PIXELS[data], CLASSES, teacher=True)
    found = _stepping(learner) if isinstance(learner, SteppingLearner) else _settling(learner, body)
    if found is None:
        return False
    mapping, state = found
    trained = {"world": data, "tasks": [], "seed": learner.config.seed, "versions": versions()}
    header = BrainHeader(tick=0, name=name, brain=mapping, body=BodyOfBrain.of(body), trained=trained)
    write_brain_file(path, header, state)
    return True


def _stepping(learner: SteppingLearner) -> tuple[dict[str, Any], State]:
    return {"kind": "stepping", **learner.brain.config.model_dump(mode="json")}, learner.brain.state_dict()


def _settling(learner: ImageLearner, body: Body) -> tuple[dict[str, Any], State] | None:
    engine, network = learner.engine, learner.config.network
    if not isinstance(engine, EqPropEngine) or not isinstance(network, EqPropNetwork):
        return None
    plain = network.feedback == "symmetric" and network.dynamics == "blockwise" and not engine.out
    if not plain or network.convolutions or network.transformer:
        return None
    kept = ("hidden", "units", "cost", "temperature", "beta", "free_sweeps", "nudged_sweeps", "gain", "homeostasis")
    own = {name: getattr(network, name) for name in kept}
    optimizer: dict[str, Any] = {
        "beta2": learner.config.optimizer.beta2,
        "weight_decay": learner.config.optimizer.weight_decay,
    }
    config = EqPropConfig(**own, gated=False, learning_rate=learner.rates[0], **optimizer)
    brain = EqPropBrain(config, body, np.random.SeedSequence(learner.config.seed))
    for mine, tensor in zip([*brain.core.weights, *brain.core.biases], [*engine.weights, *engine.biases], strict=True):
        mine[...] = tensor.numpy()
    brain.core.gains[...] = engine.gains[1:]
    for follower, vector in zip(brain.core.vectors[2:], engine.vectors[1:], strict=True):
        follower[: len(vector)] = vector.numpy()
    return config.model_dump(mode="json"), brain.state_dict()

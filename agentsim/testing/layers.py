"""Does a layer type keep the promises of a layer?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.testing.networks import brain_of, check_kernels, check_parameters_move, check_stepping
from brains.kernels import BACKENDS
from brains.kernels.program import block
from brains.layers import LAYERS
from brains.rules import RULES

FIRST: dict[str, Any] = {"units": 24, "activation": "tanh"}  # below the layer under test
LAST: dict[str, Any] = {}  # above it


def check_layer(name: str, **keys: Any) -> None:
    """Check a layer type by its name, registered before; `keys` are the other keys of its YAML, for an input of 24
    numbers. Raises AssertionError where it breaks a promise.

    Checked: the parameters of its plan are those of its torch reference, whose gradients are the slopes of its forward
    pass; stepping answers what an ordinary forward pass does, later, on both backends; under every rule everything in
    it learns; the compiled kernels are the reference, to rounding, alone and on batches.
    """
    assert name in LAYERS, f"there is no layer type {name!r}: call agentsim.register_layer first"
    layer = {"type": name, **keys}
    _check_gradients(layer)
    for backend in BACKENDS:
        check_stepping([FIRST, layer, LAST], backend)
        for rule in RULES:
            check_parameters_move([FIRST, layer, LAST], backend, rule=rule)
    for settings in _settings():
        with _said_of(settings):
            check_kernels([FIRST, layer, LAST], **settings)
    check_kernels([layer, LAST])  # below it, the world


def _settings() -> Iterator[dict[str, Any]]:
    for rule in RULES:
        yield {"rule": rule, "learning_rate": 0.05}
    yield {"optimizer": "adam", "replay": {"capacity": 20, "per_tick": 3}}
    yield {"align": "pipeline", "schedule": {"accumulate": 1000}}
    yield {"align": "sideways", "learning_rate": 0.05}
    yield {"execution": "sequential", "schedule": {"block": 5, "epochs": 2}}


@contextmanager
def _said_of(settings: dict[str, Any]) -> Iterator[None]:
    """Say with which settings an assertion failed."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"with {settings}:\n{error}") from error


def _check_gradients(layer: dict[str, Any]) -> None:
    """The reference in float64, from a random state: its vector-Jacobian product by central differences."""
    import torch

    from brains.kernels.reference.operation import operations, parameter_views
    from brains.kernels.reference.wave import Wave, fire

    network = brain_of([FIRST, layer, LAST]).network
    numbers = network.parameters[0, block.VALUE].astype(np.float64)
    row = np.random.default_rng(0).normal(size=network.activity.shape[2])
    weights, biases = parameter_views(network.table, torch.from_numpy(numbers))[1]
    mine, planned = {**weights, **biases}, network.views[1]
    assert {name: tuple(view.shape) for name, view in mine.items()} == {n: v.shape for n, v in planned.items()}, (
        f"the reference's shapes() must be the parameters of plan(): {[*mine]} and {[*planned]}, names and shapes"
    )
    operation, wave = (
        operations(network.table, torch.from_numpy(numbers))[1],
        Wave(network.table, torch.from_numpy(row)),
    )
    with torch.inference_mode():
        fire(operation, 1, wave, wave)
        delta = torch.from_numpy(np.random.default_rng(1).normal(size=operation.units))
        dx, gradients = operation.vjp(wave.x[1], wave.kept[1], delta.clone())

        def value() -> float:
            return float(delta @ operation.forward(wave.x[1], wave.kept[1])[0])

        _compare("its input", dx.numpy(), _slopes(value, wave.x[1].numpy()))
        for name, view in planned.items():
            found = gradients[name]
            found = torch.outer(*found) if isinstance(found, tuple) else found
            _compare(name, found.numpy(), _slopes(value, view.of(numbers)))


def _slopes(value: Callable[[], float], array: NDArray[Any], step: float = 1e-5) -> NDArray[np.float64]:
    """d value / d array, by central differences."""
    found = np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        number, ahead = array[place], []
        for way in (step, -step):
            array[place] = number + way
            ahead.append(value())
        array[place], found[place] = number, (ahead[0] - ahead[1]) / (2 * step)
    return found


def _compare(what: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
    off = float(np.abs(found - expected).max() / (1.0 + np.abs(expected).max()))
    assert off < 1e-6, f"the reference's gradient of {what} is not the slope of its forward pass: off by {off:.2g}"

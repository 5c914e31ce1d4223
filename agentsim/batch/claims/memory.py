"""What a gradient keeps in memory: of equilibrium propagation its states, of backprop through the settling every sweep.

Counted, not sampled: bytes of all results that live at once in the whole estimate, its gradient too, and bytes of what
autograd saves for its way back, without the gradient.
"""

from __future__ import annotations

import time
import weakref
from typing import Any

import torch
from rich.console import Console
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from agentsim.batch.claims.gradient import show_verdicts
from agentsim.studies.report import print_table, report
from agentsim.system.process import one_compute_thread
from brains.kernels.reference.eqprop import contrast
from brains.kernels.reference.settling import Net, blockwise, settle, squared_error
from brains.kernels.reference.units import UNITS

ROWS = 16
SWEEPS, DEPTHS = (20, 50, 100, 200), (2, 4, 8, 16, 32, 64)
WIDTH, LARGE = 64, 2_048


def measure() -> dict[str, Any]:
    """Bytes against sweeps and against depth, and one gradient of a wide network."""
    with one_compute_thread():
        by_sweeps = [_row(2, WIDTH, sweeps) for sweeps in SWEEPS]
        by_depth = [_row(depth, WIDTH, 2 * depth) for depth in DEPTHS]
        before = time.process_time()
        large = _row(2, LARGE, 100, backprop=False)
        large["cpu_seconds"] = time.process_time() - before
    rows = [*by_sweeps, *by_depth, large]
    return report("memory", rows=rows, verdicts=verdicts(by_sweeps, by_depth))


def _row(depth: int, width: int, sweeps: int, *, backprop: bool = True) -> dict[str, Any]:
    """One gradient of `depth` hidden layers by each; `eqprop` and `backprop` in bytes."""
    chance = torch.Generator().manual_seed(0)
    weights = [torch.randn(width, width, generator=chance) * 0.3 / width**0.5 for _ in range(depth + 1)]
    net = Net(weights, [torch.zeros(width) for _ in weights], [UNITS["tanh"]] * len(weights))
    x, target = torch.rand(ROWS, width, generator=chance), torch.rand(ROWS, width, generator=chance)
    found: dict[str, Any] = {
        "depth": depth,
        "width": width,
        "sweeps": sweeps,
        "eqprop": _by_nudging(net, x, target, sweeps),
    }
    return found | ({"backprop": _by_autograd(net, x, target, sweeps)} if backprop else {})


class Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, after every operation, the bytes of all results that are still alive, each storage once: `most` of
    them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most, self._known = 0, list[weakref.ref[torch.Tensor]]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self._known += [weakref.ref(each) for each in tree_leaves(found) if isinstance(each, torch.Tensor)]
        self._known = [known for known in self._known if known() is not None]
        alive = [tensor.untyped_storage() for known in self._known if (tensor := known()) is not None]
        self.most = max(self.most, sum({storage.data_ptr(): storage.nbytes() for storage in alive}.values()))
        return found


def _by_nudging(net: Net, x: torch.Tensor, target: torch.Tensor, sweeps: int) -> int:
    """The largest number of bytes that live at once besides parameters, input and target, in all of it: the drive, the
    free phase and two nudged ones, the contrast, which is the gradient."""
    cost = squared_error(target)
    with torch.no_grad(), Alive() as alive:
        drive = net.drive(x)
        free = settle(net, net.forward(x, drive), sweeps, drive=drive).states
        plus, minus = (settle(net, free, sweeps, beta=beta, cost=cost, drive=drive).states for beta in (0.1, -0.1))
        contrast(net, plus, minus, 0.2)
    return alive.most


def _by_autograd(net: Net, x: torch.Tensor, target: torch.Tensor, sweeps: int) -> int:
    """Bytes that autograd saves for its way back, each storage counted once, parameters not at all."""
    weights = [weight.clone().requires_grad_() for weight in net.weights]
    own = Net(weights, net.biases, net.units)
    ignored, saved = {weight.untyped_storage().data_ptr() for weight in weights}, {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in ignored:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        states, drive = own.forward(x), own.drive(x)
        for _ in range(sweeps):
            states = blockwise(own, states, drive, 0.0, None)
        loss = squared_error(target).value(states[-1]).mean()
    found = sum(saved.values())
    torch.autograd.grad(loss, weights)
    return found


def verdicts(by_sweeps: list[dict[str, Any]], by_depth: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Constant in the sweeps; in depth as its states, which are stored whatever learns."""
    first, last = by_sweeps[0], by_sweeps[-1]
    constant = first["eqprop"] == last["eqprop"]
    growth = by_depth[-1]["eqprop"] / by_depth[0]["eqprop"]
    figure = f"{first['eqprop']:,} to {last['eqprop']:,} bytes; backprop {first['backprop']:,} to {last['backprop']:,}"
    deep = f"{growth:.0f} times the bytes at {by_depth[-1]['depth'] / by_depth[0]['depth']:.0f} times the depth"
    return [
        {"claim": "memory does not grow with sweeps", "verdict": _said(constant), "figure": figure},
        {"claim": "memory does not grow with depth (O(1))", "verdict": _said(growth < 2), "figure": deep},
    ]


def _said(holds: bool) -> str:
    return "holds" if holds else "does not hold"


def show(result: dict[str, Any], console: Console) -> None:
    """The table, then claims and verdicts."""
    headings = ("hidden layers", "width", "sweeps", "EqProp, bytes", "backprop, bytes", "ratio", "CPU s")
    lines = [
        [
            *(f"{row[name]:,}" for name in ("depth", "width", "sweeps", "eqprop")),
            f"{row['backprop']:,}" if "backprop" in row else "-",
            f"{row['backprop'] / row['eqprop']:.1f}" if "backprop" in row else "-",
            f"{row['cpu_seconds']:.1f}" if "cpu_seconds" in row else "-",
        ]
        for row in result["rows"]
    ]
    print_table(console, headings, lines, f"States and what autograd saves, {ROWS} samples, besides the parameters")
    show_verdicts(result, console)

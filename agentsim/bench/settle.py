"""`agentsim bench settle`: what it costs to settle and to learn by equilibrium propagation, in CPU time.

The free sweeps of a 500-10 network for one sample, beside the same loop in torch and in numpy as one would write it,
and beside nothing but its products of matrices; one tick of learning of a small network; one update of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from agentsim.bench.bounds import multiplying
from agentsim.studies import timing
from agentsim.studies.report import print_table, progress, report

SWEEPS, HIDDEN, OUTPUTS, INPUTS, BATCH = 20, 500, 10, 784, 64


def _by_the_reference(core: Any) -> Callable[[], object]:
    """What the kernel is tested against."""
    import torch

    from brains.kernels.reference.settling import Net, settle
    from brains.kernels.reference.units import UNITS

    weights, biases = ([torch.tensor(np.array(each)) for each in own] for own in (core.weights, core.biases))
    net, x = Net(weights, biases, [UNITS["clip2"], UNITS["clip"]]), torch.rand(1, INPUTS)
    drive = net.drive(x)
    start = net.forward(x, drive)
    return torch.no_grad()(lambda: settle(net, start, SWEEPS, drive=drive))


def _in_torch(core: Any) -> Callable[[], object]:
    """The loop as anybody would write it, without gradients."""
    import torch

    weight, bias = torch.tensor(np.array(core.weights[1])), torch.tensor(np.array(core.biases[1]))
    drive, output = torch.rand(1, HIDDEN), torch.zeros(1, OUTPUTS)

    @torch.no_grad()
    def step() -> object:
        hidden, s = drive.clamp(0, 2), output
        for _ in range(SWEEPS):
            s = torch.clamp(hidden @ weight + bias, 0, 1)
            hidden = torch.clamp(drive + s @ weight.T, 0, 2)
        return s

    return step


def _in_numpy(core: Any) -> Callable[[], object]:
    """The same, in numpy."""
    weight, bias = np.array(core.weights[1]), np.array(core.biases[1])
    transposed, drive = np.ascontiguousarray(weight.T), np.random.default_rng(0).random((1, HIDDEN), np.float32)
    nothing = np.zeros((1, OUTPUTS), np.float32)

    def step() -> object:
        hidden, s = np.clip(drive, 0, 2), nothing
        for _ in range(SWEEPS):
            s = np.clip(hidden @ weight + bias, 0, 1)
            hidden = np.clip(drive + s @ transposed, 0, 2)
        return s

    return step


def measure(*, repeats: int = 11, block: float = 0.2) -> dict[str, Any]:
    """Time everything in turn; `block` is about the CPU seconds of a job."""
    import torch

    from agentsim.system.process import one_compute_thread
    from brains.eqprop.core import Core

    chance = np.random.default_rng(0)
    settling = Core((INPUTS, HIDDEN, OUTPUTS), ("clip2", "clip"), cost="squared_error", free_sweeps=SWEEPS)
    settling.settle(chance.random((1, INPUTS)))
    small = Core((6, 64, 4), ("rational_tanh", "linear"))
    one, label = chance.random((1, 6)), np.eye(4)[:1]
    large = Core((INPUTS, HIDDEN, OUTPUTS), ("rational_tanh", "linear"), rows=BATCH)
    images, labels = chance.random((BATCH, INPUTS), np.float32), np.eye(OUTPUTS)[chance.integers(0, OUTPUTS, BATCH)]
    x, weight, delta = torch.from_numpy(images), torch.rand(INPUTS, HIDDEN), torch.rand(BATCH, HIDDEN)
    jobs = {
        "settle": timing.times(settling.go_on),
        "reference": timing.times(_by_the_reference(settling)),
        "torch": timing.times(_in_torch(settling)),
        "numpy": timing.times(_in_numpy(settling)),
        "bound": multiplying([(1, OUTPUTS, HIDDEN)] * (2 * SWEEPS)),  # the direction that wastes no padding
        "tick": timing.times(lambda: small.learn(one, label)),
        "batch": timing.times(lambda: large.learn(images, labels)),
        "products": timing.times(lambda: (x @ weight, x.T @ delta)),
    }
    bar, task = progress("settling", len(jobs) * (repeats + 1))
    with bar, one_compute_thread():
        seconds = timing.interleaved([*jobs.values()], repeats, block, lambda: bar.advance(task))
    micros = dict(zip(jobs, (1e6 * np.median(seconds, axis=0)).tolist(), strict=True))
    settled, update = micros["settle"], micros["batch"]
    rows = [
        {"what": f"settle {HIDDEN}-{OUTPUTS}, {SWEEPS} sweeps, one sample", "us": settled},
        {"what": "our torch reference", "us": micros["reference"], "ratio": micros["reference"] / settled},
        {"what": "the same loop in torch, nothing but it", "us": micros["torch"], "ratio": micros["torch"] / settled},
        {"what": "the same loop in numpy", "us": micros["numpy"], "ratio": micros["numpy"] / settled},
        {
            "what": "its products alone, by our kernel",
            "us": micros["bound"],
            "ratio": micros["bound"] / settled,
        },
        {"what": "a learning tick of 6-64-4: free, two nudges, update", "us": micros["tick"]},
        {"what": f"an update of {INPUTS}-{HIDDEN}-{OUTPUTS}, batch {BATCH}", "us": update},
        {"what": "its two large products, by torch", "us": micros["products"], "ratio": micros["products"] / update},
    ]
    return report("settle", rows=rows, method=timing.METHOD, repeats=repeats)


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table."""
    rows = [
        (row["what"], f"{row['us']:,.1f}", f"{row['ratio']:.2f}" if "ratio" in row else "-") for row in result["rows"]
    ]
    print_table(console, ("what", "us", "times ours"), rows)
    console.print(f"{result['method']}; {result['repeats']} repeats", style="dim")

"""Is what equilibrium propagation estimates the gradient? Against autograd through the unrolled settling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from agentsim.batch.claims import tokens
from agentsim.studies.report import print_table, progress, report
from agentsim.system.process import one_compute_thread
from brains.eqprop.core import Core
from brains.kernels.reference.eqprop import contrast
from brains.kernels.reference.settling import Cost, Net, blockwise, cross_entropy, settle, squared_error
from brains.kernels.reference.units import UNITS

BATCH, MOST_SWEEPS = 64, 200
TOLERANCE = {"float32": 0.0, "float64": 1e-13}  # of the residual, where more sweeps would change nothing
CONVERGED = 1e-5  # a free phase that ends with a larger residual is no contraction: its cosine means nothing


@dataclass(frozen=True)
class Case:
    """A network at its start, and how its gradient is estimated."""

    net: str
    sizes: tuple[int, ...]
    units: str
    scale: float = 1.0  # of the weights above the first
    gain: float = 1.0
    beta: float = 1e-3
    precision: str = "float32"
    one_sided: bool = False
    sweeps: tuple[int, int] = (MOST_SWEEPS, MOST_SWEEPS)


WIDE = (784, 256, 256, 10)
CASES = [
    Case("tanh, upper weights halved", WIDE, "tanh", 0.5, beta=beta, one_sided=one_sided)
    for one_sided in (False, True)
    for beta in (0.001, 0.01, 0.1)
]
CASES += [
    Case("clip", WIDE, "clip", beta=beta, one_sided=sided) for sided in (False, True) for beta in (1e-3, 1e-2, 0.1)
]
CASES += [Case("clip", WIDE, "clip", beta=1e-5, precision="float64")]
CASES += [Case("tanh, no contraction", WIDE, "tanh", 2.0, beta=0.001)]
CASES += [
    Case(f"tanh, {depth} hidden", (64, *[64] * depth, 10), "tanh", 0.5, beta=beta, precision=precision)
    for depth in (2, 4, 8)
    for precision in ("float32", "float64")
    for beta in (0.001, 0.1)
]
CASES += [
    Case(f"8-64-64-4, gamma {gain}", (8, 64, 64, 4), "rational_tanh", gain=gain, beta=beta, sweeps=sweeps)
    for gain in (1.0, 0.3, 0.1)
    for beta, sweeps in ((0.01, (100, 60)), (0.5, (2, 1)))
]


def measure(seeds: int = 5) -> dict[str, Any]:
    """The smallest cosine over the weight matrices, and the residual of the free phase, of every case and seed."""
    rows = []
    bar, task = progress("gradients", (len(CASES) + 1) * seeds)
    with bar, one_compute_thread():
        for case in CASES:
            found = []
            for seed in range(seeds):
                found.append(_examined(case, seed))
                bar.advance(task)
            cosines, residuals, sizes = zip(*found, strict=True)
            rows.append({**_words(case), "cosines": cosines, "residuals": residuals, "sizes": sizes})
        lives = []
        for seed in range(seeds):
            lives.append([*life(seed, MOMENTS), *tokens.examined(seed)])
            bar.advance(task)
        for moments in zip(*lives, strict=True):
            figures = {name: [moment[name] for moment in moments] for name in ("cosines", "residuals", "sizes")}
            rows.append({**moments[0], **figures})
    return report("gradient", seeds=seeds, rows=rows, verdicts=verdicts(rows))


def _words(case: Case) -> dict[str, Any]:
    return {
        "net": case.net,
        "beta": case.beta,
        "nudges": "one" if case.one_sided else "two",
        "precision": case.precision,
        "sweeps": "/".join(map(str, case.sweeps)),
    }


def _examined(case: Case, seed: int) -> tuple[float, float, float]:
    """(smallest cosine, residual of the free phase, size of the lowest layer's estimate over the true one's)."""
    net, x, target = _made(case, seed)
    precision = torch.float64 if case.precision == "float64" else torch.float32
    own = replace(net, weights=[w.to(precision) for w in net.weights], biases=[b.to(precision) for b in net.biases])
    x_own, cost = x.to(precision), squared_error(target.to(precision))
    tolerance = TOLERANCE[case.precision]
    free = settle(own, own.forward(x_own), case.sweeps[0], tolerance=tolerance)
    nudged = [
        settle(own, free.states, case.sweeps[1], beta=beta, cost=cost, tolerance=tolerance).states
        for beta in ([case.beta] if case.one_sided else [case.beta, -case.beta])
    ]
    found = contrast(own, nudged[0], nudged[-1] if len(nudged) == 2 else free.states, case.beta * len(nudged))
    true = _by_autograd(net, x, squared_error(target))
    return _least_cosine(found.weights, true), free.residual, float(found.weights[0].norm() / true[0].norm())


def _least_cosine(found: Sequence[Tensor], true: Sequence[Tensor]) -> float:
    return min(
        float(torch.nn.functional.cosine_similarity(mine.flatten().double(), right.flatten(), dim=0))
        for mine, right in zip(found, true, strict=True)
    )


def _made(case: Case, seed: int) -> tuple[Net, Tensor, Tensor]:
    """A network in float64, U(+-1 / sqrt(inputs)), and a batch."""
    chance = torch.Generator().manual_seed(seed)
    weights, biases = [], []
    for layer, (rows, columns) in enumerate(pairwise(case.sizes)):
        drawn = (torch.rand(rows + 1, columns, generator=chance, dtype=torch.float64) * 2 - 1) / math.sqrt(rows)
        weights.append(drawn[1:] * (case.scale if layer else 1.0))
        biases.append(drawn[0])
    output = "linear" if case.units == "rational_tanh" else case.units
    units = [UNITS[case.units]] * (len(weights) - 1) + [UNITS[output]]
    x = torch.rand(BATCH, case.sizes[0], generator=chance, dtype=torch.float64)
    labels = torch.randint(0, case.sizes[-1], (BATCH,), generator=chance)
    target = torch.nn.functional.one_hot(labels, case.sizes[-1]).double()
    return Net(weights, biases, units, [case.gain] * len(weights)), x, target


def _by_autograd(net: Net, x: Tensor, cost: Cost) -> tuple[Tensor, ...]:
    """Gradients of the mean cost with respect to the weights, through as many sweeps as it takes, at most 200."""
    weights = [weight.clone().requires_grad_() for weight in net.weights]
    own = replace(net, weights=weights)
    with torch.no_grad():
        sweeps = max(20, settle(net, net.forward(x), MOST_SWEEPS, tolerance=1e-13).sweeps)
    states, drive = own.forward(x), own.drive(x)
    for _ in range(sweeps):
        states = blockwise(own, states, drive, 0.0, None)
    return torch.autograd.grad(cost.value(states[-1]).mean(), weights)


# --- in the life of a compiled net -----------------------------------------------------------------------------------

SIZES, UNITS_OF = (8, 64, 64, 4), ("rational_tanh", "rational_tanh", "linear")
MOMENTS = (0, 100, 2_500)  # updates
ESTIMATES = ((0.02, (50, 30)), (0.2, (2, 1)))  # beta, sweeps: settled, and as it learns
TEMPERATURE, LEARNED_ROWS, LOOKED_AT = 3.0, 32, 256


def life(seed: int, moments: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of the compiled net that learns which of four quadratic functions is the largest: its estimates after so
    many updates, two sweeps and one nudged one each, against autograd in float64 with the gains that it has by then."""
    chance = np.random.default_rng(seed)
    forms = chance.normal(size=(SIZES[-1], SIZES[0], SIZES[0]))

    def drawn(rows: int) -> tuple[Any, Any]:
        x = chance.uniform(-1, 1, (rows, SIZES[0])).astype(np.float32)
        return x, np.eye(SIZES[-1], dtype=np.float32)[np.einsum("ri,kij,rj->rk", x, forms, x).argmax(1)]

    learner = Core(SIZES, UNITS_OF, rows=LEARNED_ROWS, temperature=TEMPERATURE, seed=seed)
    x, target = drawn(LOOKED_AT)
    wide, cost = torch.tensor(x).double(), cross_entropy(torch.tensor(target).double(), TEMPERATURE)
    found, done = [], 0
    for moment in moments:
        for _ in range(moment - done):
            learner.learn(*drawn(LEARNED_ROWS))
        done = moment
        true = _by_autograd(_reference_of(learner), wide, cost)
        for beta, (free, nudged) in ESTIMATES:
            given: dict[str, Any] = {"beta": beta, "free_sweeps": free, "nudged_sweeps": nudged}
            looking = Core(SIZES, UNITS_OF, rows=LOOKED_AT, temperature=TEMPERATURE, **given)
            looking.load_state_dict(learner.state_dict())
            looking.gradient(x, target)
            mine = [torch.tensor(np.array(gradient)) for gradient in looking.gradients[0]]
            case = Case(f"8-64-64-4 after {moment:,} updates", SIZES, "", beta=beta, sweeps=(free, nudged))
            figures = {"cosines": _least_cosine(mine, true), "residuals": looking.residual}
            found.append({**_words(case), **figures, "sizes": float(mine[0].norm() / true[0].norm())})
    return found


def _reference_of(core: Core) -> Net:
    """The same network in float64."""
    weights, biases = (
        [torch.tensor(np.array(each)).double() for each in parameters] for parameters in (core.weights, core.biases)
    )
    return Net(weights, biases, [UNITS[name] for name in UNITS_OF], [1.0, *core.gains.tolist()])


# --- what follows ----------------------------------------------------------------------------------------------------


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """A claim, whether the figures support it, and by which."""

    def worst(**words: Any) -> list[float]:
        own = [row for row in rows if all(row[name] == value for name, value in words.items())]
        return [cosine for row in own for cosine in row["cosines"]]

    contraction = [
        c for beta in (0.001, 0.01) for c in worst(net="tanh, upper weights halved", nudges="two", beta=beta)
    ]
    clips = worst(net="clip", nudges="two", beta=0.001)
    deep = [row for row in rows if row["net"] == "tanh, 8 hidden" and row["beta"] == 0.001]
    exact = [cosine for row in deep if row["precision"] == "float64" for cosine in row["cosines"]]
    single = [cosine for row in deep if row["precision"] == "float32" for cosine in row["cosines"]]
    scaled = worst(net="8-64-64-4, gamma 0.3", beta=0.01)
    attending = [cosine for row in rows if "energy-transformer" in row["net"] for cosine in row["cosines"]]
    looped = [cosine for row in rows if "looped-block" in row["net"] for cosine in row["cosines"]]
    lived = [cosine for row in rows if "after" in row["net"] and row["beta"] == 0.02 for cosine in row["cosines"]]
    return [
        _verdict(
            "where the settling contracts, it is the gradient (beta .001, .01)", min(contraction) >= 0.9999, contraction
        ),
        _verdict("kinks cost little at beta .001 (median .998, none below .99)", _kinks(clips), clips),
        _verdict("its signal vanishes in deep nets: the estimate itself, in float64", min(exact) < 0.99, exact),
        _verdict("its signal vanishes in deep nets: in float32 at beta .001", min(single) < 0.99, single),
        _verdict("feedback scaled by gamma .3 stays exact", min(scaled) >= 0.9999, scaled),
        _verdict("it stays the gradient while the net learns (.999)", min(lived) >= 0.999, lived),
        _verdict("attention with an energy has its gradient (.99)", min(attending) >= 0.99, attending),
        _verdict("the published looped block, nudged, has its gradient (.99)", min(looped) >= 0.99, looped),
    ]


def _kinks(cosines: list[float]) -> bool:
    return bool(np.median(cosines) >= 0.998 and min(cosines) >= 0.99)


def _verdict(claim: str, holds: bool, cosines: list[float]) -> dict[str, str]:
    return {"claim": claim, "verdict": "holds" if holds else "does not hold", "figure": f"least {min(cosines):.5f}"}


def show(result: dict[str, Any], console: Console) -> None:
    """The table, then claims and verdicts."""
    lines = []
    for row in result["rows"]:
        cosines, settled = row["cosines"], max(row["residuals"]) <= CONVERGED or row["sweeps"] == "2/1"
        words = [row[name] for name in ("net", "precision", "nudges", "sweeps")] + [f"{row['beta']:g}"]
        figures = [f"{min(cosines):.5f}", f"{float(np.median(cosines)):.5f}", f"{max(row['residuals']):.1e}"]
        lines.append([*words, *figures, f"{float(np.median(row['sizes'])):.3f}", "" if settled else "not settled"])
    headings = ("network", "precision", "nudges", "T/K", "beta", "least", "median", "residual", "size of W_0's", "note")
    print_table(console, headings, lines, "Cosine with autograd through the settling, the least over matrices")
    show_verdicts(result, console)


def show_verdicts(result: dict[str, Any], console: Console) -> None:
    """Claim, verdict, figure."""
    lines = [[row["claim"], row["verdict"], row["figure"]] for row in result["verdicts"]]
    print_table(console, ("claim", "verdict", "figure"), lines, words=3)

"""How much CPU time, and how many updates, until EqProp and backprop are equally good: XOR, parity, the next character.

Both start from the same weights, see the same batches, and have the same optimizer; each has the rate that was best of
the same few, on other seeds. A pair of trainings takes turns, so that what disturbs one disturbs the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from agentsim.batch.claims.gradient import show_verdicts
from agentsim.batch.digits.equilibrium import EqPropEngine
from agentsim.batch.digits.learners import BackpropEngine, Engine
from agentsim.batch.digits.settings import BackpropNetwork, EqPropNetwork
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.report import print_table, progress, report
from agentsim.system.process import one_compute_thread

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # of Adam, for both
CHOSEN_ON = range(100, 105)  # seeds that rates are chosen on
CLAIMED = 1.5  # times as fast, at least
ENGINES = ("EqProp", "backprop")
LETTERS = " abcdefghijklmnopqrstuvwxyz"
CONTEXT, HELD_OUT = 4, 0.2  # characters that the next one is told from; share of the text, its end


@dataclass(frozen=True)
class Problem:
    """`x` (N, inputs) and `labels` (N,) are learned; `judged` by the mean cross-entropy in nats of another pair, or of
    the same where nothing is left out, after every `turn` updates. Reached at `target`, given up after `most`."""

    name: str
    x: Tensor
    labels: Tensor
    judged: tuple[Tensor, Tensor]
    classes: int
    hidden: int
    batch: int
    target: float
    turn: int
    most: int


def parity(bits: int, hidden: int) -> Problem:
    """Whether an odd number of so many bits, each -1 or 1, is 1: all 2^bits in every batch."""
    rows = list(product((0, 1), repeat=bits))
    x, labels = torch.tensor(rows).float() * 2 - 1, torch.tensor([sum(row) % 2 for row in rows])
    name = "XOR" if bits == 2 else f"{bits}-bit XOR"
    return Problem(name, x, labels, (x, labels), 2, hidden, len(rows), 0.01, 1, 3_000)


def characters() -> Problem:
    """The next character of the text from the last few, one-hot; held out is its end."""
    learned, held_out = texts()
    (x, labels), judged = _windows(learned), _windows(held_out)
    return Problem("next character", x, labels, judged, len(LETTERS), 64, 32, 2.1, 10, 3_000)


def texts() -> tuple[list[int], list[int]]:
    """The beginning of Alice's Adventures in Wonderland (Carroll 1865), small letters and single spaces by their places
    in LETTERS: what is learned, and what is held out."""
    whole = Path(__file__).with_name("alice.txt").read_text()
    words = "".join(letter if letter in LETTERS else " " for letter in whole.lower()).split()
    found = [LETTERS.index(letter) for letter in " ".join(words)]
    cut = round(len(found) * (1 - HELD_OUT))
    return found[:cut], found[cut:]


def _windows(text: Sequence[int]) -> tuple[Tensor, Tensor]:
    rows = torch.tensor(text).unfold(0, CONTEXT + 1, 1)
    return torch.nn.functional.one_hot(rows[:, :-1], len(LETTERS)).flatten(1).float(), rows[:, -1]


def controls() -> dict[str, float]:
    """Nats a character on the text held out, by counts of what is learned, each with one more: of characters, and of
    characters after each other."""
    learned, held_out = (np.array(text) for text in texts())
    single = np.bincount(learned, minlength=len(LETTERS)) + 1.0
    pairs = np.ones((len(LETTERS), len(LETTERS)))
    np.add.at(pairs, (learned[:-1], learned[1:]), 1)
    after = pairs / pairs.sum(1, keepdims=True)
    seen = held_out[CONTEXT:]
    return {
        "all alike": math.log(len(LETTERS)),
        "unigram": float(-np.log((single / single.sum())[seen]).mean()),
        "bigram": float(-np.log(after[held_out[CONTEXT - 1 : -1], seen]).mean()),
    }


PROBLEMS: tuple[Callable[[], Problem], ...] = (lambda: parity(2, 8), lambda: parity(3, 16), characters)


class Training:
    """One engine on one problem: `updates` and CPU `seconds` so far, whether it has `reached` the target."""

    def __init__(self, problem: Problem, engine: str, rate: float, seed: int) -> None:
        self.problem, self.rate, chance = problem, rate, torch.Generator().manual_seed(seed)
        sizes, hidden = (problem.x.shape[1], problem.classes), (problem.hidden,)
        self.engine: Engine
        if engine == "EqProp":
            given: dict[str, Any] = {"cost": "cross_entropy", "beta": 0.2, "free_sweeps": 2, "nudged_sweeps": 1}
            self.engine = EqPropEngine(EqPropNetwork(hidden=hidden, units="tanh", **given), *sizes, chance)
        else:
            self.engine = BackpropEngine(BackpropNetwork(hidden=hidden, units="tanh"), *sizes, chance)
        self.optimizer = torch.optim.Adam(self.engine.parameters, lr=rate, fused=True)
        self.chance, self.updates, self.seconds, self.reached = chance, 0, 0.0, False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.reached or self.updates >= self.problem.most

    @torch.no_grad()
    def go_on(self) -> None:
        """A turn: a few updates, and a look that is not timed."""
        problem, targets = self.problem, torch.eye(self.problem.classes)
        before = time.process_time()
        for _ in range(problem.turn):
            rows = torch.randperm(len(problem.x), generator=self.chance)[: problem.batch]
            ((gradient, _),) = self.engine.gradients(problem.x[rows], targets[problem.labels[rows]], self.chance, 0.0)
            for parameter, own in zip(self.engine.parameters, gradient, strict=True):
                parameter.grad = own
            self.optimizer.step()
            self.engine.updated([], 1.0)
        self.seconds += time.process_time() - before
        self.updates += problem.turn
        x, labels = problem.judged
        loss = float(torch.nn.functional.cross_entropy(self.engine.scores(x), labels))
        self.reached = loss <= problem.target


def race(problem: Problem, rates: Sequence[float], seed: int) -> list[Training]:
    """A training of each of ENGINES from the same weights on the same batches, in turns until both are over."""
    pair = [Training(problem, engine, rate, seed) for engine, rate in zip(ENGINES, rates, strict=True)]
    while not all(training.over for training in pair):
        for training in pair:
            if not training.over:
                training.go_on()
    return pair


def measure(seeds: int = 10) -> dict[str, Any]:
    """Rates chosen, then pairs of trainings over seeds: a row for each problem."""
    rows = []
    bar, task = progress("pairs of trainings", len(PROBLEMS) * (len(RATES) * len(CHOSEN_ON) + seeds))
    with bar, one_compute_thread():
        for make in PROBLEMS:
            problem, tried, runs = make(), [], []
            for rate, seed in product(RATES, CHOSEN_ON):
                tried.append(race(problem, (rate, rate), seed))
                bar.advance(task)
            rates = [best_rate(own) for own in zip(*tried, strict=True)]
            for seed in range(seeds):
                runs.append(race(problem, rates, seed))
                bar.advance(task)
            rows.append(row_of(problem, runs))
    return report("speed", seeds=seeds, rates=RATES, rows=rows, controls=controls(), verdicts=verdicts(rows))


def best_rate(tried: Sequence[Training]) -> float:
    """That of the fewest updates over all seeds; one that never reached the target counts as long as it lasted."""
    return min(RATES, key=lambda rate: sum(training.updates for training in tried if training.rate == rate))


def row_of(problem: Problem, runs: Sequence[Sequence[Training]]) -> dict[str, Any]:
    """The figures of each engine, seed by seed, and EqProp's over backprop's where both reached the target."""
    row: dict[str, Any] = {
        "problem": problem.name,
        "shape": f"{problem.x.shape[1]}-{problem.hidden}-{problem.classes}",
        **{name: getattr(problem, name) for name in ("batch", "target", "most")},
    }
    for engine, own in zip(ENGINES, zip(*runs, strict=True), strict=True):
        row[engine] = {"rate": own[0].rate} | {
            name: [getattr(training, name) for training in own] for name in ("reached", "updates", "seconds")
        }
    both = [pair for pair in runs if all(training.reached for training in pair)]
    for name in ("updates", "seconds"):
        row[f"{name}_ratio"] = ratio([getattr(a, name) / getattr(b, name) for a, b in both])
    return row


def ratio(values: Sequence[float]) -> dict[str, float] | None:
    """{mean, low, high, n}: the geometric mean and its 95 % interval, by Student's t of the logarithms."""
    found = interval(math.log(value) for value in values)
    if found is None:
        return None
    mean, half = found["mean"], found["half_width"] or 0.0
    return {"mean": math.exp(mean), "low": math.exp(mean - half), "high": math.exp(mean + half), "n": found["n"]}


def verdicts(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Faster by 1.5 holds where all of the interval says so, and EqProp never missed the target."""
    found = []
    for row in rows:
        seconds, updates = row["seconds_ratio"], row["updates_ratio"]
        holds = seconds is not None and seconds["high"] <= 1 / CLAIMED and all(row["EqProp"]["reached"])
        figure = f"{_said(seconds)} times backprop's CPU time, {_said(updates)} times its updates"
        claim = f"1.5 to 2 times as fast to the same loss: {row['problem']}"
        found.append({"claim": claim, "verdict": "holds" if holds else "does not hold", "figure": figure})
    return found


def _said(found: dict[str, float] | None) -> str:
    return "-" if found is None else f"{found['mean']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def show(result: dict[str, Any], console: Console) -> None:
    """A line for each problem and engine, the controls, then claims and verdicts."""
    lines = []
    for row in result["rows"]:
        for engine in ENGINES:
            own, seconds = row[engine], row[engine]["seconds"]
            each = 1e3 * sum(seconds) / sum(own["updates"])
            words = [row["problem"], engine, row["shape"], str(row["batch"]), f"{row['target']:g}", f"{own['rate']:g}"]
            reached = f"{sum(own['reached'])} of {len(seconds)}"
            figures = [as_interval(interval(own["updates"]), 1, 0), as_interval(interval(seconds), 1, 3)]
            lines.append([*words, reached, *figures, f"{each:.3f}"])
    headings = ("problem", "engine", "shape", "batch", "target, nats", "rate", "reached", "updates", "CPU s")
    tried = f"Rates chosen of {len(result['rates'])} for each engine, on {len(CHOSEN_ON)} other seeds"
    print_table(console, (*headings, "ms an update"), lines, tried, words=3)
    known = [[name, f"{nats:.3f}"] for name, nats in result["controls"].items()]
    print_table(console, ("next character by counts", "nats on the text held out"), known)
    show_verdicts(result, console)

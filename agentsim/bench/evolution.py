"""`agentsim bench evolution`: one generation of the regression study, and what others take for it, in CPU time.

A matrix of 16 x 64, 256 samples, 2,048 members of rank 1, fresh data in every generation: noise, all members' squared
errors, the estimate, and the step.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_limits

from agentsim.errors import UserError
from agentsim.studies import timing
from agentsim.studies.report import print_table, progress, report

POPULATION, RANK, SIGMA, RATE = 2048, 1, 0.1, 4.0
CHUNK = 64  # pairs at once, of the loop in torch
Step = Callable[[], object]


def ours() -> Step:
    """As `agentsim train regression_es` lives it, without the figures that only a study wants."""
    from brains.evolution.engine import Evolution, Tensor
    from brains.evolution.perturbed import squared_errors
    from brains.evolution.settings import EvolutionConfig

    chance = np.random.default_rng(0)
    target = chance.standard_normal((16, 64), np.float32)
    config = EvolutionConfig(
        population=POPULATION, rank=RANK, sigma=SIGMA, shaping="raw", optimizer="sgd", learning_rate=RATE
    )
    evolution = Evolution(config, [Tensor("w", target.shape)], 0.1 * target.ravel(), 0)
    (place,) = evolution.places

    def step() -> None:
        x = chance.standard_normal((256, 64), np.float32)
        y, weights = x @ target.T, place.of(evolution.mean)
        errors = [squared_errors(x, weights, y, place, evolution.rows(c), SIGMA) for c in evolution.chunks()]
        minus, plus = np.concatenate(errors).astype(np.float64).T / y.size  # of + and -: fitness is minus the error
        evolution.tell(plus - minus)

    return step


def chunked_torch() -> Step:
    """The same by products of torch, so many pairs at once; its noise is kept for the update."""
    import torch

    target, weights = torch.randn(16, 64), 0.1 * torch.randn(16, 64)

    @torch.no_grad()
    def step() -> None:
        x, pairs = torch.randn(256, 64), POPULATION // 2
        wrong = x @ (weights - target).T
        a, b = torch.randn(pairs, 16), torch.randn(pairs, 64)
        projected, d = x @ b.T, torch.empty(pairs)
        for start in range(0, pairs, CHUNK):
            here = slice(start, start + CHUNK)
            moved = SIGMA * projected[:, here].T[:, :, None] * a[here, None, :]
            d[here] = ((wrong - moved) ** 2).mean((1, 2)) - ((wrong + moved) ** 2).mean((1, 2))
        weights.add_((a * (d / (2 * SIGMA))[:, None]).T @ b / pairs, alpha=RATE)

    return step


def torcheggroll() -> Step:
    """The public package of the same method."""
    import torch
    from torcheggroll import TorchEggrollES  # type: ignore[import-not-found,unused-ignore]

    model, target = torch.nn.Linear(64, 16, bias=False), torch.randn(16, 64)
    strategy = TorchEggrollES(model, pop_size=POPULATION, sigma=SIGMA, lr=RATE, rank=RANK)

    def loss(outputs: Any, targets: Any) -> Any:
        return ((outputs - targets) ** 2).mean()

    def step() -> None:
        x = torch.randn(256, 64)
        strategy.step(x, loss, x @ target.T)

    return step


def evosax() -> Step:
    """evosax's Open_ES, whose noise is not of low rank; ask, evaluation and tell compiled as one by JAX, on one thread:
    others would be counted as everybody's."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    import jax  # type: ignore[import-not-found,unused-ignore]
    from evosax.algorithms import Open_ES  # type: ignore[import-not-found,unused-ignore]

    chance = jax.random.PRNGKey(0)
    target = jax.random.normal(chance, (16, 64))
    strategy = Open_ES(population_size=POPULATION, solution=target)
    state = strategy.init(chance, 0.1 * target, strategy.default_params)

    @jax.jit
    def generation(chance: Any, state: Any) -> Any:
        chance, first, second, third = jax.random.split(chance, 4)
        x = jax.random.normal(first, (256, 64))
        members, state = strategy.ask(second, state, strategy.default_params)
        errors = jax.vmap(lambda member: ((x @ (member - target).T) ** 2).mean())(members)
        state, _ = strategy.tell(third, members, errors, state, strategy.default_params)
        return chance, state

    at = [chance, state]

    def step() -> None:
        at[:] = jax.block_until_ready(generation(*at))

    return step


PEERS: dict[str, Callable[[], Step]] = {"torcheggroll": torcheggroll, "evosax": evosax}


def jobs_of(peers: Sequence[str]) -> dict[str, Callable[[], Step]]:
    """What is measured. Raises UserError for a peer that nobody knows, or that is not installed."""
    for peer in peers:
        if peer not in PEERS:
            raise UserError(f"--peer {peer}: nobody knows it here; give {' or '.join(PEERS)}")
        if importlib.util.find_spec(peer) is None:
            raise UserError(f"--peer {peer}: that package is not installed; `python -m pip install {peer}`")
    return {"agentsim": ours, "torch, in chunks": chunked_torch, **{peer: PEERS[peer] for peer in peers}}


def measure(peers: Sequence[str], *, repeats: int = 11, block: float = 0.5) -> dict[str, Any]:
    """Time all in turn; `block` is about the CPU seconds of a job. Raises UserError."""
    import torch  # noqa: F401  # before it is told to use one thread

    from agentsim.system.process import one_compute_thread

    made = jobs_of(peers)
    bar, task = progress("generations", len(made) * (repeats + 1))
    with bar, one_compute_thread(), threadpool_limits(1):
        jobs = [timing.times(make()) for make in made.values()]
        seconds = timing.interleaved(jobs, repeats, block, lambda: bar.advance(task))
    millis = dict(zip(made, (1e3 * np.median(seconds, axis=0)).tolist(), strict=True))
    rows = [{"what": what, "ms": found, "ratio": found / millis["agentsim"]} for what, found in millis.items()]
    return report("evolution", rows=rows, method=timing.METHOD, repeats=repeats, members=POPULATION, rank=RANK)


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table."""
    rows = [(row["what"], f"{row['ms']:,.2f}", f"{row['ratio']:.1f}") for row in result["rows"]]
    print_table(console, ("one generation", "CPU ms", "times ours"), rows)
    console.print(f"{result['method']}; {result['repeats']} repeats", style="dim")

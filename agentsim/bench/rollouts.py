"""`agentsim bench rollouts`: steps a second of CartPole-v1 with a policy of its own in each of many lanes, in CPU time.

Ours beside the same in torch, compiled where there is a C++ compiler and eager, and beside Gymnasium's own vector
world, which has no policy to ask: its actions are always the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_limits

from agentsim.studies import timing
from agentsim.studies.report import print_table, progress, report

SIZES, MEMBERS = (4, 32, 2), 512
EPISODES = 2  # of each member in a call of ours
STEPS = 20  # in a call of the others


def ours() -> tuple[Callable[[], object], int]:
    """Lives of members that balance, more or less: what a population is after a few generations; and their steps."""
    from brains.evolution.rollout import live
    from worlds.classic_control import ClassicLanes

    world, chance = ClassicLanes("CartPole-v1"), np.random.default_rng(0)
    members = balancing() + 0.05 * chance.standard_normal((MEMBERS, len(balancing())), np.float32)
    keys = chance.integers(0, 2**64, (MEMBERS, EPISODES), np.uint64)
    steps = int(live(world, SIZES, members, keys).steps.sum())
    return lambda: live(world, SIZES, members, keys), steps


def balancing() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Parameters of a policy that pushes to where the pole falls, in all its hidden units alike."""
    first = np.tile(np.array([0.05, 0.05, 0.5, 0.15], np.float32), (SIZES[1], 1))
    last = np.stack([np.zeros(SIZES[1]), np.ones(SIZES[1])])
    return np.concatenate([first.ravel(), np.zeros(SIZES[1]), last.ravel(), np.zeros(2)]).astype(np.float32)


def in_torch(compiled: bool) -> tuple[Callable[[], object], int]:
    """The same physics and policies on tensors of all lanes; who falls begins anew."""
    import torch

    parameters = torch.from_numpy(balancing())
    first, bias, last = parameters[:128].view(32, 4), parameters[128:160], parameters[160:224].view(2, 32)
    w1, b1, w2 = (each + 0.05 * torch.randn(MEMBERS, *each.shape) for each in (first, bias, last))

    def step(state: Any, noise: Any) -> Any:
        _, speed, angle, turning = state.unbind(1)
        hidden = (w1 @ state[:, :, None]).squeeze(2) + b1
        z = hidden.clamp(-3, 3)
        hidden = z * (27 + z * z) / (27 + 9 * z * z)
        force = torch.where((w2 @ hidden[:, :, None]).squeeze(2).argmax(1) == 1, 10.0, -10.0)
        cosine, sine = angle.cos(), angle.sin()
        push = (force + 0.05 * turning * turning * sine) / 1.1
        turned = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine * cosine / 1.1))
        pushed = push - 0.05 * turned * cosine / 1.1
        after = torch.stack((speed, pushed, turning, turned), 1) * 0.02 + state
        gone = (after[:, 0].abs() > 2.4) | (after[:, 2].abs() > 0.2095)
        return torch.where(gone[:, None], noise, after)

    run = torch.compile(step) if compiled else step
    state, noise = 0.1 * torch.rand(MEMBERS, 4) - 0.05, 0.1 * torch.rand(MEMBERS, 4) - 0.05

    @torch.no_grad()
    def steps() -> None:
        lived = state
        for _ in range(STEPS):
            lived = run(lived, noise)

    return steps, STEPS * MEMBERS


def by_gymnasium() -> tuple[Callable[[], object], int]:
    """Gymnasium's own vector CartPole, in which nobody thinks."""
    envs = gymnasium.make_vec("CartPole-v1", MEMBERS, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    actions = np.arange(MEMBERS) % 2

    def steps() -> None:
        for _ in range(STEPS):
            envs.step(actions)

    return steps, STEPS * MEMBERS


def measure(*, repeats: int = 7, block: float = 0.5) -> dict[str, Any]:
    """Time all in turn; `block` is about the CPU seconds of a job."""
    import torch  # noqa: F401  # before it is told to use one thread

    from agentsim.system.process import one_compute_thread

    makers: dict[str, Callable[[], tuple[Callable[[], object], int]]] = {"agentsim, 4-32-2": ours}
    if shutil.which("g++") or shutil.which("clang++"):
        makers["the same in torch, compiled"] = lambda: in_torch(True)
    makers |= {"the same in torch, eager": lambda: in_torch(False)}
    makers["Gymnasium's vector world, no policy"] = by_gymnasium
    bar, task = progress("rollouts", len(makers) * (repeats + 1))
    with bar, one_compute_thread(), threadpool_limits(1):
        made = {name: make() for name, make in makers.items()}
        jobs = [timing.times(call) for call, _ in made.values()]
        seconds = np.median(timing.interleaved(jobs, repeats, block, lambda: bar.advance(task)), axis=0)
    speeds = {name: steps / own for (name, (_, steps)), own in zip(made.items(), seconds.tolist(), strict=True)}
    first = next(iter(speeds.values()))
    rows = [{"what": name, "steps_per_second": speed, "ratio": first / speed} for name, speed in speeds.items()]
    return report("rollouts", rows=rows, method=timing.METHOD, repeats=repeats, lanes=MEMBERS)


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table."""
    rows = [(row["what"], f"{row['steps_per_second'] / 1e6:.2f}", f"{row['ratio']:.1f}") for row in result["rows"]]
    print_table(console, ("CartPole-v1, one core", "million steps a CPU second", "ours is so many times"), rows)
    console.print(f"{result['method']}; {result['repeats']} repeats; {result['lanes']} lanes", style="dim")

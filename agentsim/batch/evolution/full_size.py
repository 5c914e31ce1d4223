"""What a language model of full size would cost: one generation on random tokens, timed, and a whole run estimated."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.evolution.sequence import Evolved
from agentsim.batch.evolution.settings import TextConfig
from agentsim.batch.settings import Asked, Study
from agentsim.studies.report import report
from agentsim.system.process import one_compute_thread

TINY_STORIES = 4.7e8  # tokens, about (Eldan & Li 2023)


def run(asked: Asked, vocabulary: int, hidden: int | None) -> Study:
    """The result and what shows it: one generation, of the first config that is asked for. Raises UserError."""
    changes = [f"hidden={hidden}"] * (hidden is not None)
    config = settings.load(TextConfig, (asked.configs or ["evolution"])[0], [*changes, *asked.overrides])
    learner, chance = Evolved(config, vocabulary), np.random.default_rng(config.seed)
    tokens = chance.integers(0, vocabulary, (*learner.shape, config.length + 1))
    with one_compute_thread():
        begun = time.process_time()
        learner.learn(tokens, 1.0)
        seconds = time.process_time() - begun
    fresh = tokens[..., 1:].size
    result = report(
        "text_es",
        vocabulary=vocabulary,
        hidden=config.hidden,
        parameters=learner.size,
        population=config.evolution.population,
        tokens=fresh,
        cpu_seconds=seconds,
        generations=TINY_STORIES / fresh,
        total_cpu_hours=TINY_STORIES / fresh * seconds / 3600,
    )
    return result, show


def show(result: dict[str, Any], console: Console) -> None:
    """In words."""
    console.print(
        f"One generation: {result['cpu_seconds']:.1f} CPU s, {result['population']:,} members of "
        f"{result['parameters']:,} parameters, {result['tokens']:,} tokens of text."
    )
    console.print(
        f"Once through TinyStories, {TINY_STORIES:.1e} tokens: {result['generations']:,.0f} generations, "
        f"{result['total_cpu_hours']:,.0f} CPU hours."
    )

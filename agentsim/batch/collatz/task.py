"""Training a V: batches of pairs (n, T(n)), and the validation set that chooses among what comes of them.

The validation set is fresh numbers, and the orbits of path records beyond the hard seeds, none of them trained on as
such, none on a test orbit. The test set is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from agentsim.batch.collatz.arithmetic import to_limbs
from agentsim.batch.collatz.draws import EVALUATION_BITS
from agentsim.batch.collatz.evaluation import Potential, fresh_numbers, margins
from agentsim.batch.collatz.gradient import GradientLearner
from agentsim.batch.collatz.learner import Learner
from agentsim.batch.collatz.orbits import training_states
from agentsim.batch.collatz.samples import Pairs
from agentsim.batch.collatz.sampling import Sampler, forbidden, nothing_mined
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.collatz.stepping import SteppingLearner
from brains.brain import State

VALIDATION_SEED, VALIDATION, QUICK = 20_261_121, 50_000, 2_000
PATH_RECORDS = (  # as the hard seeds, but larger; so is their ascent
    *(1212415, 1441407, 1875711, 1988859, 2643183, 2684647, 3041127, 3873535, 4637979, 5656191, 6416623, 6631675),
    *(19638399, 38595583, 80049391, 120080895, 210964383, 319804831),
)

LEARNERS: dict[str, Callable[[CollatzConfig], Learner]] = {
    "published": GradientLearner,
    "prefix": GradientLearner,
    "max_pool": GradientLearner,
    "two_sided": GradientLearner,
    "stepping": SteppingLearner,
}


def build(config: CollatzConfig) -> Learner:
    """The learner of a config, untrained."""
    return LEARNERS[config.network.kind](config)


class CollatzTask:
    """The training of a V, a Task of `agentsim.batch.training`; `mined` are the numbers found to be worst so far."""

    def __init__(self, config: CollatzConfig) -> None:
        self.config, self.learner = config, build(config)
        self.sampler, self.validation = Sampler.of(config), validation_set(config.lookahead)
        self.kept: State = {"mined": nothing_mined()}

    def learn(self, batch: int, done: float) -> float:
        """Learn the pairs of a batch, then look for worse ones. Returns the loss."""
        pairs, hard = self.sampler.batch(batch, self.kept["mined"])
        loss = self.learner.learn(pairs, hard, done)
        self.kept["mined"] = self.sampler.mine(batch, self.kept["mined"], self.learner.potential)
        return loss

    def validate(self, *, quick: bool) -> dict[str, float]:
        """Shares: `failures` of random numbers, `violations` on orbits and the `score` of both together."""
        numbers, steps = (pairs[:QUICK] if quick else pairs for pairs in self.validation)
        lookahead = self.config.lookahead
        failures, violations = (share_of_failures(self.learner.potential, of, lookahead) for of in (numbers, steps))
        together = (failures * len(numbers) + violations * len(steps)) / (len(numbers) + len(steps))
        return {"failures": failures, "violations": violations, "score": together}


@cache
def validation_set(lookahead: int) -> tuple[Pairs, Pairs]:
    """Random numbers, and shuffled steps of the orbits of path records: no state of a hard orbit, none forbidden."""
    states = sorted(set(training_states(PATH_RECORDS)) - set(training_states()))
    steps = np.random.default_rng(VALIDATION_SEED).permutation(to_limbs(states))
    numbers, steps = (
        found[~forbidden(found)] for found in (fresh_numbers(VALIDATION, VALIDATION_SEED, EVALUATION_BITS), steps)
    )
    return Pairs.of(numbers, lookahead), Pairs.of(steps, lookahead)


def share_of_failures(potential: Potential, pairs: Pairs, lookahead: int) -> float:
    """How many margins are not above 0, of 1."""
    return float((~(margins(potential, pairs, lookahead) > 0)).mean())

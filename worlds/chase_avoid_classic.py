"""agentsim/ChaseAvoidClassic-v0: the world of the published chase / avoid adaptation test; one lane and many."""

from __future__ import annotations

from typing import ClassVar

from worlds.chase_avoid import ChaseAvoid, ChaseAvoidVector


class ChaseAvoidClassic(ChaseAvoid):
    """Chase or avoid a jittering target in the unit square, as the published test does; for comparison with it.

    The agent starts at (0.5, 0.5), the target at U(0, 1) x U(0, 1). Within a tick the agent moves and is clamped to
    [0, 1], then the target moves by U(-0.005, 0.005) along each axis and is clamped to [0.1, 0.9]. Nothing is ever
    caught or touched: there are no events, and the reward is the shaping term alone.

    An agent that chases well sits on its target, where the right action flips from tick to tick, and one that avoids
    well sits in a corner, where it never changes: one tick late, the oracle itself scores 46 / 100 / 46 %.

    ## Action space
    That of ChaseAvoid: `Discrete(4)`, 0 up +y, 1 down -y, 2 left -x, 3 right +x, by 0.02.

    ## Observation space
    `Box`, (8,) float32, not scaled.

    | index | observation | unit | low | high |
    |---|---|---|---|---|
    | 0, 1 | agent x, y | world widths | 0 | 1 |
    | 2, 3 | target x, y | world widths | 0 | 1 |
    | 4, 5 | target - agent, x and y | world widths | -1 | 1 |
    | 6 | its length | world widths | 0 | sqrt(2) |
    | 7 | task | 0 chase, 1 avoid | 0 | 1 |

    Options, info (without `events`) and the rest are those of ChaseAvoid.
    """

    classic = True
    score_rates: ClassVar[dict[str, tuple[float, float]]] = {}


class ChaseAvoidClassicVector(ChaseAvoidVector):
    """Many lanes of ChaseAvoidClassic in one call, see ChaseAvoidVector."""

    classic = True

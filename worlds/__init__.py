"""Worlds that a brain lives in: Gymnasium environments. Importing this package imports no compiler and no display."""

import gymnasium

# id -> (entry point, what it is); an entry point followed by "Vector" is that of many lanes
WORLDS: dict[str, tuple[str, str]] = {
    "agentsim/ChaseAvoid-v0": (
        "worlds.chase_avoid:ChaseAvoid",
        "catch a wandering target, or flee from a hunter, on a torus",
    ),
    "agentsim/ChaseAvoidClassic-v0": (
        "worlds.chase_avoid_classic:ChaseAvoidClassic",
        "the published chase / avoid test: a jittering target in the unit square",
    ),
    "agentsim/ChaseEvade-v0": (
        "worlds.chase_evade:ChaseEvade",
        "chasers and evaders on a torus, each an agent with a brain of its own",
    ),
    "agentsim/Dream-v0": (
        "worlds.dream:Dream",
        "a canvas to paint digits on, with a picture book beside it",
    ),
}

WRAPPERS: dict[str, type] = {}  # gymnasium.Wrapper classes from outside, by name: see agentsim.registry.import_module


def register() -> None:
    """Make every world of WORLDS known to `gymnasium.make` and `gymnasium.make_vec`; doing it twice does no harm."""
    for world, (entry_point, _) in WORLDS.items():
        if world not in gymnasium.registry:
            gymnasium.register(world, entry_point=entry_point, vector_entry_point=f"{entry_point}Vector")

"""What the numbers of observations and actions are called, where only a world's documentation says so."""

from __future__ import annotations

from worlds.world import World

# Gymnasium id, without its version -> names of observations, and of actions, in the words of Gymnasium's documentation
KNOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CartPole": (("cart position", "cart velocity", "pole angle", "pole angular velocity"), ("left", "right")),
    "Pendulum": (("cos angle", "sin angle", "angular velocity"), ("torque",)),
    "Acrobot": (
        ("cos angle 1", "sin angle 1", "cos angle 2", "sin angle 2", "angular velocity 1", "angular velocity 2"),
        ("torque -1", "no torque", "torque +1"),
    ),
    "MountainCar": (("position", "velocity"), ("left", "coast", "right")),
    "MountainCarContinuous": (("position", "velocity"), ("force",)),
    "LunarLander": (
        ("x", "y", "x velocity", "y velocity", "angle", "angular velocity", "left leg", "right leg"),
        ("nothing", "left engine", "main engine", "right engine"),
    ),
    "FrozenLake": ((), ("left", "down", "right", "up")),
    "CliffWalking": ((), ("up", "right", "down", "left")),
    "Taxi": ((), ("south", "north", "east", "west", "pick up", "drop off")),
    "Blackjack": ((), ("stick", "hit")),
}


def names_of(world_id: str, world: World) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of observations and of actions: the world's own, or those that are known of it."""
    observations, actions = KNOWN.get(world_id.rpartition("-v")[0], ((), ()))
    return world.observation_names or observations, world.action_names or actions

"""A world is made from its config, and its spaces say what body is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agentsim.config.sections import WorldConfig
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from brains.brain import Body

if TYPE_CHECKING:
    import gymnasium


def make(config: WorldConfig, drawn: bool) -> tuple[gymnasium.Env[Any, Any], int | None]:
    """The environment without a time limit of its own, and the limit in steps, which is kept here.

    `drawn`: whether it can render itself, where it knows how.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator
    from gymnasium.wrappers import OrderEnforcing

    options = dict(config.options)
    limit = options.pop("max_episode_steps", None)
    if limit is not None and (type(limit) is not int or limit < 1):
        raise UserError(f"world.options.max_episode_steps: should be a whole number above 0, got {limit!r}")
    try:
        spec = gymnasium.spec(config.id)
        entry_point = spec.entry_point
        creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
        limit = limit or spec.max_episode_steps
        if drawn and "rgb_array" in getattr(creator, "metadata", {}).get("render_modes", ()):
            options.setdefault("render_mode", "rgb_array")
        env = gymnasium.make(config.id, max_episode_steps=-1, disable_env_checker=True, **options)
        return env.env if type(env) is OrderEnforcing else env, limit  # the loop resets before it steps
    except gymnasium.error.UnregisteredEnv as error:
        hint = suggest(config.id, gymnasium.registry, "worlds")
        raise UserError(f"world.id: unknown world {config.id!r}, {hint}") from error
    except Exception as error:  # whatever a world of someone else's raises when it is made
        raise UserError(f"world: {config.id} cannot be made: {type(error).__name__}: {error}") from error


def agents_and_size(world: str, space: gymnasium.Space[Any], agents: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """The agents, where there are several, and the numbers in an observation. Raises UserError for another space."""
    from gymnasium.spaces import Box

    if isinstance(space, Box) and space.dtype is not None and space.dtype.kind in "fiu":
        if len(space.shape) == 1:
            return (), space.shape[0]
        if agents and space.shape[:-1] == (len(agents),):
            return agents, space.shape[1]
    raise UserError(
        f"{world}: its observation space {space} is not supported; supported is a flat Box, shape (n,), of numbers, "
        "or with several `agents` one of shape (agents, n)"
    )


def body_of(
    world: str, space: gymnasium.Space[Any], agents: tuple[str, ...], observation_size: int, oracle: Any
) -> Body:
    """What the spaces say about the body. Raises UserError for an action space that is not supported."""
    from gymnasium.spaces import Box, Discrete, MultiDiscrete

    if agents:
        lanes = len(agents)
        if isinstance(space, MultiDiscrete) and space == MultiDiscrete([space.nvec.flat[0]] * lanes):
            return Body(observation_size, int(space.nvec[0]), lanes=lanes, oracle=oracle)
        raise UserError(
            f"{world}: its action space {space} is not supported; with {lanes} agents it must be "
            f"MultiDiscrete of {lanes} equal numbers, from 0"
        )
    if isinstance(space, Discrete):
        return Body(observation_size, int(space.n), oracle=oracle)
    if isinstance(space, Box) and space.dtype is not None and space.dtype.kind == "f":
        low, high = space.low.astype(np.float32).ravel(), space.high.astype(np.float32).ravel()
        if np.isfinite(low).all() and np.isfinite(high).all():
            return Body(observation_size, low.size, False, tuple(map(float, low)), tuple(map(float, high)))
    raise UserError(
        f"{world}: its action space {space} is not supported; "
        "supported are Discrete, and Box of floats with finite bounds"
    )


def native_of(space: gymnasium.Space[Any], body: Body) -> Callable[[NDArray[Any]], Any]:
    """What makes of an action of the body, (lanes,) or (1, actions), what Gymnasium's space takes."""
    from gymnasium.spaces import MultiDiscrete

    if isinstance(space, MultiDiscrete):
        return lambda action: action
    if body.discrete:
        start = int(getattr(space, "start", 0))
        return lambda action: start + action.item()
    return lambda action: action[0].astype(space.dtype).reshape(space.shape)

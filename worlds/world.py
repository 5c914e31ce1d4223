"""What a world can have beyond Gymnasium's Env. All of it is optional; only `world_of` looks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

Seen = tuple[Any, dict[str, Any]]  # an observation and its info
Sampled = tuple[NDArray[np.float32], NDArray[Any]]  # observations (count, ...) and the right actions (count, ...)


@dataclass(frozen=True)
class World:
    """The optional members of a world, by the names that they have there; None or empty where it has none.

    `tasks`: names of what it can ask for; info["task"] is the index of the present one. `switch_task(index)`: ask for
    another from now on, also after resets. `agents`: names of several agents, each with a row of observations, actions
    and info["rewards"]. `oracle(observations)`: the right action for each, (M, n) -> (M,), or (n,) -> ().

    `get_state()`: everything that the future depends on, as arrays by name, which are copies; `set_state(state)`: its
    inverse. `observe()`: the present observation and info, with no events, after a change by hand.
    `sample_states(count, index, generator)`: random states of a task, or as one of several agents sees them, with the
    right actions.

    `score_events`: task, or agent -> the event that counts; `score_rates`: the same -> how many of them in 3,600 ticks
    are worth a score of 0 and of 1. `drag_target(x, y)`: put the target there, in world widths. `draw(x, y, to_x,
    to_y)`: a line, in shares of the picture from its lower left corner. `push(direction)`: a shove, -1 or 1.
    `observation_names`, `action_names`: what to call each number of an observation, and each choice or number of an
    action. `shadows(count)`: so many lanes of the same world beside it, with its options, that follow its task: what a
    brain that needs worlds of its own lives in. `kernels`: names of what has to be compiled, "module:function", before
    it is reset.
    """

    tasks: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    oracle: Callable[[Any], NDArray[Any]] | None = None
    get_state: Callable[[], Mapping[str, Any]] | None = None
    set_state: Callable[[dict[str, Any]], None] | None = None
    observe: Callable[[], Seen] | None = None
    sample_states: Callable[[int, int, np.random.Generator], Sampled] | None = None
    score_rates: dict[str, tuple[float, float]] | None = None
    score_events: dict[str, str] | None = None
    switch_task: Callable[[int], None] | None = None
    drag_target: Callable[[float, float], None] | None = None
    draw: Callable[[float, float, float, float], None] | None = None
    push: Callable[[int], None] | None = None
    shadows: Callable[[int], Any] | None = None
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()


_NAMES = ("tasks", "agents", "observation_names", "action_names", "kernels")


def world_of(env: gymnasium.Env[Any, Any]) -> World:
    """The optional members of an environment's world, whatever it is wrapped in."""
    inner = env.unwrapped
    names = [*World.__dataclass_fields__] if env is inner else [n for n in World.__dataclass_fields__ if n != "shadows"]
    found = {name: value for name in names if (value := getattr(inner, name, None)) is not None}
    return World(**found | {name: tuple(found.get(name, ())) for name in _NAMES})


def keeps_its_state(world: World, step: Callable[[], Any], carry: Callable[[Any], Any] = dict) -> bool:
    """Whether a saved state has the future that it was saved from: save, step, restore, step, and both are equal.

    `carry` is what a state goes through on its way: it gives back what is restored.

    `step` moves the world by one tick, always with the same action, and returns what it shows. Where the answer is yes
    the world is as it was; else it has been disturbed. Whatever a world raises on the way is a no.
    """
    get_state, set_state = world.get_state, world.set_state
    if get_state is None or set_state is None:
        return False
    try:
        saved = deepcopy(get_state())
        carried = carry(saved)
        futures = []
        for _ in range(2):
            futures.append(deepcopy((step(), get_state())))
            set_state(deepcopy(carried))
        return same_values(futures[0], futures[1]) and same_values(saved, get_state())
    except Exception:  # a world of someone else's can raise anything
        return False


def same_values(one: Any, other: Any) -> bool:
    """Whether two nested values are equal to the last bit; a NaN equals itself."""
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(same_values(one[k], other[k]) for k in one)
        )
    if isinstance(one, tuple | list):
        return isinstance(other, tuple | list) and len(one) == len(other) and all(map(same_values, one, other))
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype.hasobject or second.dtype.hasobject:
        return type(one) is type(other) and bool(np.all(one == other))
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()

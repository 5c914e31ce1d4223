"""What Gymnasium's spaces come to: an observation as one row of numbers, and the body that an action space asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agentsim.errors import UserError
from brains.brain import NO_LABEL, Body

if TYPE_CHECKING:
    import gymnasium

Row = NDArray[np.float32]
Write = Callable[[Row, Any], None]  # an observation into a row; raises ValueError if it is not of its space

MOST_CHOICES = 4096  # combinations of a MultiDiscrete or MultiBinary action, each a choice of its own


def senses_of(world: str, space: gymnasium.Space[Any], agents: tuple[str, ...]) -> tuple[tuple[str, ...], int, Write]:
    """The agents, where there are several, the numbers in an observation, and what writes one into a row.

    A flat Box is written as it is. Any other space is flattened part after part, as `gymnasium.spaces.flatten` does:
    Box of any shape, Discrete and MultiDiscrete one-hot, MultiBinary, Dict and Tuple of those; but uint8, which is how
    images come, as a share of 255. Raises UserError for a space that has no fixed number of numbers.
    """
    from gymnasium.spaces import Box

    if isinstance(space, Box) and _numeric(space):
        if len(space.shape) == 1 and space.dtype != np.uint8:
            return (), space.shape[0], _write_flat(world, space.shape)
        if agents and space.shape[:-1] == (len(agents),):
            return agents, space.shape[1], _write_flat(world, space.shape)
    if agents:
        raise UserError(
            f"{world}: its observation space {space} is not supported; with several `agents` it must be a Box of "
            "numbers, one of shape (agents, n)"
        )
    try:
        parts = list(_parts(space, ()))
    except _NoNumbersError as error:
        raise UserError(f"{world}: its observation space {space} cannot be made a row of numbers: {error}") from None
    return (), sum(size for _, size, _ in parts), _write_parts(world, parts)


Part = tuple[tuple[Any, ...], int, Callable[[Any], Any]]  # keys to it in an observation, its size, its numbers


class _NoNumbersError(Exception):
    """A space without a fixed number of numbers."""


def _parts(space: gymnasium.Space[Any], at: tuple[Any, ...]) -> Iterator[Part]:
    """The parts of a space that are not made of others, in the order in which Gymnasium flattens them."""
    from gymnasium import spaces

    match space:
        case spaces.Dict() | spaces.Tuple():
            inner = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
            for key, inside in inner:
                yield from _parts(inside, (*at, key))
        case spaces.Box() if _numeric(space):
            scale = 1 / 255 if space.dtype == np.uint8 else 1
            shape = space.shape
            yield at, int(np.prod(shape)), lambda value: _shaped(value, shape).ravel() * np.float32(scale)
        case spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary():
            yield at, spaces.flatdim(space), lambda value: spaces.flatten(space, _member(space, value))
        case _:
            kind = type(space).__name__
            if len(at) != 1:
                raise _NoNumbersError(f"it is a {kind}; make numbers of it with a wrapper: world: {{wrappers: [NAME]}}")
            leave_out = "world: {wrappers: [{FilterObservation: {filter_keys: [WHAT, TO, KEEP]}}]}"
            raise _NoNumbersError(f"its part {at[0]!r} is a {kind}; leave it out with a wrapper: {leave_out}")


def _numeric(space: Any) -> bool:
    return space.dtype is not None and space.dtype.kind in "fiub"


def _shaped(value: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.asarray(value, np.float32)
    if array.shape != shape:  # NumPy would broadcast a smaller one
        raise ValueError(f"shape {array.shape}, not {shape}")
    return array


def _member(space: gymnasium.Space[Any], value: Any) -> Any:
    if not space.contains(np.asarray(value, space.dtype) if space.shape else value):
        raise ValueError(f"{value!r}, which is not in {space}")
    return value


def _write_flat(world: str, wanted: tuple[int, ...]) -> Write:
    def write(row: Row, observation: Any) -> None:
        shape = observation.shape if isinstance(observation, np.ndarray) else np.shape(observation)
        if shape != wanted:
            raise ValueError(f"{world} returned an observation of shape {shape}, not {wanted}")
        row[:] = observation

    return write


def _write_parts(world: str, parts: list[Part]) -> Write:
    def write(row: Row, observation: Any) -> None:
        start = 0
        for at, size, numbers in parts:
            try:
                row[start : start + size] = numbers(reduce(lambda value, key: value[key], at, observation))
            except (ValueError, TypeError, KeyError, IndexError) as error:
                where = f"{'.'.join(map(str, at))}: " if at else ""
                raise ValueError(f"{world} returned an observation that is not of its space: {where}{error}") from error
            start += size

    return write


def body_of(
    world: str, space: gymnasium.Space[Any], agents: tuple[str, ...], observation_size: int, oracle: Any
) -> Body:
    """What the spaces say about the body. Every combination of a MultiDiscrete or MultiBinary action is a choice.

    Raises UserError for an action space that is not supported.
    """
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
    if (choices := choices_of(space)) is not None:
        count = float(np.prod(choices.astype(float)))
        if count <= MOST_CHOICES:
            return Body(observation_size, int(count), oracle=oracle)
        raise UserError(
            f"{world}: its action space {space} has {count:,.0f} combinations, and a brain chooses among "
            f"{MOST_CHOICES:,} at most; leave some out with a wrapper of your own: world: {{wrappers: [NAME]}}"
        )
    if isinstance(space, Box) and space.dtype is not None and space.dtype.kind == "f":
        low, high = space.low.astype(np.float32).ravel(), space.high.astype(np.float32).ravel()
        if np.isfinite(low).all() and np.isfinite(high).all():
            return Body(observation_size, low.size, False, tuple(map(float, low)), tuple(map(float, high)))
        raise UserError(
            f"{world}: its action space {space} has no bounds, and a brain needs to know them; give it some: "
            "world: {wrappers: [{RescaleAction: {min_action: -1, max_action: 1}}]}, or a wrapper of your own"
        )
    raise UserError(
        f"{world}: its action space {space} is not supported; supported are Discrete, MultiDiscrete, MultiBinary and "
        "Box of floats; make it one of those with a wrapper of your own: world: {wrappers: [NAME]}"
    )


def choices_of(space: gymnasium.Space[Any]) -> NDArray[np.int64] | None:
    """How many choices each number of a combined action has, flat; None for any other space."""
    from gymnasium.spaces import MultiBinary, MultiDiscrete

    if isinstance(space, MultiDiscrete):
        return space.nvec.ravel().astype(np.int64)
    return np.full(int(np.prod(space.shape)), 2) if isinstance(space, MultiBinary) else None


def native_of(space: gymnasium.Space[Any], body: Body) -> Callable[[NDArray[Any]], Any]:
    """What makes of an action of the body, (lanes,) or (1, actions), what Gymnasium's space takes."""
    if body.lanes > 1:
        return lambda action: action
    choices = choices_of(space)
    if choices is not None:
        start = np.asarray(getattr(space, "start", 0)).ravel()
        shape, dtype = space.shape, space.dtype
        return lambda action: (np.array(np.unravel_index(action.item(), choices)) + start).astype(dtype).reshape(shape)
    if body.discrete:
        first = int(getattr(space, "start", 0))
        return lambda action: first + action.item()
    return lambda action: action[0].astype(space.dtype).reshape(space.shape)


def choice_of(space: gymnasium.Space[Any], label: Any) -> Any:
    """The choice of the body that an action of the space is, where it is a combination; else what was given."""
    choices = choices_of(space)
    if choices is None or np.size(label) != len(choices):
        return label
    numbers = np.asarray(label).ravel() - np.asarray(getattr(space, "start", 0)).ravel()
    if (numbers < 0).any() or (numbers >= choices).any():
        raise ValueError(f"{label!r} is no action of {space}")
    return int(np.ravel_multi_index(tuple(numbers.astype(int)), tuple(choices)))


def mask_of(world: str, space: gymnasium.Space[Any], body: Body, mask: Any) -> NDArray[np.bool_]:
    """Which of the body's choices an info's `action_mask` allows, (actions,): an array of them or, for a combined
    action, one array for each of its numbers. Raises ValueError if it fits neither, or allows nothing."""
    choices = choices_of(space)
    if choices is not None and not isinstance(mask, np.ndarray) and len(mask) == len(choices):
        mask = reduce(np.multiply.outer, [np.asarray(part, np.bool_) for part in mask]).ravel()
    allowed = np.asarray(mask).astype(np.bool_)
    if allowed.shape != (body.actions,) or not allowed.any():
        raise ValueError(f"{world} returned an action_mask that allows none of its {body.actions} actions: {mask!r}")
    return allowed


def another(allowed: NDArray[np.bool_], seed: np.random.SeedSequence, step: tuple[int, ...]) -> NDArray[np.int64]:
    """One of the choices that are allowed, (1,), drawn from the seed of that step."""
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *step)))
    return rng.choice(np.flatnonzero(allowed), 1)


def confuse(
    labels: NDArray[Any], share: float, actions: int, seed: np.random.SeedSequence, step: tuple[int, ...]
) -> None:
    """Put any action in the place of a share of the labels, in place, drawn from the seed of that step."""
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *step)))
    struck = (rng.random(labels.shape) < share) & (labels != NO_LABEL)
    labels[struck] = rng.integers(0, actions, labels.shape)[struck]


def rewards_of(world: str, agents: int, info: dict[str, Any]) -> NDArray[Any]:
    """Every agent's reward, (agents,). Raises ValueError for anything else than finite numbers."""
    rewards = np.asarray(info.get("rewards"))
    if rewards.shape != (agents,) or rewards.dtype.kind not in "fiu" or not np.isfinite(rewards).all():
        raise ValueError(f'{world} returned info["rewards"] {rewards}, not {agents} finite numbers')
    return rewards

"""Does a brain keep the Brain protocol?"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from agentsim.testing.states import copied, same, same_state
from brains.brain import NO_LABEL, Body, Brain, Experience, Learning

MakeBrain = Callable[[Body, np.random.SeedSequence], Brain]

BODIES = (
    Body(observation_size=8, actions=4, teacher=True),
    Body(observation_size=8, actions=4, teacher=True, lanes=3),
)


def check_brain(make_brain: MakeBrain, bodies: Iterable[Body] = BODIES, ticks: int = 40) -> None:
    """Check that the brain keeps the Brain protocol in each of the bodies. Raises AssertionError if it does not.

    `make_brain(body, seed)` makes a fresh brain. `ticks` is how long each life is. Checked: shapes and dtypes; the
    same seed gives the same life; `warm_up`, `frozen_copy` and asking a frozen copy change nothing; state_dict
    round trips give the same future bit for bit, and are not changed by that future; `reset` of one lane leaves the
    others alone; a state that does not fit is refused.
    """
    for body in bodies:
        _check_life(make_brain, body, ticks)
        _check_determinism(make_brain, body, ticks)
        _check_round_trip(make_brain, body, ticks)
        _check_frozen_copy(make_brain, body, ticks)
        if body.lanes > 1:
            _check_reset(make_brain, body, ticks)


def lives(body: Body, seed: int = 0) -> Iterator[tuple[np.ndarray[Any, Any], Callable[[Any], Experience]]]:
    """An endless random stream of (observation, experience of an action there): each next_observation is the next
    observation, episodes end now and then, the teacher is sometimes silent, rewards depend on the action."""
    rng = np.random.default_rng(seed)
    shape = (body.lanes, body.observation_size)
    observation = rng.uniform(-1, 1, shape).astype(np.float32)
    while True:
        next_observation = rng.uniform(-1, 1, shape).astype(np.float32)
        ended, cut = rng.random((2, body.lanes)) < 0.05
        teacher: Any = None
        if body.teacher and body.discrete:
            teacher = rng.integers(NO_LABEL, body.actions, body.lanes)
        noise = rng.normal(size=body.lanes)

        def experience(
            action: Any,
            now: Any = observation,
            after: Any = next_observation,
            ended: Any = ended,
            cut: Any = cut,
            teacher: Any = teacher,
            noise: Any = noise,
        ) -> Experience:
            reward = (noise + np.asarray(action, np.float64).reshape(body.lanes, -1).mean(1)).astype(np.float32)
            return Experience(now, action, reward, after, ended, cut & ~ended, teacher)

        yield observation, experience
        observation = next_observation


def _make(make_brain: MakeBrain, body: Body, seed: int = 0) -> Brain:
    return make_brain(body, np.random.SeedSequence(seed))


def _live(brain: Brain, stream: Iterable[Any], learn: bool = True) -> list[Any]:
    """Act and learn through a stream of moments; returns the actions (copies) and what each learning step said."""
    trace: list[Any] = []
    for observation, experience in stream:
        action = np.array(brain.act(observation))
        trace.append(action)
        if learn:
            lived = experience(action)
            for learning in (brain.learn(lived), brain.rehearse()):
                trace.append(np.array([learning.loss, learning.updates, learning.rollbacks]))
            ended = lived.terminated | lived.truncated
            if ended.any():
                brain.reset(ended)
    return trace


def check_action(action: Any, body: Body, what: str = "act()") -> None:
    """Check that an action fits the body: (N,) int64 in range, or (N, actions) float32 within bounds."""
    action = np.asarray(action)
    if body.discrete:
        assert action.shape == (body.lanes,), f"{what} must have shape ({body.lanes},), one a lane, not {action.shape}"
        assert action.dtype == np.int64, f"{what} must be int64, not {action.dtype}"
        assert ((action >= 0) & (action < body.actions)).all(), f"{what} must be in [0, {body.actions}), got {action}"
    else:
        expected = (body.lanes, body.actions)
        assert action.shape == expected, f"{what} must have shape {expected}, not {action.shape}"
        assert action.dtype == np.float32, f"{what} must be float32, not {action.dtype}"
        inside = (action >= np.array(body.low, np.float32)) & (action <= np.array(body.high, np.float32))
        assert inside.all(), f"{what} must be within the body's bounds {body.low} to {body.high}, got {action}"


def _check_life(make_brain: MakeBrain, body: Body, ticks: int) -> None:
    brain = _make(make_brain, body)
    assert isinstance(brain.latency, int) and brain.latency >= 0, "latency must be an int of 0 or more, in ticks"
    assert isinstance(brain.settling_ticks, int) and brain.settling_ticks >= 1, "settling_ticks must be an int from 1"
    before = copied(brain.state_dict())
    brain.warm_up()
    assert same_state(before, brain.state_dict()), "warm_up() must change no state"
    lanes = {body.lanes} | {len(seat.lanes) for seat in getattr(brain, "seats", {}).values()}  # a team: each its own
    for observation, experience in itertools.islice(lives(body), ticks):
        given = observation.copy()
        action = brain.act(observation)
        check_action(action, body)
        lived = experience(np.array(action))
        for learning in (brain.learn(lived), brain.rehearse()):
            assert isinstance(learning, Learning), f"learn() and rehearse() must return Learning, not {learning!r}"
            assert np.isfinite(learning.loss), f"the loss must be finite, not {learning.loss}"
            assert learning.updates >= 0 and learning.rollbacks >= 0, "updates and rollbacks count from 0"
        assert np.array_equal(observation, given), "act() and learn() must not write into the observation"
        for name, values in brain.activity().items():
            layer = np.asarray(values)
            assert layer.ndim == 2 and len(layer) in lanes, (
                f"activity()[{name!r}] must have shape ({body.lanes}, units), not {layer.shape}"
            )
            assert np.isfinite(layer).all(), f"activity()[{name!r}] must be finite"
    brain.reset(np.ones(body.lanes, bool))


def _check_determinism(make_brain: MakeBrain, body: Body, ticks: int) -> None:
    def life(brain: Brain) -> list[Any]:
        return _live(brain, itertools.islice(lives(body), ticks))

    one, other = _make(make_brain, body, 7), _make(make_brain, body, 7)
    np.random.seed(1)  # noqa: NPY002  a brain that reads the global generator is found out here
    first = life(one)
    np.random.seed(2)  # noqa: NPY002
    assert same(first, life(other)), "two brains of the same seed must live the same life: use only the given seed"
    assert same_state(one.state_dict(), other.state_dict()), "two brains of the same seed must end in the same state"


def _check_round_trip(make_brain: MakeBrain, body: Body, ticks: int) -> None:
    brain = _make(make_brain, body, 1)
    stream = lives(body)
    _live(brain, itertools.islice(stream, ticks))
    state = brain.state_dict()
    for name, value in state.items():
        assert isinstance(value, np.ndarray), (
            f"state_dict()[{name!r}] must be a numpy array, not {type(value).__name__}"
        )
        assert value.dtype != object, f"state_dict()[{name!r}] must not have dtype object: it is saved without pickle"
    kept = copied(state)
    future = list(itertools.islice(stream, ticks))
    expected = _live(brain, future)
    assert same_state(kept, state), "what state_dict() returned must not change later: return copies"

    other = _make(make_brain, body, 2)
    other.load_state_dict(state)
    assert same_state(kept, other.state_dict()), "state_dict() after load_state_dict(state) must equal state"
    assert same(expected, _live(other, future)), (
        "a brain loaded from state_dict() must have the same future, bit for bit"
    )
    assert same_state(kept, state), "load_state_dict(state) must not keep or change the arrays it was given"
    assert same_state(brain.state_dict(), other.state_dict()), "the same future must end in the same state"

    misfits = [("an unknown name", {**kept, "no such entry": np.zeros(1)})]
    if kept:
        name, value = next(iter(kept.items()))
        misfits += [("a missing entry", {other: kept[other] for other in kept if other != name})]
        misfits += [("a wrong shape", {**kept, name: np.zeros((*value.shape, 2), value.dtype)})]
    for what, misfit in misfits:
        try:
            _make(make_brain, body, 3).load_state_dict(misfit)
        except ValueError:
            continue
        raise AssertionError(f"load_state_dict must raise ValueError for {what}")


def _check_frozen_copy(make_brain: MakeBrain, body: Body, ticks: int) -> None:
    brain, twin = _make(make_brain, body, 1), _make(make_brain, body, 1)
    stream = lives(body)
    past, future = list(itertools.islice(stream, ticks)), list(itertools.islice(stream, ticks))
    _live(brain, past)
    _live(twin, past)
    for lanes in (None, body.lanes + 2):
        frozen = brain.frozen_copy(lanes)
        asked = replace(body, lanes=lanes or body.lanes)
        before = copied(brain.state_dict())
        for observation, _ in itertools.islice(lives(asked, seed=9), ticks):
            check_action(frozen.act(observation), asked, f"frozen_copy({lanes or ''}).act()")
        assert same_state(before, brain.state_dict()), "asking a frozen copy must not change the original"
        if lanes is None:
            moments = list(itertools.islice(lives(asked, seed=9), ticks))
            assert same(_live(brain.frozen_copy(), moments, False), _live(brain.frozen_copy(), moments, False)), (
                "two frozen copies of the same brain must answer alike"
            )
    assert same(_live(brain, future), _live(twin, future)), "making frozen copies must not change the original's future"


def _check_reset(make_brain: MakeBrain, body: Body, ticks: int) -> None:
    """One lane is reset; the others go on as those of an untouched twin (without learning, which lanes may share)."""
    brain, twin = _make(make_brain, body, 1), _make(make_brain, body, 1)
    stream = lives(body)
    past, future = list(itertools.islice(stream, ticks)), list(itertools.islice(stream, ticks))
    _live(brain, past)
    _live(twin, past)
    mask = np.zeros(body.lanes, bool)
    mask[0] = True
    before = {name: np.array(layer) for name, layer in brain.activity().items()}
    brain.reset(mask)
    for name, layer in brain.activity().items():
        assert np.array_equal(layer[1:], before[name][1:]), f"reset of lane 0 changed activity()[{name!r}] of another"
    brain, twin = brain.frozen_copy(), twin.frozen_copy()
    _live(brain, past, learn=False)
    _live(twin, past, learn=False)
    brain.reset(mask)
    for one, other in zip(_live(brain, future, False), _live(twin, future, False), strict=True):
        assert np.array_equal(one[1:], other[1:]), "reset of lane 0 changed what other lanes do"

"""Team: several brains in one body, each serving lanes or numbers of the action, at its own divider of the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import Body, Brain, Experience, Float, Learning, State, figures_of, load_arrays


@dataclass(frozen=True)
class Seat:
    """A place in a team: the lanes (n,) that the brain there serves, on every how many ticks it acts, and which numbers
    of a continuous action are its own; None: all of them."""

    lanes: NDArray[np.int64]
    every: int = 1
    actions: NDArray[np.int64] | None = None

    def body(self, whole: Body) -> Body:
        """The body of the brain there, of the body of all lanes."""
        own, oracle = self.actions, whole.oracle
        body = replace(whole, lanes=len(self.lanes))
        if own is None:
            return body
        low, high = (tuple(bound[i] for i in own) for bound in (whole.low, whole.high))
        answers = None if oracle is None else lambda observations: oracle(observations)[..., own]
        return replace(body, actions=len(own), low=low, high=high, oracle=answers)


class Member:
    """A brain in its seat. With `every` = k it acts on ticks 0, k, 2k, ... and holds its action in between.

    It learns at the end of those k ticks, from one experience that spans them: the observation it acted on, its action,
    the teacher's answer to that observation, the sum of the rewards, the last next observation, and whether a lane
    ended. What a lane lives after its end is not part of it. Where all its lanes have ended the experience is closed
    at once, and after a reset of all of them it acts anew on the next tick.
    """

    def __init__(self, brain: Brain, seat: Seat, body: Body) -> None:
        self.brain, self.lanes, self.every, self.actions = brain, seat.lanes, seat.every, seat.actions
        count = len(seat.lanes)
        self.held: NDArray[Any] = np.zeros(count, np.int64)
        if not body.discrete:
            self.held = np.zeros((count, seat.body(body).actions), np.float32)
        self.clock = np.zeros(2, np.int64)  # ticks since it acted, and how many of them are in `span`
        observation, flag = np.zeros((count, body.observation_size), np.float32), np.zeros(count, np.bool_)
        label = np.zeros_like(self.held) if body.teacher else None
        reward = np.zeros(count, np.float32)
        self.span = Experience(observation, self.held, reward, observation.copy(), flag, flag.copy(), label)
        self.learned = False  # on this tick

    def act(self, observation: Float) -> NDArray[Any]:
        """The brain's action if it is its tick, else the one it holds; observation (N, observation_size) of all."""
        if self.clock[0] % self.every == 0:
            self.held[:] = self.brain.act(observation[self.lanes])
            self.clock[:] = 0
        self.clock[0] += 1
        return self.held

    def learn(self, experience: Experience) -> Learning:
        """Take in a tick of all lanes; the brain learns if the ticks it acted for are over."""
        span, lanes, self.learned = self.span, self.lanes, False
        if self.clock[1] == 0:
            if self.clock[0] != 1:  # its first tick was not learned from
                return Learning()
            span.observation[:] = experience.observation[lanes]
            span.reward[:] = span.terminated[:] = span.truncated[:] = 0
            if span.teacher_action is not None and experience.teacher_action is not None:
                answer = experience.teacher_action[lanes]
                span.teacher_action[:] = answer if self.actions is None else answer[:, self.actions]
        going = ~(span.terminated | span.truncated)
        span.reward += np.where(going, experience.reward[lanes], 0)
        span.next_observation[going] = experience.next_observation[lanes][going]
        span.terminated |= going & experience.terminated[lanes]
        span.truncated |= going & experience.truncated[lanes]
        self.clock[1] += 1
        whole = self.clock[1] == self.clock[0]
        if not (self.clock[0] == self.every or (span.terminated | span.truncated).all()):
            return Learning()
        self.clock[1] = 0
        if not whole:
            return Learning()
        self.learned = True
        return self.brain.learn(span)

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of its lanes in the mask (N,)."""
        mine = lanes[self.lanes]
        if mine.all():
            self.clock[:] = 0
        self.brain.reset(mine)

    def arrays(self) -> State:
        """The live arrays of its place in its span."""
        span = self.span
        state: State = {
            "clock": self.clock,
            "held": self.held,
            "observation": span.observation,
            "reward": span.reward,
            "next_observation": span.next_observation,
            "terminated": span.terminated,
            "truncated": span.truncated,
        }
        return state if span.teacher_action is None else {**state, "teacher_action": span.teacher_action}


class Team:
    """Named brains that share a body's lanes, or the numbers of its actions, none left out; each learns from its own
    lanes alone, or from the reward that all share."""

    def __init__(self, brains: Mapping[str, Brain], seats: Mapping[str, Seat], body: Body) -> None:
        """`seats` has the names of `brains`, whose bodies are `body` with as many lanes as the seat."""
        self.body, self.seats = body, dict(seats)
        self.members = {name: Member(brain, seats[name], body) for name, brain in brains.items()}
        members = self.members.values()  # of the slowest one, from an observation that it acts on:
        self.latency = max(member.brain.latency * member.every for member in members)
        self.settling_ticks = max((member.brain.settling_ticks - 1) * member.every + 1 for member in members)
        backends = (getattr(member.brain, "backend", None) for member in members)
        self.backend = ", ".join(dict.fromkeys(filter(None, backends))) or None

    def warm_up(self) -> None:
        """Every member's."""
        for member in self.members.values():
            member.brain.warm_up()

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the lanes in the mask (N,)."""
        for member in self.members.values():
            member.reset(lanes)

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, observation_size) -> (N,) int64 or (N, actions) float32: each lane's action, new or held."""
        first, *_ = self.members.values()
        width = () if self.body.discrete else (self.body.actions,)
        action = np.zeros((len(observation), *width), first.held.dtype)
        for member in self.members.values():
            own = member.lanes if member.actions is None else np.ix_(member.lanes, member.actions)
            action[own] = member.act(observation)
        return action

    def learn(self, experience: Experience) -> Learning:
        """Every member takes the tick in; those whose ticks are over learn. `extra` has each one's loss, by name."""
        return self._together({name: member.learn(experience) for name, member in self.members.items()})

    def rehearse(self) -> Learning:
        """Those that learned on this tick make one more step."""
        learned = {name: member for name, member in self.members.items() if member.learned}
        return self._together({name: member.brain.rehearse() for name, member in learned.items()})

    def _together(self, each: dict[str, Learning]) -> Learning:
        updated = {name: learning for name, learning in each.items() if learning.updates}
        extra = {f"{name}.{key}": value for name, one in updated.items() for key, value in one.extra.items()}
        return Learning(
            sum(learning.loss for learning in updated.values()) / max(1, len(updated)),
            sum(learning.updates for learning in each.values()),
            sum(learning.rollbacks for learning in each.values()),
            {**extra, **{f"{name}.loss": learning.loss for name, learning in updated.items()}},
        )

    def state_dict(self) -> State:
        """Every member's state, and its place in its span, as "name.entry" and "name.span.entry"."""
        state: State = {}
        for name, member in self.members.items():
            state |= {f"{name}.{entry}": array for entry, array in member.brain.state_dict().items()}
            state |= {f"{name}.span.{entry}": array.copy() for entry, array in member.arrays().items()}
        return state

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        for name in state:
            if name.partition(".")[0] not in self.members:
                raise ValueError(f"{name}: there is no brain of that name")
        for name, member in self.members.items():
            mine = _below(state, f"{name}.")
            try:
                load_arrays(member.arrays(), _below(mine, "span."))
                member.brain.load_state_dict({e: array for e, array in mine.items() if not e.startswith("span.")})
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error

    def activity(self) -> dict[str, NDArray[Any]]:
        """Every member's layers as "name layer", each (lanes of the member, units)."""
        return {
            f"{name} {layer}": values
            for name, member in self.members.items()
            for layer, values in member.brain.activity().items()
        }

    def figures(self) -> dict[str, float]:
        """Every member's, of its own layers: "figure/name layer", as activity has them."""
        found = {}
        for name, member in self.members.items():
            for figure, value in figures_of(member.brain).items():
                what, slash, layer = figure.partition("/")
                found[f"{what}/{name} {layer}" if slash else f"{name}.{what}"] = value
        return found

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """A team of frozen copies, all at the start of their spans; with `lanes`, of the brains of lane 0 alone."""
        if lanes is None:
            brains = {name: member.brain.frozen_copy() for name, member in self.members.items()}
            return Team(brains, self.seats, self.body)
        if all(member.actions is None for member in self.members.values()):
            first = next(member for member in self.members.values() if 0 in member.lanes)
            return first.brain.frozen_copy(lanes)
        brains = {name: member.brain.frozen_copy(lanes) for name, member in self.members.items()}
        seats = {name: replace(seat, lanes=np.arange(lanes)) for name, seat in self.seats.items()}
        return Team(brains, seats, replace(self.body, lanes=lanes))

    def body_of(self, name: str) -> Body:
        """The body of one of the brains."""
        return self.seats[name].body(self.body)


def _below(state: State, prefix: str) -> State:
    """The entries whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}

"""Any Gymnasium environment, as the loop needs it: lane-shaped arrays, same-tick autoreset.

Lanes: every array has a leading axis N, the number of the world's agents: 1, unless it names several. Autoreset: on the
tick that ends an episode the world is reset at once; the experience of that tick holds the final observation of the old
episode, `observation` the first one of the new. Each episode's seed comes from (run seed, 0, episode), so that any
episode can be lived again.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled import pool
from agentsim.config.sections import WorldConfig
from agentsim.errors import FAILURES
from agentsim.loop.commands import SwitchTask, WorldCommand
from agentsim.loop.hand import Hand
from agentsim.loop.history import History
from agentsim.loop.journal import Journal
from agentsim.loop.making import make
from agentsim.loop.packing import restored, saved
from agentsim.loop.spaces import another, body_of, choice_of, confuse, mask_of, native_of, rewards_of, senses_of
from brains.brain import NO_LABEL, Experience, Float, State
from worlds.names import names_of
from worlds.world import keeps_its_state, world_of

_LANE, _NOISE = 0, 1
LARGEST = float(np.finfo(np.float32).max)
_FEW = 100  # numbers that Python adds up faster than NumPy looks at them


class Environment:
    """One world and the body in it: a lane, or a lane for each of its `agents` where the world names several.

    `observation` (N, observation_size) is what the body senses now; `teacher_action`, shaped like an action, the right
    answer to it, None in a world without a teacher (one that has no answer to the very first observation). `allowed`
    (actions,): which choices info["action_mask"] allows now, None where it says nothing. `events`:
    what happened in the last step, name -> count, `agent_events` the same for each agent, name -> (N,). `tasks` are the
    names of what the world can ask for, `task` the index of the present one, -1 where there are none. `world`: what it
    has beyond Gymnasium's Env, asked about whole observations, history included; `notice`: what a person should know
    about it. `observation_names` and `action_names`: of each number and choice, where they are known.

    A world of several agents has `agents`, their names; observations Box (N, observation_size), actions
    MultiDiscrete of N equal numbers, info["rewards"] (N,), and info["teacher_action"] (N,) where there is a teacher.
    """

    def __init__(self, config: WorldConfig, seed: np.random.SeedSequence, *, drawn: bool = True) -> None:
        """Build it, with the kernels that it names, if any, and begin its first episode. `drawn`: whether somebody will
        want to see it: worlds may keep the past for that.

        Raises UserError for an unknown id, options it does not take, and spaces that are not supported.
        """
        self.id = config.id
        self._seed = seed
        self._env, self._limit = make(config, drawn)
        self.unwrapped: Any = self._env.unwrapped
        self.world = world_of(self._env)
        self.hand = Hand(config.id, self.world, self.unwrapped)
        self.tasks = self.world.tasks
        pool.prepare(self.world.kernels)
        self.agents, size, self._write = senses_of(config.id, self._env.observation_space, self.world.agents)
        lanes = len(self.agents) or 1
        self._space = space = self._env.action_space
        body = body_of(config.id, space, self.agents, size, self.world.oracle)
        self._history = History(config.history, body)
        self.world = world = self._history.world(self.world)
        self.body = replace(body, observation_size=self._history.size, oracle=world.oracle, shadows=world.shadows)
        observation_names, action_names = names_of(config.id, self.world)
        self.observation_names, self.action_names = self._history.names(observation_names, action_names), action_names
        observations = np.zeros((3, lanes, self._history.size), np.float32)  # now, next, after an autoreset, in turn
        self._observations = list(observations)
        own = observations[..., :size]
        self._sensed = list(own if self.agents else own[:, 0])  # as the world gives them
        self._now = 0
        self._bounds = np.array(self.body.low, np.float32), np.array(self.body.high, np.float32)
        self._native = native_of(space, self.body)
        self._one_choice = self.body.discrete and not self.agents
        self._silence = NO_LABEL if self.body.discrete else math.nan
        self._label_noise = config.label_noise
        idle = self.idle_action()
        self._action_shape = idle.shape
        self._teachers = list(np.full((3, *idle.shape), self._silence, idle.dtype))
        self.episode, self.length, self.episode_return = -1, 0, 0.0
        self.finished_return: float | None = None  # of the episode that ended in the last step
        self.task = -1
        self.events: dict[str, int] = {}
        self.agent_events: dict[str, NDArray[np.int64]] = {}
        self.allowed: NDArray[np.bool_] | None = None
        self._journal = Journal(idle)  # kept where the world cannot tell its state
        self.has_state = False
        self.notice: str | None = None
        info = self._begin_episode(self._now)
        if self.world.get_state is not None and self.world.set_state is not None and self._env is self.unwrapped:
            info = self._try_state(info)
        label = np.asarray(info.get("teacher_action", self._silence))
        if np.any((label != NO_LABEL) if self.body.discrete else np.isfinite(label)):
            self.body = replace(self.body, teacher=True)
            self._take_label(self._now, info)
        if self.tasks:
            self.task = int(info.get("task", 0))
        flags, reward = np.zeros((2, lanes), np.bool_), np.zeros(lanes, np.float32)
        self._experience = Experience(self.observation, idle, reward, self.observation, *flags)

    @property
    def observation(self) -> Float:
        """(N, observation_size), valid until the next but one step."""
        return self._observations[self._now]

    @property
    def teacher_action(self) -> NDArray[Any] | None:
        """(N,) int64 or (N, actions) float32: the right answer to `observation`, NO_LABEL (NaN) where silent."""
        return self._teachers[self._now] if self.body.teacher else None

    def idle_action(self) -> NDArray[Any]:
        """An action of the right shape and type: choice 0, or the middle of the bounds."""
        if self.body.discrete:
            return np.zeros(len(self.observation), np.int64)
        return np.array([np.add(self.body.low, self.body.high) / 2], np.float32)

    def checked(self, action: NDArray[Any]) -> NDArray[Any]:
        """The action, if it is one that this body can take; in place of one that the world forbids now, one of those
        that it allows, at random. Raises ValueError saying what is wrong with it."""
        body, low, high = self.body, *self._bounds
        if isinstance(action, np.ndarray) and action.shape == self._action_shape:
            if not body.discrete:
                if action.dtype.kind == "f" and (action >= low).all() and (action <= high).all():  # false for NaN
                    return action
            elif action.dtype.kind in "iu" and min(chosen := action.tolist()) >= 0 and max(chosen) < body.actions:
                if self.allowed is None or self.allowed[chosen[0]]:
                    return action
                return another(self.allowed, self._seed, (_LANE, self.episode, self.length))
        continuous = f"(1, {body.actions}) float within {body.low} and {body.high}"
        wanted = f"({body.lanes},) integer below {body.actions}" if body.discrete else continuous
        shown = np.array2string(np.asarray(action), threshold=8)
        raise ValueError(f"act() returned {shown}, shape {np.shape(action)}; this world takes {wanted}")

    def step(self, action: NDArray[Any]) -> Experience:
        """Advance the world by one tick, with an action that is `checked`. The experience is valid until the next one.

        Raises ValueError if the world returns an observation of another shape, a value that is not finite or a label
        that is no action, and whatever the world raises.
        """
        before, after = self._now, (self._now + 1) % 3
        experience = self._experience
        experience.observation, experience.next_observation = self._observations[before], self._observations[after]
        experience.action = action
        experience.teacher_action = self._teachers[before] if self.body.teacher else None

        observation, reward, terminated, truncated, info = self._env.step(self._native(action))
        if not self.has_state:
            self._journal.act(self.length, action)
        self.length += 1
        reward = float(reward)
        if not abs(reward) <= LARGEST:  # false for NaN
            raise ValueError(f"step() of {self.id} returned the reward {reward}")
        self.episode_return += reward
        if self.agents:
            experience.reward[:] = rewards_of(self.id, len(self.agents), info)
        else:
            experience.reward.fill(reward)
        ended = bool(truncated) or self.length == self._limit
        experience.terminated.fill(terminated)
        experience.truncated.fill(ended)
        self.events, self.agent_events = info.get("events", {}), info.get("agent_events", {})
        self._take(after, observation, info)
        self._history.remember(self._observations[before], action, self._observations[after])
        self._now = after
        self.finished_return = None
        if terminated or ended:
            self.finished_return = self.episode_return
            self._now = (after + 1) % 3
            self._begin_episode(self._now)
        return experience

    def reset(self) -> None:
        """Leave the present episode, unfinished, and begin the next one."""
        self._begin_episode(self._now)

    def check(self, command: WorldCommand) -> None:
        """Raises UserError if this world cannot do what the command asks."""
        self.hand.check(command)

    def apply(self, command: WorldCommand) -> None:
        """Do what a person asks, and sense again. Raises UserError if this world cannot."""
        self.hand.check(command)
        if not self.has_state:
            self._journal.command(self.length, command)
        if isinstance(command, SwitchTask):
            self.task = command.task
        self.hand.do(command)
        if (seen := self.hand.look()) is not None:
            self._take(self._now, *seen)

    def warm_up(self) -> None:
        """Live one tick and go back, so that whatever the world compiles is compiled; changes no state."""
        if self.has_state:
            before = self.state()
            self.step(self.checked(self.idle_action()))
            self.load_state(before)

    def render(self) -> NDArray[np.uint8] | None:
        """The world as an image, (height, width, 3); None if it cannot draw itself or was not to."""
        return self._env.render() if self._env.render_mode == "rgb_array" else None  # type: ignore[return-value]

    def close(self) -> BaseException | None:
        """Let go of what the world holds. Returns what it raises, if anything."""
        try:
            return self._env.close()  # type: ignore[func-returns-value]
        except FAILURES as error:
            return error

    # --- state ---------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Everything that resuming exactly needs: the world whole, or the episode's actions from its seed on."""
        state = self._common_state()
        if self.has_state:
            return state | {f"world.{name}": array for name, array in saved(self.unwrapped.get_state()).items()}
        return state | self._journal.state(self.length)

    def fingerprint(self) -> State:
        """What the rolling hash covers: `state`, or, of a world that cannot tell its own, what can be seen of it."""
        if self.has_state:
            return self.state()
        random = json.dumps(self.unwrapped.np_random.bit_generator.state, default=np.ndarray.tolist, sort_keys=True)
        seen = self._common_state() | {"np_random": np.frombuffer(random.encode(), np.uint8)}
        inner = getattr(self.unwrapped, "state", None)
        if isinstance(inner, np.ndarray | tuple | list):
            numbers = np.asarray(inner)
            if numbers.dtype.kind in "fiub":
                seen["state"] = numbers
        return seen

    def load_state(self, state: State) -> None:
        """Inverse of `state`. Raises ValueError if an entry is missing or does not fit this world."""
        fits = self._common_state()
        for name, present in fits.items():
            if name not in state or state[name].shape != present.shape or state[name].dtype != present.dtype:
                found = f"{state[name].dtype} {state[name].shape}" if name in state else "nothing"
                raise ValueError(f"{name}: expected {present.dtype} {present.shape}, found {found}")
        episode, length, task = (int(value) for value in state["episode"])
        if episode < 0 or length < 0 or not -1 <= task < max(1, len(self.tasks)):
            raise ValueError(f"episode: {episode}, {length}, {task} is no episode, length and task of this world")
        self.episode, self.task = episode - 1, -1
        self._begin_episode(self._now)
        if self.has_state:
            world = {n.removeprefix("world."): np.array(v) for n, v in state.items() if n.startswith("world.")}
            self.unwrapped.set_state(restored(world))
            self._observations[self._now][:] = state["observation"]
            self.allowed = state["allowed"].astype(np.bool_) if "allowed" in state else None
            if self.body.teacher:
                self._teachers[self._now][:] = state["teacher_action"]
        else:
            self._live_again(length, state)
        self.length, self.task = length, task
        self.episode_return = float(state["episode_return"])

    def _common_state(self) -> State:
        state: State = {
            "observation": self.observation.copy(),
            "episode": np.array([self.episode, self.length, self.task]),
            "episode_return": np.array(self.episode_return),
        }
        if self.body.teacher:
            state["teacher_action"] = self._teachers[self._now].copy()
        if self.allowed is not None:
            state["allowed"] = self.allowed.copy()
        return state

    def _live_again(self, length: int, state: State) -> None:
        """Bring a world that cannot be set to a state there by its own actions and a person's commands."""
        actions, commands = self._journal.read(state, length)
        for step in range(length + 1):
            for command in commands.get(step, ()):
                self.apply(command)
            if step < length:
                self.step(self.checked(actions[step]))
        for name, array in {**self._common_state(), "episode": state["episode"]}.items():
            if not np.array_equal(array, state[name], equal_nan=array.dtype.kind == "f"):
                raise ValueError(
                    f"{name}: {self.id} does not do the same again when its present episode is lived again from its "
                    "seed, as if it remembered earlier ones (a wrapper may); it cannot resume exactly. A world with "
                    "get_state() and set_state() can"
                )

    # --- inside --------------------------------------------------------------------------------------------------

    def _begin_episode(self, slot: int) -> dict[str, Any]:
        """Reset the world with the next episode's own seed; its first observation goes to `slot`."""
        self.episode += 1
        self.length, self.episode_return = 0, 0.0
        self.events, self.agent_events = {}, {}
        key = (*self._seed.spawn_key, _LANE, self.episode)
        seed = np.random.SeedSequence(self._seed.entropy, spawn_key=key).generate_state(1)[0]
        observation, info = self._env.reset(seed=int(seed))
        self._journal.begin()
        self._take(slot, observation, info)
        self._history.begin(self._observations[slot])
        if self.task >= 0 and (not self.has_state or info.get("task", self.task) != self.task):
            self._now = slot
            self.apply(SwitchTask(task=self.task))
        return info

    def _try_state(self, info: dict[str, Any]) -> dict[str, Any]:
        """Find out whether to trust the world's state; if not, begin anew. Returns the info of the episode's begin."""
        action = self._native(self.checked(self.idle_action()))
        step, carry = lambda: self.unwrapped.step(action), lambda state: restored(saved(state))
        self.has_state = keeps_its_state(self.world, step, carry)
        if self.has_state:
            return info
        what = "what get_state() saved, set_state() does not bring back to the bit"
        self.notice = f"{self.id}: {what}; to resume a run, its episode is lived again"
        self.episode -= 1
        return self._begin_episode(self._now)

    def _take(self, slot: int, observation: Any, info: dict[str, Any]) -> None:
        row = self._sensed[slot]
        self._write(row, observation)
        if not (math.isfinite(sum(row.ravel().tolist())) if row.size < _FEW else np.isfinite(row).all()):
            raise ValueError(f"{self.id} returned an observation that is not finite: {row}")
        if self.body.teacher:
            self._take_label(slot, info)
        if not self.agents and self.body.discrete:
            mask = info.get("action_mask")
            self.allowed = None if mask is None else mask_of(self.id, self._space, self.body, mask)

    def _take_label(self, slot: int, info: dict[str, Any]) -> None:
        """Keep the teacher's answer, which brains use as an index: an action of this body, or silence."""
        label, kept = info.get("teacher_action", self._silence), self._teachers[slot]
        label = label if self.agents else choice_of(self._space, label)
        if type(label) is int and self._one_choice and NO_LABEL <= label < self.body.actions:
            kept[0], fits = label, True
        elif self.body.discrete:
            kept[:] = label
            told = kept.tolist()
            same = told == (list(label) if self.agents else [label])
            fits = same and min(told) >= NO_LABEL and max(told) < self.body.actions
        else:
            kept[:], (low, high) = label, self._bounds
            fits = bool(np.isnan(kept).all() or ((kept >= low) & (kept <= high)).all())
        if not fits:
            raise ValueError(f"{self.id} returned the teacher_action {label!r}, which is no action of this world")
        if self._label_noise:
            confuse(kept, self._label_noise, self.body.actions, self._seed, (_NOISE, self.episode, self.length))

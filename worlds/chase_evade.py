"""agentsim/ChaseEvade-v0: chasers and evaders on a torus, each an agent with a brain to be had."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from worlds import kernels_evade as kernels
from worlds.drawing import Drawn, EvadePainter, Window
from worlds.kernels_evade import CATCHES, ESCAPES, OBSERVATION, REWARD, TEACHER_ACTION
from worlds.lanes import check_entries, observation_space, oracle, pack, unpack

Observation = NDArray[np.float32]
Actions = NDArray[np.int64]
Info = dict[str, Any]

MOST_CHASERS = 3  # as many discs of radius 0.3 leave 15 % of the torus: there is always a place to reappear


class ChaseEvade(Drawn, gymnasium.Env[Observation, Actions]):
    """Several agents on the torus [0, 1) x [0, 1): chasers catch evaders, evaders flee from chasers.

    The row of an agent, in every array, is its place in `agents`: the chasers, then the evaders. One alone is called
    "chaser" or "evader", several are "chaser_1", "chaser_2" and so on. An agent's opponent is the nearest one of the
    other role (of several as near, the first).

    A chaser is faster (0.02 world widths a tick, the agent's step in ChaseAvoid) than an evader (0.015). As fast, an
    evader that knows its oracle is never caught; at 0.012, 0.015 and 0.018 one oracle catches the other 54, 34 and 13
    times in 3,600 ticks. In between, both have much to win and to lose. Catches in 3,600 ticks at 0.015:

    | | random evader | oracle evader |
    |---|---|---|
    | random chaser | 1.0 | 0.0 |
    | oracle chaser | 131.6 | 34.1 |

    So the scores (`score_rates`): a chaser has 0 where a random one meets the oracle evader, an evader has 0 where a
    random one meets the oracle chaser, and both have 1 where oracle meets oracle. Each is measured against the best
    opponent there is here: with a weaker opponent it is beyond 1.

    ## Action space
    `MultiDiscrete([4] * agents)`: 0 up +y, 1 down -y, 2 left -x, 3 right +x, by the agent's step.

    ## Observation space
    `Box`, (agents, 8) float32; the row is that of ChaseAvoid, with the opponent as the target.

    | index | observation | unit | low | high |
    |---|---|---|---|---|
    | 0, 1 | agent 2x - 1, 2y - 1 | half world widths | -1 | 1 |
    | 2, 3 | opponent 2x - 1, 2y - 1 | half world widths | -1 | 1 |
    | 4, 5 | shortest way from agent to opponent, x and y | half world widths | -1 | 1 |
    | 6 | its length / 0.7072 | the largest distance | 0 | 1 |
    | 7 | role | 0 chaser, 1 evader | 0 | 1 |

    ## Reward
    A chaser's: +1 for every catch, plus `shaping` x (distance to its opponent before - after the tick). An evader's:
    -1 when it is caught, +1 when it escapes, minus the same. Both distances are taken before any reappearance. `step`
    returns the mean.

    ## Episode
    Chasers start at uniformly random places, evaders likewise but at least 0.3 from every chaser. Never terminates and
    never truncates by itself; `gymnasium.make(..., max_episode_steps=N)` truncates.

    ## Info
    `teacher_action` (agents,) int64: the right actions for the observation that they come with, along the larger
    relative axis, toward or away, -1 where the teacher is silent; `rewards` (agents,) float32; `events`: this tick's
    {"catches": int, "escapes": int}; `agent_events`: the same for each agent, (agents,) int64, by name: the catches
    that it had a part in, its own escapes.

    Within a tick: all move at once; an evader closer than 0.05 to a chaser is caught, by its nearest one, and an evader
    not caught 300 ticks after it appeared has escaped. Either way it reappears at least 0.3 from every chaser. Without
    escapes a pair that acts a little late can dither at opposite ends of the torus, and stay there for good.

    Args:
        chasers: how many, 1 to 3.
        evaders: how many, from 1.
        shaping: weight of the distance term of the reward.
        teacher_every: the teacher speaks on every K-th tick of an episode, from its first; 0 is reward only.
        render_mode: "rgb_array", "human" (pygame) or None.
        render_size: width and height of a frame in pixels.

    Raises:
        ValueError: an option or an action is not one of the above.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human", "rgb_array"], "render_fps": 60}  # type: ignore[misc]
    # Catches per 3,600 ticks as (random one, oracle), each against the oracle, of one chaser and one evader, over
    # 720,000 ticks: worlds.scores.measure_evade_rates().
    score_events: ClassVar[dict[str, str]] = {"chaser": "catches", "evader": "catches"}
    stored_rates: ClassVar[dict[str, tuple[float, float]]] = {"chaser": (0.0, 34.07), "evader": (131.6, 34.07)}

    def __init__(
        self,
        chasers: int = 1,
        evaders: int = 1,
        shaping: float = 0.5,
        teacher_every: int = 1,
        render_mode: str | None = None,
        render_size: int = 480,
    ) -> None:
        if type(chasers) is not int or not 1 <= chasers <= MOST_CHASERS:
            raise ValueError(f"chasers: {chasers!r} is not a whole number from 1 to {MOST_CHASERS}")
        if type(evaders) is not int or evaders < 1:
            raise ValueError(f"evaders: {evaders!r} is not a whole number above 0")
        if not np.isfinite(shaping):
            raise ValueError(f"shaping: {shaping} is not a finite number")
        if teacher_every != int(teacher_every) or teacher_every < 0:
            raise ValueError(f"teacher_every: {teacher_every} is not a whole number of ticks, 0 for a silent teacher")
        self.agents = (*_names("chaser", chasers), *_names("evader", evaders))
        self.chasers, self.shaping, self.teacher_every = chasers, float(shaping), int(teacher_every)
        self.places, self._ages = np.zeros((len(self.agents), 2)), np.zeros(len(self.agents), np.int64)
        self._stream = np.zeros((1, 2), np.uint64)
        self._out = np.zeros((len(self.agents), kernels.OUT), np.float32)
        self._tick = 0
        row = observation_space(classic=False)
        low, high = (np.tile(bound, (len(self.agents), 1)) for bound in (row.low, row.high))
        self.observation_space = cast("spaces.Space[Observation]", spaces.Box(low, high, dtype=np.float32))
        self.action_space = cast("spaces.Space[Actions]", spaces.MultiDiscrete([4] * len(self.agents)))
        self.render_mode = render_mode
        self._painter = EvadePainter(render_size, chasers) if render_mode else None
        self._window = Window(render_size, self.metadata["render_fps"]) if render_mode == "human" else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Start a new episode."""
        super().reset(seed=seed)
        key = self.np_random.integers(0, 2**64, dtype=np.uint64)
        kernels.begin(self.places, self._ages, self._stream, self.chasers, key)
        self._tick = 0
        self._out[:] = 0.0
        if self._painter:
            self._painter.clear()
            self._show()
        return self._seen()

    def step(self, action: Actions) -> tuple[Observation, float, bool, bool, Info]:
        """One tick of everyone. Returns the observations, the mean reward, False, False and info as above."""
        chosen = np.asarray(action)
        if chosen.shape != (len(self.agents),) or chosen.dtype.kind not in "iu" or ((chosen < 0) | (chosen > 3)).any():
            raise ValueError(f"action: expected {len(self.agents)} whole numbers in 0..3, got {action!r}")
        if self._np_random is None:
            raise gymnasium.error.ResetNeeded("call env.reset() before env.step()")
        chosen = chosen.astype(np.int64)
        kernels.advance(self.places, self._ages, self._stream, self.chasers, self.shaping, chosen, self._out)
        self._tick += 1
        if self._painter:
            self._painter.note(self.places, chosen, self._out[: self.chasers, CATCHES] > 0)
            self._show()
        observation, info = self._seen()
        return observation, float(info["rewards"].mean()), False, False, info

    def _seen(self) -> tuple[Observation, Info]:
        speaks = self.teacher_every > 0 and self._tick % self.teacher_every == 0
        kernels.sense(self.places, self.chasers, speaks, self._out)
        catches, escapes = self._out[:, CATCHES].astype(np.int64), self._out[:, ESCAPES].astype(np.int64)
        info: Info = {
            "teacher_action": self._out[:, TEACHER_ACTION].astype(np.int64),
            "rewards": self._out[:, REWARD].copy(),
            "events": {"catches": int(catches[self.chasers :].sum()), "escapes": int(escapes.sum())},
            "agent_events": {"catches": catches, "escapes": escapes},
        }
        return self._out[:, :OBSERVATION].copy(), info

    def sample_states(self, count: int, agent: int, rng: np.random.Generator) -> tuple[Observation, Actions]:
        """Uniformly random states for probes, as an agent (its row) sees them with one opponent.

        Returns observations (count, 8) and the oracle's actions (count,).
        """
        observations = np.zeros((count, OBSERVATION), np.float32)
        out = np.zeros((2, kernels.OUT), np.float32)
        for observation, places in zip(observations, rng.random((count, 2, 2)), strict=True):
            kernels.sense(places, 1, False, out)
            observation[:] = out[int(agent >= self.chasers), :OBSERVATION]
        return observations, oracle(observations)

    oracle = staticmethod(oracle)

    @property
    def score_rates(self) -> dict[str, tuple[float, float]]:
        """Agent -> (score 0, score 1) in catches per 3,600 ticks; known for one chaser and one evader."""
        return self.stored_rates if len(self.agents) == 2 else {}

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on: places, ages, tick, random stream, the generator of later episodes."""
        return {
            "places": self.places.copy(),
            "ages": self._ages.copy(),
            "tick": np.array(self._tick),
            "stream": self._stream.copy(),
            "generator": pack(self.np_random),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Inverse of get_state. Raises ValueError, naming the entry, where one does not fit."""
        check_entries(state, self.get_state())
        if not ((state["places"] >= 0) & (state["places"] <= 1)).all() or min(state["tick"], *state["ages"]) < 0:
            raise ValueError("world state: 'places', 'ages' or 'tick' is damaged")
        self._ages[:] = state["ages"]
        self.places[:], self._stream[:], self._tick = state["places"], state["stream"], int(state["tick"])
        self.np_random = unpack(state["generator"])
        if self._painter:
            self._painter.clear()

    @property
    def _present(self) -> NDArray[np.float64]:
        return self.places


class ChaseEvadeVector(SyncVectorEnv):
    """Many worlds, one after the other; after reset(seed=s) world i is ChaseEvade after reset(seed=s + i).

    A world that reaches `max_episode_steps` is truncated and reset within the same step. Options are ChaseEvade's.
    """

    def __init__(self, num_envs: int = 1, max_episode_steps: int | None = None, **options: Any) -> None:
        limit = -1 if max_episode_steps is None else max_episode_steps
        make = partial(gymnasium.make, "agentsim/ChaseEvade-v0", max_episode_steps=limit, **options)
        super().__init__([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


def _names(role: str, count: int) -> list[str]:
    return [role] if count == 1 else [f"{role}_{k}" for k in range(1, count + 1)]

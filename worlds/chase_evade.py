"""agentsim/ChaseEvade-v0: chasers and evaders on a torus, each an agent with a brain to be had."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from agentsim.compiled.random import WORDS_OF_PCG64, pack, unpack
from worlds.drawing import Drawn, EvadePainter, Window
from worlds.kernels import layout
from worlds.lanes import CompiledLanes, Generators, check_entries, check_options, observation_space, oracle
from worlds.vector import LanesVector

Observation = NDArray[np.float32]
Actions = NDArray[np.int64]
Info = dict[str, Any]

MOST_CHASERS = 3  # as many discs of radius 0.3 leave 15 % of the torus: there is always a place to reappear
MOST_EVADERS = 1000  # a tick of them all still fits into one at 60 Hz


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
        evaders: how many, 1 to 1,000.
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

    observation_names = ("own x", "own y", "opponent x", "opponent y", "way x", "way y", "distance", "role")
    action_names = ("up", "down", "left", "right")

    def __init__(
        self,
        chasers: int = 1,
        evaders: int = 1,
        shaping: float = 0.5,
        teacher_every: int = 1,
        render_mode: str | None = None,
        render_size: int = 480,
    ) -> None:
        self.lanes = EvadeLanes(1, chasers, evaders, shaping, teacher_every)
        self.agents, self.chasers = self.lanes.names, chasers
        self.observation_space = cast("spaces.Space[Observation]", self.lanes.observation_space())
        self.action_space = cast("spaces.Space[Actions]", spaces.MultiDiscrete([4] * len(self.agents)))
        self.render_mode = render_mode
        self._painter = EvadePainter(render_size, chasers) if render_mode else None
        self._window = Window(self.metadata["render_fps"]) if render_mode == "human" else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Start a new episode."""
        super().reset(seed=seed)
        self.lanes.begin(0, self.np_random)
        if self._painter:
            self._painter.clear()
            self._show()
        return self._seen()

    def step(self, action: Actions) -> tuple[Observation, float, bool, bool, Info]:
        """One tick of everyone. Returns the observations, the mean reward, False, False and info as above."""
        if self._np_random is None:
            raise gymnasium.error.ResetNeeded("call env.reset() before env.step()")
        chosen = np.asarray(action)
        self.lanes.advance(chosen[None, None])
        observation, info = self._seen()
        if self._painter:
            self._painter.note(self.places, chosen, info["agent_events"]["catches"][: self.chasers] > 0)
            self._show()
        return observation, self.lanes.mean.item(), False, False, info

    def _seen(self) -> tuple[Observation, Info]:
        told = self.lanes.told[0, :, 0].copy()
        catches, escapes = self.lanes.total[0, :, 0].tolist()
        info: Info = {
            "teacher_action": told[layout.TEACHER_ACTION],
            "rewards": self.lanes.reward[0, 0].copy(),
            "events": {"catches": catches, "escapes": escapes},
            "agent_events": {"catches": told[layout.CATCHES], "escapes": told[layout.ESCAPES]},
        }
        return self.lanes.observation[0, 0].copy(), info

    @property
    def kernels(self) -> tuple[str, ...]:
        """The names of the kernels that it needs."""
        return self.lanes.kernels

    def sample_states(self, count: int, agent: int, rng: np.random.Generator) -> tuple[Observation, Actions]:
        """Uniformly random states for probes, as an agent (its row) sees them with one opponent.

        Returns observations (count, 8) and the oracle's actions (count,).
        """
        probe = EvadeLanes(count, 1, 1, 0.0, 1)
        probe.places[:] = rng.random((count, 2, 2))
        probe.sense()
        role = int(agent >= self.chasers)
        return probe.observation[0, :, role].copy(), probe.told[0, layout.TEACHER_ACTION, :, role].copy()

    oracle = staticmethod(oracle)

    @property
    def score_rates(self) -> dict[str, tuple[float, float]]:
        """Agent -> (score 0, score 1) in catches per 3,600 ticks; known for one chaser and one evader."""
        return self.stored_rates if len(self.agents) == 2 else {}

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on: places, ages, tick, random stream, the generator of later episodes."""
        state = self.lanes.get_state([self.np_random])
        return {name: value if name == "stream" else np.array(value[0]) for name, value in state.items()}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Inverse of get_state. Raises ValueError, naming the entry, where one does not fit."""
        check_entries(state, self.get_state())
        lifted = {name: value if name == "stream" else value[None] for name, value in state.items()}
        (self.np_random,) = self.lanes.set_state(lifted)
        if self._painter:
            self._painter.clear()

    @property
    def places(self) -> NDArray[np.float64]:
        """Where everyone is, x and y in world widths: (agents, 2), which may be written."""
        return self.lanes.places[0]

    @property
    def _present(self) -> NDArray[np.float64]:
        return self.places


class ChaseEvadeVector(LanesVector["EvadeLanes"]):
    """Many lanes of ChaseEvade in one call, see LanesVector. Options are those of ChaseEvade."""

    def __init__(
        self,
        num_envs: int = 1,
        chasers: int = 1,
        evaders: int = 1,
        shaping: float = 0.5,
        teacher_every: int = 1,
        max_episode_steps: int | None = None,
    ) -> None:
        lanes = EvadeLanes(num_envs, chasers, evaders, shaping, teacher_every)
        self.agents = lanes.names
        actions = spaces.MultiDiscrete([4] * len(lanes.names))
        super().__init__(lanes, lanes.observation_space(), actions, max_episode_steps)

    def _rewards(self) -> NDArray[np.float64]:
        return self.lanes.mean[0].astype(np.float64)

    def _seen(self) -> tuple[Observation, Info]:
        told, everyone = self.lanes.told[0, : layout.ESCAPES + 1].copy(), self._everyone
        catches, escapes = self.lanes.total[0].copy()
        masks = {"_catches": everyone, "_escapes": everyone}
        info: Info = {
            "teacher_action": told[layout.TEACHER_ACTION],
            "_teacher_action": everyone,
            "rewards": self.lanes.reward[0].copy(),
            "_rewards": everyone,
            "events": {"catches": catches, "escapes": escapes, **masks},
            "_events": everyone,
            "agent_events": {"catches": told[layout.CATCHES], "escapes": told[layout.ESCAPES], **masks},
            "_agent_events": everyone,
        }
        return self.lanes.observation[0].copy(), info


class EvadeLanes(CompiledLanes):
    """Lanes of the chase / evade world; `places` (count, agents, 2) float64 may be written.

    Raises:
        ValueError: an option is not what it should be.
    """

    def __init__(self, count: int, chasers: int, evaders: int, shaping: float, teacher_every: int) -> None:
        if type(chasers) is not int or not 1 <= chasers <= MOST_CHASERS:
            raise ValueError(f"chasers: {chasers!r} is not a whole number from 1 to {MOST_CHASERS}")
        if type(evaders) is not int or not 1 <= evaders <= MOST_EVADERS:
            raise ValueError(f"evaders: {evaders!r} is not a whole number from 1 to {MOST_EVADERS}")
        check_options(shaping, teacher_every)
        agents = chasers + evaders
        rows = layout.FIRST_AGENT + agents * layout.AGENT_ROWS
        super().__init__("worlds.kernels.chase_evade", count, rows, agents, chasers)
        self.state[:, layout.EVADE_SHAPING], self.state[:, layout.EVADE_TEACHER] = shaping, teacher_every

    @property
    def names(self) -> tuple[str, ...]:
        """Of the agents: chasers, then evaders."""
        chasers = int(self.program[layout.CHASERS])
        return (*_names("chaser", chasers), *_names("evader", self.agents - chasers))

    @property
    def _agents(self) -> NDArray[np.float64]:
        """(count, agents, AGENT_ROWS), a view."""
        return self.state[:, layout.FIRST_AGENT :].reshape(self.count, self.agents, layout.AGENT_ROWS)

    @property
    def places(self) -> NDArray[np.float64]:
        """Where everyone is, x and y in world widths: a view (count, agents, 2)."""
        return self._agents[..., : layout.Y + 1]

    def observation_space(self) -> spaces.Box:
        """A lane's (agents, 8) float32."""
        row = observation_space(classic=False)
        low, high = (np.tile(bound, (self.agents, 1)) for bound in (row.low, row.high))
        return spaces.Box(low, high, dtype=np.float32)

    def get_state(self, generators: Generators) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on, as copies; `generators` are the lanes' own, one each."""
        return {
            "places": self.places.copy(order="C"),
            "ages": self._agents[..., layout.SINCE].astype(np.int64, order="C"),
            "tick": self.state[:, layout.EVADE_TICK].astype(np.int64),
            "stream": self.stream.copy(order="C"),
            "generator": np.stack([pack(generator) for generator in generators]),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> list[np.random.Generator]:
        """Inverse of get_state, returning the lanes' generators. Raises ValueError where an entry does not fit."""
        whole = np.zeros((self.count, self.agents), np.int64)
        alike = {"places": self.places, "ages": whole, "tick": whole[:, 0], "stream": self.stream}
        check_entries(state, alike | {"generator": np.zeros((self.count, WORDS_OF_PCG64), np.uint64)})
        places, ages, tick = state["places"], state["ages"], state["tick"]
        if not ((places >= 0) & (places <= 1)).all() or min(tick.min(), ages.min()) < 0:
            raise ValueError("world state: 'places', 'ages' or 'tick' is damaged")
        self.places[:], self._agents[..., layout.SINCE] = places, ages
        self.stream[:], self.state[:, layout.EVADE_TICK] = state["stream"], tick
        return [unpack(words) for words in state["generator"]]


def _names(role: str, count: int) -> list[str]:
    return [role] if count == 1 else [f"{role}_{k}" for k in range(1, count + 1)]

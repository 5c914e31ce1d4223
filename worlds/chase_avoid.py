"""agentsim/ChaseAvoid-v0: catch a wandering target, or flee from a hunter, on a torus; one lane and many."""

from __future__ import annotations

import operator
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from worlds.drawing import Drawn, Painter, Window
from worlds.kernels.layout import CATCHES, SHAPING, TASK, TASK_SHOWN, TEACHER_ACTION, TOUCHES
from worlds.lanes import TASKS, Lanes, observation_space, oracle
from worlds.shadows import Shadows
from worlds.vector import LanesVector

Observation = NDArray[np.float32]
Info = dict[str, Any]


class ChaseAvoid(Drawn, gymnasium.Env[Observation, np.int64]):
    """Chase a wandering target or avoid a hunter on the torus [0, 1) x [0, 1).

    ## Tasks
    0, chase: the target wanders 0.012 world widths a tick; each tick its heading changes by 0.9 times the previous
    change plus N(0, 0.05) rad (the normal is a sum of 12 uniforms). Closer than 0.05 is a catch: it
    reappears at least 0.3 away. 1, avoid: it comes straight at the agent at 0.012 a tick. Closer than 0.05 is a
    touch: it reappears at least 0.3 away, as it does after 60 ticks without a touch.

    ## Action space
    `Discrete(4)`: one step of 0.02 world widths.

    | action | direction |
    |---|---|
    | 0 | up, +y |
    | 1 | down, -y |
    | 2 | left, -x |
    | 3 | right, +x |

    ## Observation space
    `Box`, (8,) float32.

    | index | observation | unit | low | high |
    |---|---|---|---|---|
    | 0, 1 | agent 2x - 1, 2y - 1 | half world widths | -1 | 1 |
    | 2, 3 | target 2x - 1, 2y - 1 | half world widths | -1 | 1 |
    | 4, 5 | shortest way from agent to target, x and y | half world widths | -1 | 1 |
    | 6 | its length / 0.7072 | the largest distance | 0 | 1 |
    | 7 | task | 0 chase, 1 avoid | 0 | 1 |

    ## Reward
    Chase: +1 for a catch, plus `shaping` x (distance before - distance after the tick). Avoid: -1 for a touch, minus
    the same. Both distances are taken before any reappearance.

    ## Episode
    Starts at a uniformly random place, with the target at least 0.3 away and a uniformly random heading. Never
    terminates and never truncates by itself; `gymnasium.make(..., max_episode_steps=N)` truncates.

    ## Info
    `task` (int); `teacher_action` (int): the right action for the observation that it comes with, along the larger
    relative axis, -1 where the teacher is silent; `events`: this tick's {"catches": int, "touches": int}.

    Within a tick: the agent moves, the target moves (a hunter toward where the agent now is), distances and events.

    Args:
        task: the task to start with, "chase" or "avoid".
        shaping: weight of the distance term of the reward.
        teacher_every: the teacher speaks on every K-th tick of an episode, from its first; 0 is reward only.
        render_mode: "rgb_array", "human" (pygame) or None.
        render_size: width and height of a frame in pixels.

    Raises:
        ValueError: an option or an action is not one of the above.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human", "rgb_array"], "render_fps": 60}  # type: ignore[misc]
    tasks = TASKS
    observation_names = ("agent x", "agent y", "target x", "target y", "way x", "way y", "distance", "task")
    action_names = ("up", "down", "left", "right")
    classic = False
    # Events per 3,600 ticks as (best of random and the four constant actions, oracle), world version v0, over
    # 200 lanes x 3,600 ticks: worlds.scores.measure_score_rates().
    score_events: ClassVar[dict[str, str]] = {"chase": "catches", "avoid": "touches"}
    score_rates: ClassVar[dict[str, tuple[float, float]]] = {"chase": (8.055, 106.275), "avoid": (28.635, 0.0)}

    def __init__(
        self,
        task: str = "chase",
        shaping: float = 0.5,
        teacher_every: int = 1,
        render_mode: str | None = None,
        render_size: int = 480,
    ) -> None:
        self.lanes = Lanes(1, self.classic, task, shaping, teacher_every)
        self.observation_space = cast("spaces.Space[Observation]", observation_space(self.classic))
        self.action_space = cast("spaces.Space[np.int64]", spaces.Discrete(4))
        self.render_mode = render_mode
        self._painter = Painter(render_size, self.classic) if render_mode else None
        self._window = Window(self.metadata["render_fps"]) if render_mode == "human" else None

    def shadows(self, count: int) -> Shadows:
        """So many lanes with the same options that follow this world's task."""
        options = self.lanes.state[0, [TASK, SHAPING]]
        return Shadows(Lanes(count, self.classic, TASKS[int(options[0])], options[1], 0), self.lanes)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Start a new episode of the task in force (the constructor's, or the last one that was switched to)."""
        super().reset(seed=seed)
        self.lanes.begin(0, self.np_random)
        if self._painter:
            self._painter.clear()
            self._show()
        return self._seen()

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """One tick. Returns the observation, reward, False, False and info of the tables above."""
        chosen = operator.index(action)
        if not 0 <= chosen < 4:
            raise ValueError(f"action: {action} is not one of 0 (up), 1 (down), 2 (left), 3 (right)")
        if self._np_random is None:
            raise gymnasium.error.ResetNeeded("call env.reset() before env.step()")
        self.lanes.tick(chosen)
        observation, info = self._seen()
        if self._painter:
            happened = self.lanes.told[0, [CATCHES, TOUCHES], 0].any()
            self._painter.note(self.lanes.state[0], bool(happened), chosen)
            self._show()
        return observation, self.lanes.reward.item(), False, False, info

    def observe(self) -> tuple[Observation, Info]:
        """The present observation and info, with no events: what to look at after switch_task or drag_target."""
        self.lanes.sense()
        return self._seen()

    def _seen(self) -> tuple[Observation, Info]:
        told = self.lanes.told[0, :, 0].tolist()
        info: Info = {"task": told[TASK_SHOWN], "teacher_action": told[TEACHER_ACTION]}
        if not self.classic:
            info["events"] = {"catches": told[CATCHES], "touches": told[TOUCHES]}
        return self.lanes.observation[0, 0].copy(), info

    @property
    def kernels(self) -> tuple[str, ...]:
        """The names of the kernels that it needs."""
        return self.lanes.kernels

    @property
    def task(self) -> int:
        """The task in force: 0 chase, 1 avoid."""
        return int(self.lanes.state[0, TASK])

    def switch_task(self, task: int) -> None:
        """Change the task; the next observation shows it, and it stays in force through resets.

        Everyone stays where they are; the hunter's patience and the wanderer's turning start afresh.
        """
        self.lanes.switch_task(task)

    def drag_target(self, x: float, y: float) -> None:
        """Put the target at (x, y), in world widths; any catch or touch comes with the next tick."""
        self.lanes.drag_target(x, y)

    def sample_states(self, count: int, task: int, rng: np.random.Generator) -> tuple[Observation, NDArray[np.int64]]:
        """Uniformly random states of one task for probes: observations (count, 8), the oracle's actions (count,)."""
        return self.lanes.sample_states(count, task, rng)

    oracle = staticmethod(oracle)

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on: world, its random stream, the generator that seeds later episodes."""
        return self.lanes.get_state([self.np_random])

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Inverse of get_state. Raises ValueError, naming the entry, where one does not fit."""
        (self.np_random,) = self.lanes.set_state(state)
        if self._painter:
            self._painter.clear()

    @property
    def _present(self) -> NDArray[np.float64]:
        return self.lanes.state[0]


class ChaseAvoidVector(LanesVector[Lanes]):
    """Many lanes of ChaseAvoid in one call, see LanesVector. Options are those of ChaseAvoid."""

    tasks = TASKS
    observation_names = ("agent x", "agent y", "target x", "target y", "way x", "way y", "distance", "task")
    action_names = ("up", "down", "left", "right")
    classic = False

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "chase",
        shaping: float = 0.5,
        teacher_every: int = 1,
        max_episode_steps: int | None = None,
    ) -> None:
        lanes = Lanes(num_envs, self.classic, task, shaping, teacher_every)
        super().__init__(lanes, observation_space(self.classic), spaces.Discrete(4), max_episode_steps)

    def _rewards(self) -> NDArray[np.float64]:
        return self.lanes.reward[0].astype(np.float64)

    def _seen(self) -> tuple[Observation, Info]:
        told, everyone = self.lanes.told[0].copy(), self._everyone
        info: Info = {
            "task": told[TASK_SHOWN],
            "_task": everyone,
            "teacher_action": told[TEACHER_ACTION],
            "_teacher_action": everyone,
        }
        if not self.classic:
            info["events"] = {
                "catches": told[CATCHES],
                "_catches": everyone,
                "touches": told[TOUCHES],
                "_touches": everyone,
            }
            info["_events"] = everyone
        return self.lanes.observation[0].copy(), info

    def switch_task(self, task: int) -> None:
        """ChaseAvoid.switch_task in every lane."""
        self.lanes.switch_task(task)

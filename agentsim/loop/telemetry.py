"""What ticks add up to: a row per simulated second, sums per phase, and a bounded history for the window.

Rows are cut exactly at a task switch, so that none mixes two tasks. Nothing here knows wall time: the same run gives
the same rows.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from pydantic.dataclasses import dataclass

from agentsim.loop.metrics import AgentMetrics, Metrics
from brains.brain import NO_LABEL, Experience, Learning

if TYPE_CHECKING:
    from agentsim.loop.environment import Environment

SCORE_TICKS = 3_600  # score rates are events per this many ticks
SCORE_SECONDS = 10  # a score says something over this long
_HISTORY = 7_200  # rows kept; beyond that every second one goes


@dataclass(config=ConfigDict(extra="forbid"), slots=True)
class Sums:
    """Totals over a stretch of ticks."""

    ticks: NonNegativeInt = 0
    labelled: NonNegativeInt = 0  # ticks on which the teacher named the right action
    correct: NonNegativeInt = 0  # of those, the ones on which the brain took it
    reward: float = 0.0
    loss: float = 0.0  # summed over `learned` ticks
    learned: NonNegativeInt = 0
    learning_steps: NonNegativeInt = 0
    rollbacks: NonNegativeInt = 0
    extra: dict[str, float] = field(default_factory=dict)  # what else the brain says of its learning, summed,
    said: dict[str, NonNegativeInt] = field(default_factory=dict)  # and on how many ticks
    events: dict[str, int] = field(default_factory=dict)
    returns: list[float] = field(default_factory=list)  # of the episodes that ended; kept in rows only
    agents: dict[str, Sums] = field(default_factory=dict)  # of several agents, each one's own

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled ticks on which the action was the teacher's."""
        return self.correct / self.labelled if self.labelled else None

    @property
    def mean_loss(self) -> float | None:
        """Mean loss of the ticks that learned; None if there was none."""
        return self.loss / self.learned if self.learned else None

    def add(self, other: Sums) -> None:
        """Add another stretch, without its returns."""
        self.ticks += other.ticks
        self.labelled += other.labelled
        self.correct += other.correct
        self.reward += other.reward
        self.loss += other.loss
        self.learned += other.learned
        self.learning_steps += other.learning_steps
        self.rollbacks += other.rollbacks
        for name, value in other.extra.items():
            self.extra[name] = self.extra.get(name, 0.0) + value
        _add_counts(self.said, other.said)
        _add_counts(self.events, other.events)
        for name, sums in other.agents.items():
            self.agents.setdefault(name, Sums()).add(sums)

    def count_labels(self, labels: list[Any], actions: list[Any]) -> None:
        """Of some lanes: how many the teacher named an action of, and how many of those took it."""
        for label, action in zip(labels, actions, strict=True):
            if type(label) is int and label != NO_LABEL:  # continuous actions are not right or wrong
                self.labelled += 1
                self.correct += action == label


def _add_counts(counts: dict[str, int], more: dict[str, Any]) -> None:
    for name, count in more.items():  # other people's worlds count with NumPy's integers
        counts[name] = counts.get(name, 0) + int(count)


class Phase(BaseModel):
    """A stretch of ticks on one task, from `start` on; `recent` are its last 10 rows."""

    model_config = ConfigDict(extra="forbid")

    start: NonNegativeInt
    task: int
    sums: Sums = Field(default_factory=Sums)
    recent: list[Sums] = []


class Totals(BaseModel):
    """The part of telemetry that a checkpoint keeps."""

    model_config = ConfigDict(extra="forbid")

    second: Sums = Field(default_factory=Sums)
    phases: list[Phase] = Field(min_length=1)
    episodes: NonNegativeInt = 0
    last_returns: list[float] = []  # of the last 20 episodes


class Telemetry:
    """Collects ticks into rows and phases.

    `rows`: the rows so far, thinned where they are many; `returns`: [(tick, episode return)], thinned too; `switches`:
    [(tick, task)].
    """

    def __init__(
        self,
        ticks_per_second: int,
        tasks: tuple[str, ...] = (),
        task: int = -1,
        score_rates: dict[str, tuple[float, float]] | None = None,
        score_events: dict[str, str] | None = None,
        agents: tuple[str, ...] = (),
    ) -> None:
        self.ticks_per_second = max(1, ticks_per_second)
        self.tasks, self._names = tasks, agents
        self._score_rates, self._score_events = score_rates or {}, score_events or {}
        self.totals = Totals(phases=[Phase(start=0, task=task)])
        self.rows: list[Metrics] = []
        self.returns: list[tuple[int, float]] = []
        self.switches: list[tuple[int, int]] = []

    @classmethod
    def of(cls, environment: Environment, tick_hz: float) -> Telemetry:
        """That of a world, with a row a simulated second."""
        world = environment.world
        names, task = environment.agents, environment.task
        return cls(round(tick_hz), environment.tasks, task, world.score_rates, world.score_events, names)

    def begin_phase(self, tick: int, task: int) -> Metrics | None:
        """From this tick on it is another task (or the same one again). Returns the row that this cuts short."""
        row = self._close_second(tick) if self.totals.second.ticks else None
        if self.totals.phases[-1].sums.ticks == 0:
            self.totals.phases.pop()
        else:
            self.switches.append((tick, task))
        self.totals.phases.append(Phase(start=tick, task=task))
        return row

    def add(
        self,
        tick: int,
        experience: Experience,
        learning: Learning,
        events: dict[str, int],
        finished_return: float | None,
        agent_events: dict[str, NDArray[np.int64]] | None = None,
    ) -> Metrics | None:
        """One tick, `tick` being the number of ticks done with it. Returns the row if a second is full.

        Accuracy is over the labels of all agents, the reward their mean.
        """
        second = self.totals.second
        second.ticks += 1
        if experience.teacher_action is not None:
            second.count_labels(experience.teacher_action.tolist(), experience.action.tolist())
        if self._names:
            second.reward += float(experience.reward.mean())
            self._add_agents(experience, agent_events or {})
        else:
            second.reward += experience.reward.item()
        if learning.updates and math.isfinite(learning.loss):
            second.learned += 1
            second.loss += float(learning.loss)
            if learning.extra:
                for name, value in learning.extra.items():
                    second.extra[name] = second.extra.get(name, 0.0) + float(value)
                _add_counts(second.said, dict.fromkeys(learning.extra, 1))
        second.learning_steps += int(learning.updates)  # other people's brains and worlds count with NumPy's integers
        second.rollbacks += int(learning.rollbacks)
        _add_counts(second.events, events)
        if finished_return is not None:
            second.returns.append(finished_return)
            self.returns.append((tick, finished_return))
            self.totals.episodes += 1
            self.totals.last_returns = [*self.totals.last_returns, finished_return][-20:]
        return self._close_second(tick) if second.ticks >= self.ticks_per_second else None

    def _add_agents(self, experience: Experience, events: dict[str, NDArray[np.int64]]) -> None:
        """Each of several agents' share of a tick."""
        teacher, agents = experience.teacher_action, self.totals.second.agents
        for lane, name in enumerate(self._names):
            own = agents.setdefault(name, Sums())
            own.ticks += 1
            if teacher is not None:
                own.count_labels(teacher[lane : lane + 1].tolist(), experience.action[lane : lane + 1].tolist())
            own.reward += experience.reward.item(lane)
            _add_counts(own.events, {event: count[lane] for event, count in events.items()})

    def _close_second(self, tick: int) -> Metrics:
        """Move the present second into its phase, and make its row."""
        second, phase = self.totals.second, self.totals.phases[-1]
        self.totals.second = Sums()
        phase.sums.add(second)
        phase.recent = [*phase.recent, second][-SCORE_SECONDS:]
        row = Metrics(
            tick=tick,
            ticks=second.ticks,
            task=self.task_name(phase.task),
            accuracy=second.accuracy,
            score=self.recent_score(phase),
            reward=second.reward,
            loss=second.mean_loss,
            events=second.events,
            learning_steps=second.learning_steps,
            rollbacks=second.rollbacks,
            returns=second.returns,
            extra={n: value / second.said[n] for n, value in second.extra.items() if math.isfinite(value)},
            agents=self.agent_metrics(second, self._recent(phase)),
        )
        self.remember(row)
        return row

    def remember(self, row: Metrics) -> None:
        """Add to the rows."""
        self.rows.append(row)
        for history in (self.rows, self.returns):
            if len(history) > _HISTORY:
                del history[::2]

    def task_name(self, task: int) -> str | None:
        """The task's name; None where the world has no tasks."""
        return self.tasks[task] if 0 <= task < len(self.tasks) else None

    def score_of(self, task: int, sums: Sums) -> float | None:
        """Where the rate of the task's event lies between the baseline (0) and the oracle (1), not clipped."""
        return self._score(self.task_name(task), sums)

    def _score(self, name: str | None, sums: Sums) -> float | None:
        if name not in self._score_rates or name not in self._score_events or not sums.ticks:
            return None
        baseline, oracle = self._score_rates[name]
        rate = sums.events.get(self._score_events[name], 0) * SCORE_TICKS / sums.ticks
        return (rate - baseline) / (oracle - baseline)

    def recent_score(self, phase: Phase) -> float | None:
        """The score of a phase's last 10 seconds (of all of it, if it is shorter)."""
        return self.score_of(phase.task, self._recent(phase))

    def _recent(self, phase: Phase) -> Sums:
        recent = Sums()
        for second in phase.recent:
            recent.add(second)
        return recent

    def agent_metrics(self, sums: Sums, scored: Sums) -> dict[str, AgentMetrics]:
        """Of several agents, how each did in a stretch of ticks; the score is that of another one, `scored`."""
        return {
            name: AgentMetrics(
                accuracy=own.accuracy,
                score=self._score(name, scored.agents[name]),
                reward=own.reward,
                events=own.events,
            )
            for name, own in sums.agents.items()
        }

    def overall_agents(self) -> dict[str, dict[str, Any]]:
        """How each of several agents did since the first tick; `score_last_10s` is the end of the last phase."""
        overall, recent = self.overall(), self._recent(self.totals.phases[-1])
        found = {name: own.model_dump() for name, own in self.agent_metrics(overall, overall).items()}
        for name, own in recent.agents.items():
            found[name]["score_last_10s"] = self._score(name, own)
        return found

    def current(self) -> list[Phase]:
        """The phases so far, the unfinished second included in the last one."""
        *past, last = self.totals.phases
        now = last.model_copy(deep=True)
        now.sums.add(self.totals.second)
        return [*past, now]

    def overall(self) -> Sums:
        """Totals since the first tick."""
        everything = Sums()
        for phase in self.current():
            everything.add(phase.sums)
        return everything

    def state(self) -> dict[str, Any]:
        """The totals as JSON data, for a checkpoint."""
        return self.totals.model_dump(mode="json")

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`. Raises pydantic.ValidationError."""
        self.totals = Totals.model_validate(state)
        self.switches = [(phase.start, phase.task) for phase in self.totals.phases[1:]]

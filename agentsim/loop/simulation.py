"""Simulation: a world, a brain and a clock, and the loop in which they tick together.

What a run computes is a function of its config, its seed, the stamped commands and, with slack learning, the number of
learning steps of each tick; the clock only decides when.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.config.load import Config
from agentsim.config.sections import first_problem
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from agentsim.loop.building import build_brain, build_team, checked_brain, resolved, timetable
from agentsim.loop.clock import ACT, LEARN, SECOND, SENSE, WORLD, Clock
from agentsim.loop.commands import Command, ResetWorld, SetLearning, StampedCommand, SwapBrain, SwitchTask
from agentsim.loop.environment import Environment
from agentsim.loop.probe import probe_simulation
from agentsim.loop.telemetry import Telemetry
from agentsim.runs import figures
from agentsim.runs.checkpoint import CHECKPOINT, BackgroundWriter, Header, read_checkpoint, write_checkpoint
from agentsim.runs.directory import ERROR, RESULT, Recorder
from agentsim.system.hashing import rolling_hash
from agentsim.system.process import CollectInSlack, end_on_signals, one_compute_thread
from brains.brain import Brain, Experience, Learning, State
from brains.team import Team

STREAMS = ("world", "brain", "probe")  # one random stream each; new names go at the end

_FAILURES = (Exception, SystemExit)  # whatever other people's code raises: it must not end the process
_CULPRITS = ("a command", "the brain's act()", "the world's step()", "the brain's learning", "recording")  # by phase


class Simulation:
    """A world and a brain on one clock.

    `tick_index`: ticks done. `learning`: whether the brain learns. `last`, `last_action`: what the last tick was like.
    `paused`: whether `run` holds still. `error`: what stopped the run, if a brain or a world failed. `problem`: why it
    is no longer recorded, if so. `notice`: why a command had no effect. `interrupted`: the signal that ended `run`.
    `present`: the config with the brain, or brains, that live now.
    `whole`: whether the state is that of a whole number of ticks, which it is not if a tick was cut off.
    """

    def __init__(self, config: Config, *, run_directory: Path | None = None, clock: Clock | None = None) -> None:
        """Build everything; with a `run_directory` the run is recorded there. Raises UserError."""
        self.config = config = resolved(config)
        self.streams = dict(zip(STREAMS, np.random.SeedSequence(config.run.seed).spawn(len(STREAMS)), strict=True))
        self.environment = Environment(config.world, self.streams["world"])
        self.present, self._swaps = config, 0
        self.brain = self._new_brain(config)
        self.clock = clock or Clock(config.clock)
        if config.learn.slack and self.clock.pacing == "none":
            raise UserError("learn.slack: flat out (clock.pacing: none) there is no slack; use learn.steps_per_tick")
        world = self.environment.world
        self.telemetry = Telemetry(
            round(config.clock.tick_hz),
            self.environment.tasks,
            self.environment.task,
            world.score_rates,
            world.score_events,
            self.environment.agents,
        )
        self.tick_index, self.end_tick = 0, self._ticks(config.run.seconds)
        self.learning = config.learn.slack or config.learn.steps_per_tick > 0
        self.last: Experience | None = None
        self.last_action: NDArray[Any] | None = None
        self.error: UserError | None = None
        self.notice = self.environment.notice
        self.interrupted: int | None = None
        self.warm_up_seconds: float | None = None
        self.frames: dict[str, int] | None = None  # {"drawn", "shed"}, kept by a window
        self.commands_due: dict[int, list[Command]] = {}  # recorded ones, by tick
        self.slack_counts: dict[int, int] = {}  # of a replay: learning steps, by tick
        self.expected: dict[int, str] = {}  # of a replay: rolling hash, by ticks done
        self.expected_end: str | None = None  # and after the last tick
        self.first_difference: int | None = None  # ticks done when a hash first was not as expected
        self._commands: deque[Command] = deque()
        self._task_starts = timetable(config, self.environment.tasks)
        self._checkpoint_ticks = max(1, self._ticks(config.run.checkpoint_every) or 1)
        self._rolling_hash = ""
        self._step_cost = 0  # ns, of a learning step
        self._stopping = self._paused = self._save_wanted = False
        self.whole = True
        self._single_steps = 0
        self._result: dict[str, Any] | None = None
        self.recorder: Recorder | None = None
        self._writer: BackgroundWriter | None = None
        if run_directory is not None:
            self.record_to(run_directory)
            self._save_beginning(run_directory)

    # --- the loop ------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """One tick: obey, sense, act, let the world move, learn, record. If it fails, `error` says why."""
        clock = self.clock
        clock.begin()
        self.whole = False
        try:
            self._obey()
            observation = self.environment.observation
            clock.mark(SENSE)
            action = self.environment.checked(self.brain.act(observation))
            clock.mark(ACT)
            experience = self.environment.step(action)
            clock.mark(WORLD)
            learning = self._learn(experience)
            if experience.terminated[0] or experience.truncated[0]:
                self.brain.reset(experience.terminated | experience.truncated)
            clock.mark(LEARN)
            self.tick_index += 1
            self.whole = True
            self.last, self.last_action = experience, action
            self._record(experience, learning)
            clock.end()
        except _FAILURES as error:
            self._fail(error, _CULPRITS[clock.phase])

    def run(self, ticks: int | None = None, on_tick: Callable[[Simulation], None] | None = None) -> None:
        """Tick at the clock's pace, for `ticks` more ticks, else to the end that the config sets, else for ever.

        Returns early after `stop`, SIGINT or SIGTERM (see `interrupted`), or when a tick failed (see `error`).
        `on_tick` is called after every tick, and every 10 ms while paused; what it does counts against the slack.
        """
        end = self.end_tick if ticks is None else self.tick_index + ticks
        self._stopping, self.interrupted = False, None
        with end_on_signals(self._interrupt):
            self.warm_up()
            self.clock.restart()
            with one_compute_thread(), CollectInSlack() as garbage:
                while not self._stopping and self.error is None and (end is None or self.tick_index < end):
                    if self._paused and not self._single_steps:
                        self._save_if_wanted()
                        self.clock.source.sleep(SECOND // 100)
                    elif self.clock.wait():
                        self._single_steps = max(0, self._single_steps - 1)
                        self.tick()
                    if on_tick is not None:
                        on_tick(self)
                    garbage.between_ticks(self.clock.slack(), self.clock.pacing != "none")
        if self.tick_index == self.end_tick and self.whole:
            self._compare(self.state_hash(), self.expected_end)

    def warm_up(self) -> None:
        """Compile everything that a tick would otherwise wait for, once; changes no state. See `error` if it fails."""
        if self.warm_up_seconds is not None or self.error is not None:
            return
        before = time.perf_counter()
        try:
            self.brain.warm_up()
            self.environment.warm_up()
        except _FAILURES as error:
            self._fail(error, "warming up")
        else:
            self.warm_up_seconds = time.perf_counter() - before

    def stop(self) -> None:
        """Make `run` return after the present tick. May be called from any thread."""
        self._stopping = True
        self.clock.wake()

    def _interrupt(self, number: int) -> None:
        self.interrupted = number
        self.stop()

    @property
    def paused(self) -> bool:
        """Whether `run` holds still; setting it takes effect before the next tick, from any thread."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused, self._single_steps = paused, 0
        self.clock.restart()
        self.clock.wake()

    def step(self, ticks: int = 1) -> None:
        """Let a paused run do some ticks."""
        self._single_steps += ticks
        self.clock.restart()

    def submit(self, command: Command) -> None:
        """Have a command take effect at the next tick. Raises UserError if this world or a brain cannot do it."""
        match command:
            case SwapBrain(config=config, whose=whose):
                checked_brain(config)
                self._check_name(whose)
            case SetLearning() | ResetWorld():
                pass
            case _:
                self.environment.check(command)
        self._commands.append(command)

    def _obey(self) -> None:
        """Apply what is due at this tick: the timetable, recorded commands, then new ones, which are recorded."""
        tick = self.tick_index
        if tick in self._task_starts:
            self._switch_task(self._task_starts[tick])
        for command in self.commands_due.get(tick, ()):
            self._apply(command)
        while self._commands:
            command = self._commands.popleft()
            if self.recorder is not None:
                self.recorder.command(StampedCommand(tick=tick, command=command))
            self._apply(command)

    def _apply(self, command: Command) -> None:
        match command:
            case SwitchTask(task=task):
                self._switch_task(task)
            case SwapBrain():
                self._swap_brain(command)
            case SetLearning(on=on):
                self.learning = on
            case ResetWorld():
                self.environment.reset()
                self.brain.reset(np.ones(self.environment.body.lanes, np.bool_))
            case _:
                self.environment.apply(command)

    def _swap_brain(self, swap: SwapBrain) -> None:
        self._swaps += 1
        update: dict[str, Any] = {"brain": swap.config, "brain_name": swap.name}
        try:
            self._check_name(swap.whose)
            if swap.whose is not None:
                member = self.present.brains[swap.whose].model_copy(update=update)
                update = {"brains": {**self.present.brains, swap.whose: member}}
            else:
                update["brains"] = {}
            present = self.present.model_copy(update=update)
            brain = self._new_brain(present)
        except UserError as error:
            self.notice = f"{self.brain_name} stays: {error}"
            return
        brain.warm_up()
        if swap.whose is not None and isinstance(brain, Team) and isinstance(self.brain, Team):
            brain.members |= {name: member for name, member in self.brain.members.items() if name != swap.whose}
        self.brain = brain
        self.present = present
        self.clock.restart()

    def _check_name(self, whose: str | None) -> None:
        """Raises UserError if none of several brains is called so."""
        known = self.present.brains
        if whose is not None and whose not in known:
            raise UserError(f"there is no brain called {whose!r} here, {suggest(whose, known, 'brains')}")

    @property
    def brain_name(self) -> str:
        """What to call the brain that lives now, or the several ones."""
        return self.present.name_of_brain

    def _switch_task(self, task: int) -> None:
        if task != self.environment.task:
            self.environment.apply(SwitchTask(task=task))
        self._metrics(self.telemetry.begin_phase(self.tick_index, task))

    def _learn(self, experience: Experience) -> Learning:
        """The tick's learning steps: the first on the experience, then rehearsals; as many as planned or as fit."""
        planned = self._planned_steps()
        if not self.learning or planned == 0:
            self._count_steps(0)
            return Learning()
        learning, steps = self.brain.learn(experience), 1
        updates, rollbacks = learning.updates, learning.rollbacks
        while steps < planned if planned is not None else self._fits_another_step():
            before = self.clock.source.now()
            more = self.brain.rehearse()
            self._step_cost = max(self.clock.source.now() - before, self._step_cost * 15 // 16)
            steps += 1
            updates += more.updates
            rollbacks += more.rollbacks
            if not more.updates:
                break
        self._count_steps(steps)
        return Learning(learning.loss, updates, rollbacks, learning.extra)

    def _planned_steps(self) -> int | None:
        """Learning steps of this tick; None: as many as the slack holds."""
        if not self.config.learn.slack:
            return self.config.learn.steps_per_tick
        return self.slack_counts.get(self.tick_index)

    def _fits_another_step(self) -> bool:
        margin = int(self.clock.period * self.config.learn.slack_margin)
        return self.clock.slack() > margin + 2 * self._step_cost

    def _count_steps(self, steps: int) -> None:
        if self.config.learn.slack and self.recorder is not None:
            self.recorder.slack(self.tick_index, steps)

    def _record(self, experience: Experience, learning: Learning) -> None:
        environment, tick = self.environment, self.tick_index
        self._metrics(
            self.telemetry.add(
                tick,
                experience,
                learning,
                environment.events,
                environment.finished_return,
                environment.agent_events,
            )
        )
        if tick % self.config.run.hash_every == 0:
            self._rolling_hash = self.state_hash()
            if self.recorder is not None:
                self.recorder.hash(tick, self._rolling_hash)
            self._compare(self._rolling_hash, self.expected.get(tick))
        if tick % self._checkpoint_ticks == 0:
            self._save_wanted = True
        self._save_if_wanted()

    def _new_brain(self, config: Config) -> Brain:
        stream = self.streams["brain"]
        seed = np.random.SeedSequence(stream.entropy, spawn_key=(*stream.spawn_key, self._swaps))
        environment = self.environment
        if config.brains:
            return build_team(config.brains, environment.agents, environment.body, seed)
        return build_brain(config.brain, environment.body, seed)

    def _ticks(self, seconds: float | None) -> int | None:
        return None if seconds is None else round(seconds * self.config.clock.tick_hz)

    def _metrics(self, row: dict[str, Any] | None) -> None:
        if row is not None and self.recorder is not None:
            self.recorder.metrics(row)

    # --- state ---------------------------------------------------------------------------------------------------

    def state_hash(self) -> str:
        """The rolling hash with the present state added. It says nothing of a state that is not `whole`."""
        return rolling_hash(
            self._rolling_hash, self.tick_index, self.environment.fingerprint(), self.brain.state_dict()
        )

    def save(self) -> None:
        """Have a checkpoint written after the present tick, in the background. May be called from any thread."""
        self._save_wanted = True

    def _save_if_wanted(self) -> None:
        if self._save_wanted and self._writer is not None and self.whole:
            if self.recorder is not None:
                self.recorder.flush_slack()
            self._writer.save(*self.snapshot())
        self._save_wanted = False

    def snapshot(self) -> tuple[Header, State]:
        """The present state as what a checkpoint holds; later ticks do not change it."""
        header = Header(
            tick=self.tick_index,
            hash=self._rolling_hash,
            config=config_digest(self.config),
            learning=self.learning,
            brain_name=self.brain_name,
            brain=self.present.brain,
            brains=self.present.brains,
            swaps=self._swaps,
            telemetry=self.telemetry.state(),
        )
        world = {f"environment/{name}": array for name, array in self.environment.state().items()}
        return header, world | {f"brain/{name}": array for name, array in self.brain.state_dict().items()}

    def restore(self, path: Path) -> None:
        """Go to the state of a checkpoint. Raises UserError naming the file and what does not fit."""
        header, arrays = read_checkpoint(path)
        if header.config != config_digest(self.config):
            raise UserError(f"{path}: does not belong to the config beside it, which has been changed")
        try:
            brains = {"brain_name": header.brain_name, "brain": header.brain, "brains": header.brains}
            self._swaps, self.present = header.swaps, self.present.model_copy(update=brains)
            self.brain = self._new_brain(self.present)
            self.telemetry.load_state(header.telemetry)
            self.environment.load_state(_part(arrays, "environment/"))
            self.brain.load_state_dict(_part(arrays, "brain/"))
        except (ValueError, TypeError, KeyError, UserError) as error:
            raise UserError(f"{path}: {first_problem(error)}") from error
        self.tick_index, self._rolling_hash, self.learning = header.tick, header.hash, header.learning

    def _compare(self, value: str, expected: str | None) -> None:
        if expected is not None and value != expected and self.first_difference is None:
            self.first_difference = self.tick_index

    # --- ends ----------------------------------------------------------------------------------------------------

    def close(self) -> dict[str, Any]:
        """Save, let go of everything and return the figures of the run, which are also in result.json."""
        if self._result is not None:
            return self._result
        if self._writer is not None:  # before anything else can go wrong
            self.save()
            self._save_if_wanted()
            self._writer.wait()
        result = figures.result(self, self._last_probe())
        if self._writer is not None and self.recorder is not None:
            self._writer.close()
            self.recorder.write_json(RESULT, result)
            self.recorder.close()
            self._writer = None
        self.environment.close()
        directory = None if self.recorder is None else str(self.recorder.directory)
        self._result = result | {"run_directory": directory, "problem": self.problem}
        return self._result

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def problem(self) -> str | None:
        """Why the run is no longer recorded, if so."""
        return self.recorder.problem if self.recorder else None

    def record_to(self, directory: Path, *, going_on: bool = False) -> None:
        """Record from here on; `going_on`: over what the directory holds from this tick on. Raises UserError."""
        self.recorder = Recorder(directory, self.config, self.tick_index if going_on else None)
        self._writer = BackgroundWriter(directory / CHECKPOINT, self.recorder.fail)

    def _save_beginning(self, directory: Path) -> None:
        """The checkpoint of tick 0. Raises UserError, with nothing left in the directory, if it cannot be written."""
        try:
            write_checkpoint(directory / CHECKPOINT, *self.snapshot())
        except Exception as error:
            if self.recorder is not None:
                self.recorder.discard()
            if isinstance(error, OSError):
                raise UserError(f"{directory}: cannot be written: {error.strerror}; give another --out") from error
            raise

    def _last_probe(self) -> dict[str, float] | None:
        """What the brain knows in the end. If asking fails, `error` says so, and the rest of the figures stand."""
        if self.error is not None:
            return None
        try:
            return probe_simulation(self) or None
        except _FAILURES as error:
            self._report(error, "the probe")
            return None

    def _fail(self, error: BaseException, culprit: str) -> None:
        """Stop here: say what happened and where, and bring the last good tick to disk."""
        from agentsim.runs.resuming import save_last_good_tick

        self.whole = False
        self._report(error, culprit)
        if self.recorder is None or self._writer is None:
            return
        self.recorder.flush_slack()
        self._writer.wait()
        try:
            saved = f"saved up to tick {save_last_good_tick(self.recorder.directory, self.tick_index)}"
        except _FAILURES as problem:
            saved = f"not saved: {problem}"
        self.error = UserError(f"{self.error}; {saved}")

    def _report(self, error: BaseException, culprit: str) -> None:
        """Set `error` to what happened and where, and put the traceback beside the recording."""
        what = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        message = f"tick {self.tick_index}: {culprit} failed ({self.config.world.id}, {self.brain_name}): {what}"
        if self.recorder is not None:
            self.recorder.write_text(ERROR, message + "\n\n" + "".join(traceback.format_exception(error)))
            message += f"\n{self.recorder.directory / ERROR} has the details"
        self.error = UserError(message)


def config_digest(config: Config) -> str:
    """A digest of everything in a config that decides what a run computes; not of pace, length and what is kept."""
    data = config.model_copy(update={"brain_name": ""}).model_dump_json(
        exclude={
            "clock": {"pacing", "overrun", "max_catch_up", "speed"},
            "run": {"seconds", "checkpoint_every", "probe_states", "tensorboard"},
        }
    )
    return hashlib.blake2b(data.encode(), digest_size=16).hexdigest()


def _part(arrays: State, prefix: str) -> State:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

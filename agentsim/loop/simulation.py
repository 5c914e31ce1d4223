"""Simulation: a world, a brain and a clock, and the loop in which they tick together.

What a run computes is a function of its config, its seed, the stamped commands and, with slack learning, the number of
learning steps of each tick; the clock only decides when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agentsim.compiled import abort, pool
from agentsim.config.load import Config
from agentsim.config.validation import first_problem
from agentsim.errors import FAILURES, UserError, said
from agentsim.loop import figures
from agentsim.loop.building import kernels_of, streams_of, timetable
from agentsim.loop.clock import Clock
from agentsim.loop.commands import Command, Script
from agentsim.loop.environment import Environment
from agentsim.loop.learning import LearningSteps
from agentsim.loop.listener import Listener
from agentsim.loop.orders import Orders
from agentsim.loop.probe import probe_simulation
from agentsim.loop.resident import Resident
from agentsim.loop.snapshot import Snapshot, part
from agentsim.loop.telemetry import Telemetry
from agentsim.loop.timings import ACT, LEARN, SECOND, SENSE, WORLD
from agentsim.system.hashing import rolling_hash
from agentsim.system.process import CollectInSlack, end_on_signals, one_compute_thread
from brains.brain import Brain, Experience, Learning, State, figures_of

_CULPRITS = ("a command", "the brain's act()", "the world's step()", "the brain's learning", "recording")  # by phase


class Simulation:
    """A world and a brain on one clock. What happens is told to those who `listen`; nobody else sets what is in here.

    `tick_index`: ticks done. `end_tick`: at how many the run ends, if it does. `last`: what the last tick was like.
    `orders`: what it has been told. `paused`: whether `run` holds still. `error`: what stopped the run, if a brain
    or a world failed. `interrupted`: the signal that ended `run`. `whole`: whether the state is that of a whole
    number of ticks, which it is not if a tick was cut off.
    """

    def __init__(
        self, config: Config, *, clock: Clock | None = None, script: Script | None = None, drawn: bool = True
    ) -> None:
        """Build everything; with a `script` another run is done again; `drawn`: see Environment. Raises UserError."""
        self.config = config
        self.streams = streams_of(config.run.seed)
        self.environment = environment = Environment(config.world, self.streams["world"], drawn=drawn)
        self.resident = Resident(config, environment, self.streams["brain"])
        self.clock = clock or Clock(config.clock)
        script = script or Script()
        self.listeners: list[Listener] = []
        self.learning_steps = LearningSteps(config.learn, self.clock, script.learning_steps, self.listeners)
        self.telemetry = Telemetry.of(environment, config.clock.tick_hz)
        seconds = config.run.seconds
        self.tick_index, self.end_tick = 0, None if seconds is None else round(seconds * config.clock.tick_hz)
        self.last: Experience | None = None
        self.paused, self.whole = False, True
        self.error: UserError | None = None
        self.interrupted: int | None = None
        self.warm_up_seconds: float | None = None
        self.orders = Orders(timetable(config, environment.tasks), script)
        self._rolling_hash, self._hash_every = "", config.run.hash_every
        self._single_steps, self._stopping, self._save_wanted = 0, False, False
        self._figures: dict[str, Any] | None = None

    def tick(self) -> None:
        """One tick: obey, sense, act, let the world move, learn, record. If it fails, `error` says why."""
        self.whole, clock, environment = False, self.clock, self.environment
        clock.begin()
        try:
            self.orders.obey(self)
            brain, observation = self.resident.brain, environment.observation
            clock.mark(SENSE)
            action = environment.checked(brain.act(observation))
            clock.mark(ACT)
            experience = environment.step(action)
            clock.mark(WORLD)
            learning = self.learning_steps.make(self.tick_index, brain, experience)
            if environment.finished_return is not None:  # in this step
                brain.reset(experience.terminated | experience.truncated)
            clock.mark(LEARN)
            self.tick_index += 1
            if self.tick_index % self._hash_every == 0:
                self._rolling_hash = self.state_hash()
            self.whole = True
            self.last = experience
            self._record(experience, learning)
            clock.end()
        except FAILURES as error:
            self._fail(error, _CULPRITS[clock.phase])

    def run(self, ticks: int | None = None, on_tick: Callable[[Simulation], None] | None = None) -> None:
        """Tick at the clock's pace, for `ticks` more ticks, else to the end that the config sets, else for ever.

        Returns early after `stop`, SIGINT, SIGTERM or SIGHUP (see `interrupted`), or when a tick failed (see `error`);
        after a second signal in the middle of a tick, whose state then is not `whole`.
        `on_tick` is called after every tick, and every 10 ms while paused; what it does counts against the slack.
        """
        end = self.end_tick if ticks is None else self.tick_index + ticks
        self._stopping, self.interrupted = False, None
        with end_on_signals(self._interrupt, abort.request):
            self.warm_up()
            for listener in self.listeners:
                listener.begins()
            self.clock.restart()
            with one_compute_thread(), CollectInSlack() as garbage:
                while not self._stopping and self.error is None and (end is None or self.tick_index < end):
                    if self.paused and not self._single_steps:
                        self._save_if_wanted()
                        self.clock.source.sleep(SECOND // 100)
                    elif self.clock.wait():
                        self._single_steps = max(0, self._single_steps - 1)
                        self.tick()
                    if on_tick is not None:
                        on_tick(self)
                    garbage.between_ticks(self.clock.slack(), self.clock.pacing != "none")

    def warm_up(self) -> None:
        """Compile everything that a tick would otherwise wait for, once; changes no state. See `error` if it fails.

        After `stop` it returns early, with `warm_up_seconds` None.
        """
        if self.warm_up_seconds is not None or self.error is not None:
            return
        before = time.perf_counter()
        try:
            self.compile(kernels_of(self.brain))
            self.brain.warm_up()
            self.environment.warm_up()
        except FAILURES as error:
            self.whole = False
            self._fail(error, "warming up")
        except KeyboardInterrupt:
            if not self._stopping:
                raise
        else:
            self.warm_up_seconds = time.perf_counter() - before

    def compile(self, kernels: Sequence[str]) -> None:
        """Have the kernels compiled that are not yet (see `compiled.waiting`). KeyboardInterrupt: `stop` was called."""
        pool.prepare(kernels, lambda: not self._stopping)

    def _record(self, experience: Experience, learning: Learning) -> None:
        """Everything that is kept of a tick."""
        tick, world = self.tick_index, self.environment
        row = self.telemetry.add(tick, experience, learning, world.events, world.finished_return, world.agent_events)
        if row is not None:
            row.extra.update(figures_of(self.brain))
            for listener in self.listeners:
                listener.metrics(row)
        for listener in self.listeners:
            if tick % self._hash_every == 0:
                listener.hashed(tick, self._rolling_hash)
            listener.ticked(self)
        self._save_if_wanted()

    def listen(self, listener: Listener) -> None:
        """Tell this listener, too, what happens from now on; at once, what a person should know about the world."""
        self.listeners.append(listener)
        if self.environment.notice is not None:
            listener.notice(self.environment.notice)

    def end_at(self, tick: int) -> None:
        """Let the run end after so many ticks, counted from its beginning."""
        self.end_tick = tick

    def stop(self) -> None:
        """Make `run` return after the present tick. May be called from any thread."""
        self._stopping = True
        self.clock.wake()

    def _interrupt(self, number: int) -> None:
        self.interrupted = number
        self.stop()

    def pause(self, paused: bool = True) -> None:
        """Make `run` hold still before the next tick, or go on. May be called from any thread."""
        self.paused, self._single_steps = paused, 0
        self.clock.restart()
        self.clock.wake()

    def step(self, ticks: int = 1) -> None:
        """Let a paused run do some ticks."""
        self._single_steps += ticks
        self.clock.restart()

    def save(self) -> None:
        """Have the state after the present tick kept, where somebody does. May be called from any thread."""
        self._save_wanted = True

    def _save_if_wanted(self) -> None:
        if self._save_wanted and self.whole:
            for listener in self.listeners:
                listener.save(self)
        self._save_wanted = False

    def submit(self, command: Command) -> None:
        """Have a command take effect at the next tick. Raises UserError if this world or a brain cannot do it."""
        self.orders.submit(self, command)

    @property
    def brain(self) -> Brain:
        """The brain that lives now, or a team of several."""
        return self.resident.brain

    @property
    def brain_name(self) -> str:
        """What to call it."""
        return self.resident.name

    @property
    def learning(self) -> bool:
        """Whether it learns."""
        return self.learning_steps.on

    def state_hash(self) -> str:
        """The rolling hash with the present state added. It says nothing of a state that is not `whole`."""
        fingerprint = getattr(self.brain, "fingerprint", self.brain.state_dict)  # a brain of any make
        return rolling_hash(self._rolling_hash, self.tick_index, self.environment.fingerprint(), fingerprint())

    def snapshot(self) -> tuple[Snapshot, State]:
        """The present state, to be restored; later ticks do not change it."""
        snapshot = Snapshot(
            tick=self.tick_index,
            hash=self._rolling_hash,
            learning=self.learning,
            telemetry=self.telemetry.state(),
            **self.resident.state(),
        )
        world = {f"environment/{name}": array for name, array in self.environment.state().items()}
        return snapshot, world | self.resident.arrays()

    def restore(self, snapshot: Snapshot, arrays: State) -> None:
        """Go to the state of a snapshot. Raises UserError saying what does not fit."""
        try:
            self.resident.restore(snapshot, arrays)
            self.telemetry.load_state(snapshot.telemetry)
            self.environment.load_state(part(arrays, "environment/"))
        except Exception as error:  # a world's or a brain's own code may raise anything
            raise UserError(first_problem(error)) from error
        self.tick_index, self._rolling_hash, self.learning_steps.on = snapshot.tick, snapshot.hash, snapshot.learning

    def close(self) -> dict[str, Any]:
        """Have everything kept, let go of it and return the figures of the run."""
        if self._figures is None:
            for listener in self.listeners:  # before anything else can go wrong
                listener.ending(self)
            self._figures = figures.result(self, self._last_probe())
            for listener in self.listeners:
                self._figures |= listener.figures()
            for listener in self.listeners:
                listener.ended(self._figures)
            if (wrong := self.environment.close()) is not None:  # all is kept by now
                self._fail(wrong, "the world's close()")
            self._figures |= {"run_directory": self.run_directory and str(self.run_directory), "problem": self.problem}
            self._figures["error"] = self.error and str(self.error)
        return self._figures

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def run_directory(self) -> Path | None:
        """Where the run is kept, if it is."""
        return next((listener.directory for listener in self.listeners if listener.directory), None)

    @property
    def problem(self) -> str | None:
        """Why the run is no longer recorded, if so."""
        return next((listener.problem for listener in self.listeners if listener.problem), None)

    def _last_probe(self) -> dict[str, float] | None:
        """What the brain knows in the end. If asking fails, `error` says so, and the rest of the figures stand."""
        if self.error is not None or not self.whole or self.warm_up_seconds is None:  # it would compile only now
            return None
        try:
            return probe_simulation(self) or None
        except FAILURES as error:
            self._fail(error, "the probe")
            return None

    def _fail(self, error: BaseException, culprit: str) -> None:
        """Set `error` to what happened and where."""
        what = str(error) if isinstance(error, UserError) else said(error)
        message = f"tick {self.tick_index}: {culprit} failed ({self.config.world.id}, {self.brain_name}): {what}"
        added = [listener.failed(self, message, error) for listener in self.listeners]
        self.error = UserError(message + "".join(added))

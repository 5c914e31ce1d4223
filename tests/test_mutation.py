"""Would anybody notice? One line of the loop is made wrong at a time, and the quick tests named beside it must fail.

    python -m pytest -m slow tests/test_mutation.py

Five minutes, in a copy of the tree. A mutant that nobody notices calls for a test; a line that has gone, for another
mutant in its place, which the quick test here asks for at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Mutant(NamedTuple):
    """`old`, a line of the agentsim/**/`file`.py that has it, becomes `new`; `tests`, by file name, are to notice."""

    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    Mutant(
        "building",
        'STREAMS = ("world", "brain", "probe")  # one random stream each; new names go at the end',
        'STREAMS = ("world", "probe", "brain")',
        "test_what_a_run_is",
    ),
    Mutant(
        "simulation",
        "learning = self.learning_steps.make(self.tick_index, brain, experience)",
        "brain.reset(experience.terminated); learning = self.learning_steps.make(self.tick_index, brain, experience)",
        "test_transcript",
    ),
    Mutant(
        "simulation",
        "if environment.finished_return is not None:  # in this step",
        "if experience.terminated[0]:",
        "test_transcript",
    ),
    Mutant(
        "resident",
        "seed = np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, self.swaps))",
        "seed = np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, 0))",
        "test_what_a_run_is",
    ),
    Mutant(
        "resident",
        'who = {"brain_name": self.name, "brain": present.brain, "brains": present.brains, "swaps": self.swaps}',
        'who = {"brain_name": self.name, "brain": present.brain, "brains": present.brains, "swaps": 0}',
        "test_what_a_run_is",
    ),
    Mutant(
        "resident",
        "brain.members |= {name: member for name, member in self.brain.members.items() if name != whose}",
        "pass",
        "test_several",
    ),
    Mutant(
        "checkpoint",
        '"run": {"seconds", "checkpoint_every", "probe_states", "tensorboard"},',
        '"run": {"seconds", "checkpoint_every", "probe_states", "tensorboard"}, "world": True,',
        "test_what_a_run_is",
    ),
    Mutant(
        "simulation",
        "if tick % self._hash_every == 0:",
        "if tick % self._hash_every == 1:",
        "test_obeying",
    ),
    Mutant(
        "learning",
        "return self._clock.slack() > int(self._clock.period * self._margin) + 2 * self._cost",
        "return self._clock.slack() > int(self._clock.period * self._margin)",
        "test_obeying",
    ),
    Mutant(
        "learning",
        "planned = self._recorded.get(tick) if self._slack else self._fixed  # None: as many as fit",
        "planned = None if self._slack else self._fixed",
        "test_obeying",
    ),
    Mutant(
        "orders",
        "resident.brain.reset(np.ones(environment.body.lanes, np.bool_))",
        "pass",
        "test_transcript",
    ),
    Mutant("orders", "simulation.learning_steps.on = on", "simulation.learning_steps.on = True", "test_simulation"),
    Mutant(
        "orders",
        "listener.command(StampedCommand(tick=tick, command=command))",
        "listener.command(StampedCommand(tick=tick + 1, command=command))",
        "test_obeying",
    ),
    Mutant("hand", "state[1] += _CART_PUSH * direction", "state[1] -= _CART_PUSH * direction", "test_environment"),
    Mutant(
        "simulation",
        "self.tick_index, self._rolling_hash, self.learning_steps.on = snapshot.tick, snapshot.hash, snapshot.learning",
        "self.tick_index, self._rolling_hash, self.learning_steps.on = snapshot.tick, snapshot.hash, True",
        "test_checkpoint",
    ),
    Mutant("environment", "self._now = (after + 1) % 3", "self._now = before", "test_environment"),
    Mutant(
        "environment",
        "experience.terminated.fill(terminated)",
        "experience.terminated.fill(terminated or ended)",
        "test_transcript",
    ),
    Mutant(
        "environment",
        "experience.teacher_action = self._teachers[before] if self.body.teacher else None",
        "experience.teacher_action = self._teachers[after] if self.body.teacher else None",
        "test_environment",
    ),
    Mutant(
        "environment",
        'seen = self._common_state() | {"np_random": np.frombuffer(random.encode(), np.uint8)}',
        "seen = self._common_state()",
        "test_what_a_run_is",
    ),
    Mutant(
        "journal",
        "self._commands.append(StampedCommand(tick=step, command=command))",
        "self._commands.append(StampedCommand(tick=0, command=command))",
        "test_environment",
    ),
    Mutant(
        "environment",
        "key = (*self._seed.spawn_key, _LANE, self.episode)",
        "key = (*self._seed.spawn_key, _LANE, 0)",
        "test_environment",
    ),
    Mutant(
        "clock",
        'return 0 if self.pacing == "none" else self.due + self.period - self.source.now()',
        'return 0 if self.pacing == "none" else self.start + self.period - self.source.now()',
        "test_clock",
    ),
    Mutant("timings", "self.lateness.add(start - due)", "self.lateness.add(end - due)", "test_clock"),
    Mutant(
        "clock",
        "self.statistics.dropped_slots += dropped",
        "self.statistics.dropped_slots += passed",
        "test_clock",
    ),
    Mutant("commands", "task: NonNegativeInt", "task: int", "test_directory"),
    Mutant("commands", "direction: Literal[-1, 1]", "direction: int", "test_directory"),
    Mutant(
        "telemetry",
        "phase.recent = [*phase.recent, second][-SCORE_SECONDS:]",
        "phase.recent = [*phase.recent, second]",
        "test_telemetry",
    ),
    Mutant("telemetry", "self.correct += action == label", "self.correct += actions[0] == label", "test_telemetry"),
    Mutant("telemetry", "self.rollbacks += other.rollbacks", "self.rollbacks = other.rollbacks", "test_telemetry"),
    Mutant("hashing", 'digest.update(b"%d" % tick)', 'digest.update(b"")', "test_hashing"),
    Mutant(
        "directory",
        "_rewrite(directory / HASHES, [h for h in read_lines(directory / HASHES, HashLine) if h.tick <= tick])",
        "_rewrite(directory / HASHES, [h for h in read_lines(directory / HASHES, HashLine) if h.tick < tick])",
        "test_checkpoint",
    ),
    Mutant(
        "directory",
        "kept = [line for line in read_lines(directory / SLACK, SlackLine) if line.tick < tick]",
        "kept = read_lines(directory / SLACK, SlackLine)[:-1]",
        "test_directory",
    ),
    Mutant(
        "directory",
        "self.flush_slack()  # a replay can only get as far as these are known",
        "pass",
        "test_directory",
    ),
    Mutant(
        "stamped",
        "if metadata.get(_DIGEST) != rolling_hash(text, header.tick, arrays):",
        "if metadata.get(_DIGEST) is None:",
        "test_checkpoint",
    ),
    Mutant(
        "recorded",
        "simulation = Simulation(recording.config, clock=clock, script=Script(recording.commands), drawn=drawn)",
        "simulation = Simulation(recording.config, clock=clock, drawn=drawn)",
        "test_checkpoint",
    ),
    Mutant("recorded", "if simulation.tick_index == self._last:", "if False:", "test_obeying"),
    Mutant(
        "recording",
        "recording.slack_counts.update(enumerate(slack.counts, slack.tick))",
        "recording.slack_counts.update(enumerate(slack.counts))",
        "test_obeying",
    ),
]


def place_of(mutant: Mutant, root: Path) -> Path:
    """The file with the line. Fails where there is none, or several."""
    files = (root / "agentsim").rglob(f"{mutant.file}.py")
    found = [path for path in files for line in path.read_text().splitlines() if line.strip() == mutant.old]
    assert len(found) == 1, f"{len(found)} lines are {mutant.old!r} in agentsim/**/{mutant.file}.py: mend this mutant"
    return found[0]


def who_notices(mutant: Mutant, root: Path) -> Path:
    (found,) = (root / "tests").rglob(f"{mutant.tests}.py")
    return found


def outcome(tests: list[Path], root: Path) -> subprocess.CompletedProcess[str]:
    """What pytest says in a copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *map(str, tests)]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, in which the tests pass. No *.pyc: two versions of a line can be of one second and length."""
    root = tmp_path_factory.mktemp("mutation")
    for name in ("agentsim", "brains", "configs", "tests", "worlds"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy2(ROOT / "pyproject.toml", root)
    found = outcome(sorted({who_notices(mutant, root) for mutant in MUTANTS}), root)
    assert found.returncode == 0, f"the tests fail with no line changed:\n{found.stdout[-3000:]}"
    return root


def test_every_line_to_be_changed_is_there() -> None:
    for mutant in MUTANTS:
        assert place_of(mutant, ROOT) and who_notices(mutant, ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.new}")
def test_it_is_noticed(mutant: Mutant, copy: Path) -> None:
    file = place_of(mutant, copy)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        found = outcome([who_notices(mutant, copy)], copy)
    finally:
        file.write_text(text, encoding="utf-8")
    assert found.returncode == 1, (
        f"exit status {found.returncode}, where 1 is a test that failed:\n{found.stdout[-3000:]}"
    )

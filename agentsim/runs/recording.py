"""A run directory as read back: what another run can be made from and checked against."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pydantic

from agentsim.config.brain_file import COPIES, know_copies
from agentsim.config.load import Config, load_config
from agentsim.config.validation import first_problem
from agentsim.errors import UserError
from agentsim.loop.commands import Command, Script, StampedCommand
from agentsim.runs.directory import (
    COMMANDS,
    CONFIG,
    HASHES,
    RESULT,
    SLACK,
    HashLine,
    ResultLine,
    SlackLine,
    read_lines,
)


@dataclass
class Recording:
    """A run directory as read back: its config, and what steers and what checks a second run."""

    directory: Path
    config: Config
    commands: dict[int, list[Command]] = field(default_factory=dict)  # tick -> in order
    slack_counts: dict[int, int] = field(default_factory=dict)  # tick -> learning steps
    hashes: dict[int, str] = field(default_factory=dict)  # ticks done -> rolling hash
    result: ResultLine | None = None  # where asked for: see `read_result`

    @property
    def script(self) -> Script:
        """What steers a run that does everything again."""
        return Script(self.commands, self.slack_counts)

    @property
    def ticks(self) -> int:
        """How far the recording reaches; with slack learning no further than the learning steps are known."""
        ticks = self.result.ticks if self.result else max([0, *self.hashes])
        return min(ticks, max(self.slack_counts, default=-1) + 1) if self.config.learn.slack else ticks


def read_recording(directory: Path) -> Recording:
    """Read a run directory, all but its result, which may be missing and may be remade.

    Raises UserError, naming file and line, for anything that is not what agentsim writes.
    """
    if not (directory / CONFIG).is_file():
        raise UserError(f"{directory}: no run directory (it has no {CONFIG}); runs are in runs/ unless --out was given")
    know_copies(directory / COPIES)
    recording = Recording(directory, load_config(directory / CONFIG))
    commands = defaultdict(list)
    for stamped in read_lines(directory / COMMANDS, StampedCommand):
        commands[stamped.tick].append(stamped.command)
    recording.commands = dict(commands)
    for slack in read_lines(directory / SLACK, SlackLine):
        recording.slack_counts.update(enumerate(slack.counts, slack.tick))
    recording.hashes = {line.tick: line.hash for line in read_lines(directory / HASHES, HashLine)}
    return recording


def read_result(directory: Path) -> ResultLine | None:
    """What a run came to; None of one that has not ended. Raises UserError naming the file."""
    if not (directory / RESULT).exists():
        return None
    try:
        return ResultLine.model_validate_json((directory / RESULT).read_bytes())
    except (OSError, pydantic.ValidationError) as error:
        raise UserError(f"{directory / RESULT}: {first_problem(error)}; remove the file to do without it") from error

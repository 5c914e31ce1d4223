"""The run directory: everything that happened, as plain text that another run can be made from and checked against.

    config.yaml     the resolved config          commands.jsonl  what a person did, stamped with the tick
    versions.json   what it ran on               metrics.jsonl   a row per simulated second
    hash.jsonl      the rolling state hash       slack.jsonl     learning steps of every tick, with slack learning
    checkpoint.safetensors                       result.json     the figures at the end; error.txt, if it failed
    brains/         copies of the brain files that it began with or swapped in

Whatever is read back is checked line by line; nothing in these files is ever executed.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar

import pydantic
from pydantic import Field, NonNegativeInt

from agentsim.config.brain_file import COPIES, keep_copy
from agentsim.config.load import Config
from agentsim.config.sections import Section
from agentsim.config.validation import first_problem
from agentsim.errors import UserError
from agentsim.loop.commands import StampedCommand, SwapBrain
from agentsim.loop.listener import Listener
from agentsim.loop.metrics import Metrics
from agentsim.loop.simulation import Simulation
from agentsim.runs.origin import VERSIONS, origin
from agentsim.system.files import write_whole

CONFIG, RESULT, ERROR = "config.yaml", "result.json", "error.txt"
COMMANDS, METRICS, HASHES, SLACK = "commands.jsonl", "metrics.jsonl", "hash.jsonl", "slack.jsonl"

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("agentsim")


class HashLine(Section):
    """The rolling hash after `tick` ticks."""

    tick: NonNegativeInt
    hash: str = Field(pattern=r"^[0-9a-f]{32}$")


class SlackLine(Section):
    """The number of learning steps of the ticks from `tick` on."""

    tick: NonNegativeInt
    counts: list[Annotated[int, Field(ge=0, le=1_000_000)]]


class ResultLine(Section):
    """The part of result.json that a replay compares."""

    model_config = {"extra": "ignore"}  # noqa: RUF012
    ticks: NonNegativeInt
    hash: str | None  # null if the run was cut off in a tick
    error: str | None


def new_run_directory(name: str, out: Path | None = None) -> Path:
    """Make the directory of a new run: `out`, or runs/<timestamp>-<name>, with .2, .3 ... if there is one of that name.

    Raises UserError if `out` is not empty or nothing can be written there.
    """
    try:
        if out is not None:
            if out.exists() and not out.is_dir():
                raise UserError(f"{out}: is a file; give a directory with --out")
            if out.exists() and any(out.iterdir()):
                raise UserError(f"{out}: exists and is not empty; give another --out, or go on with --resume {out}")
            out.mkdir(parents=True, exist_ok=True)
            _try_to_write(out)
            return out
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
        Path("runs").mkdir(exist_ok=True)
        for n in range(1, 10_000):
            directory = Path("runs") / (stem if n == 1 else f"{stem}.{n}")
            try:
                directory.mkdir()
                return directory
            except FileExistsError:
                continue
    except OSError as error:
        raise UserError(f"{error.filename or out}: cannot be written: {error.strerror}; give another --out") from error
    raise UserError(f"runs/{stem}.*: no free name; give one with --out")


def _try_to_write(directory: Path) -> None:
    probe = directory / CONFIG
    probe.touch()
    probe.unlink()


class Recorder(Listener):
    """Writes a run directory as the run goes; every line is handed to the system at once.

    If the disk fills up or goes away the run goes on without being recorded: `problem` says so, and it is logged once.
    """

    def __init__(self, directory: Path, config: Config, going_on_at: int | None = None) -> None:
        """Start a new run in the directory, or go on with the one in it after `going_on_at` ticks.

        Raises UserError if a new run finds an old one there, if another process is writing, or if it cannot be written.
        """
        self.directory: Path = directory
        self._files: dict[str, IO[str]] = {}
        self._slack_start, self._slack_counts = 0, list[int]()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            refuse_links(directory)
            if going_on_at is None:
                if (directory / CONFIG).exists():
                    raise UserError(f"{directory}: already holds a run; give another --out, or --resume {directory}")
                write_whole(directory / CONFIG, config.to_yaml().encode())
                for name in config.weights():
                    keep_copy(name, directory / COPIES)
                self.write_json(VERSIONS, origin())
            self._lock = _lock(directory / CONFIG)
            if going_on_at is not None:
                cut_back(directory, going_on_at)
            for name in (COMMANDS, METRICS, HASHES, *([SLACK] if config.learn.slack else [])):
                self._files[name] = (directory / name).open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{directory}: cannot be written: {error.strerror}; give another --out") from error

    def command(self, stamped: StampedCommand) -> None:
        """A command, before it takes effect."""
        match stamped.command:
            case SwapBrain(config={"from": str(name)}) if self.problem is None:
                try:
                    keep_copy(name, self.directory / COPIES)
                except OSError as error:
                    self.fail(error)
        self._line(COMMANDS, json.dumps(stamped.model_dump(mode="json")))

    def hashed(self, tick: int, value: str) -> None:
        """The rolling hash after `tick` ticks."""
        self.flush_slack()  # a replay can only get as far as these are known
        self._line(HASHES, json.dumps({"tick": tick, "hash": value}))

    def metrics(self, row: Metrics) -> None:
        """A row of metrics.jsonl."""
        self._line(METRICS, json.dumps(row.model_dump()))
        self.flush_slack()

    def learned(self, tick: int, steps: int) -> None:
        """The learning steps of a tick, with slack learning; written with the next row of metrics or hash."""
        if not self._slack_counts:
            self._slack_start = tick
        self._slack_counts.append(steps)

    def failed(self, simulation: Simulation, message: str, error: BaseException) -> str:
        """The traceback, to error.txt."""
        self.write_text(ERROR, message + "\n\n" + "".join(traceback.format_exception(error)))
        return f"\n{self.directory / ERROR} has the details"

    def ended(self, figures: dict[str, Any]) -> None:
        """The figures, to result.json."""
        self.write_json(RESULT, figures)
        self.close()

    def flush_slack(self) -> None:
        """Write the counts that are waiting."""
        if self._slack_counts:
            self._line(SLACK, json.dumps({"tick": self._slack_start, "counts": self._slack_counts}))
            self._slack_counts = []

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a small JSON file whole."""
        self.write_text(name, json.dumps(data, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a small file whole."""
        try:
            write_whole(self.directory / name, text.encode())
        except OSError as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Recording stops here; the run goes on."""
        if self.problem is None:
            what = getattr(error, "strerror", None) or str(error)
            self.problem = f"{self.directory}: {what}: the run goes on, but is not recorded any more"
            logger.warning(self.problem)

    def close(self) -> None:
        """Write what is waiting and let go of the files."""
        self.flush_slack()
        for file in self._files.values():
            try:
                file.close()
            except OSError as error:
                self.fail(error)
        self._lock.close()

    def discard(self) -> None:
        """Take a run that could not even begin off the disk again."""
        self.close()
        for name in (CONFIG, VERSIONS, *self._files):
            (self.directory / name).unlink(missing_ok=True)

    def _line(self, name: str, text: str) -> None:
        if self.problem is not None:
            return
        try:
            file = self._files[name]
            file.write(text + "\n")
            file.flush()
        except OSError as error:
            self.fail(error)


def _lock(path: Path) -> IO[str]:
    """Hold the run directory, by its config, against other processes, as long as the returned file is open."""
    file = path.open(encoding="utf-8")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UserError(f"{path.parent}: another agentsim is still running in it; end that one first") from None
    return file


def refuse_links(directory: Path) -> None:
    """Raise UserError where a file of a run directory is a link: a run from somebody else would write through it."""
    for path in directory.iterdir():
        if path.is_symlink():
            raise UserError(f"{path}: is a link, through which a run would write elsewhere; remove it")


# --- reading and cutting back -------------------------------------------------------------------------------------

Line = TypeVar("Line", bound=Section)


def read_lines(path: Path, model: type[Line]) -> list[Line]:
    """The lines of a JSONL file, none if it is missing. A last line that was cut off in writing is left out.

    Raises UserError naming the line that does not fit.
    """
    if not path.exists():
        return []
    try:
        *whole, _torn = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    lines = []
    for number, text in enumerate(whole, 1):
        try:
            lines.append(model.model_validate_json(text))
        except pydantic.ValidationError as error:
            raise UserError(f"{path}:{number}: {first_problem(error)}") from error
    return lines


def cut_back(directory: Path, tick: int) -> None:
    """Take out what was recorded after `tick` ticks, except a person's commands, which will be given again."""
    _rewrite(directory / METRICS, [m for m in read_lines(directory / METRICS, Metrics) if m.tick <= tick])
    _rewrite(directory / HASHES, [h for h in read_lines(directory / HASHES, HashLine) if h.tick <= tick])
    kept = [line for line in read_lines(directory / SLACK, SlackLine) if line.tick < tick]
    _rewrite(directory / SLACK, [SlackLine(tick=line.tick, counts=line.counts[: tick - line.tick]) for line in kept])
    _rewrite(directory / COMMANDS, read_lines(directory / COMMANDS, StampedCommand))
    for name in (RESULT, ERROR):
        (directory / name).unlink(missing_ok=True)


def _rewrite(path: Path, lines: list[Any]) -> None:
    if path.exists():
        write_whole(path, "".join(json.dumps(line.model_dump(mode="json")) + "\n" for line in lines).encode())

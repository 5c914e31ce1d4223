"""What the configs of all offline modes say alike, how they are read, and what a person can ask of any mode.

Nothing heavy is imported, so that a config can be checked without torch or numba.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from agentsim.config import located_yaml
from agentsim.config.located_yaml import Location
from agentsim.config.sections import Section
from agentsim.config.sources import configs_directory, extended, find, mapping_in, names_in, override, parse_override
from agentsim.config.validation import everything_wrong, validate
from agentsim.errors import UserError
from agentsim.system.output import Console

Study = tuple[dict[str, Any], Callable[[dict[str, Any], Console], None]]  # a result, and what shows it


@dataclass(frozen=True)
class Asked:
    """What the options say that `agentsim train` has for every mode: configs by name or path, "KEY=VALUE" overrides of
    each of them, trainings of each, processes, and where they are kept, None being a new directory under runs/."""

    configs: Sequence[str]
    overrides: Sequence[str]
    seeds: int
    jobs: int
    out: Path | None

    def command(self, mode: str, *words: str) -> str:
        """The command that does the same again, with the names of files but not where they are; `words` are what its
        mode says besides."""
        configs = [f"--config {Path(config).name}" for config in self.configs]
        changes = [f"--set {change}" for change in self.overrides]
        return " ".join([f"agentsim train {mode}", *configs, *words, *changes, f"--seeds {self.seeds}"])


class TrainingConfig(Section):
    """How long something is trained: for `minutes` of the processor time of one thread or, exactly repeatable, for
    `batches`.

    Every `quick_eval_interval` batches a small part, every `eval_interval` and in the end all of the validation set is
    gone through; the best of the latter is kept.
    """

    mode: ClassVar[str]  # whose config it is; the shipped ones are in the folder of that name
    version: ClassVar[int] = 1  # counts up when the same config trains to something else
    least: ClassVar[str]  # what a config needs, for whoever gives less
    example: ClassVar[str]  # of an override
    rate: ClassVar[str] = "optimizer.learning_rate"  # the key to lower where a loss is no number

    minutes: PositiveFloat | None = None
    """How long, in processor time of one thread."""
    batches: PositiveInt | None = None
    """How long, exactly repeatable."""
    eval_interval: PositiveInt = 1_000
    """Batches between looks at the whole validation set."""
    quick_eval_interval: PositiveInt = 200
    """Batches between looks at a small part of it."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """The seed of everything random."""

    @model_validator(mode="after")
    def _one_length(self) -> TrainingConfig:
        """How long: one way or the other."""
        if (self.minutes is None) == (self.batches is None):
            raise ValueError("give either minutes or batches")
        return self

    @property
    def most_fruitless(self) -> int | None:
        """Looks at the whole validation set without a better one that end the training; None where it lasts."""
        return None

    def to_yaml(self) -> str:
        """YAML text that `load` reads back as an equal config."""
        return located_yaml.dump(self.model_dump(mode="json"))


AnyConfig = TypeVar("AnyConfig", bound=TrainingConfig)


def folder_of(mode: str) -> Path:
    """Where the shipped configs of a mode are."""
    return configs_directory() / mode


def names(mode: str) -> list[str]:
    """Names of the shipped configs of a mode."""
    return names_in(folder_of(mode))


def load(model: type[AnyConfig], source: str | Path, overrides: Sequence[str] = ()) -> AnyConfig:
    """Read and check a config, given the name of a shipped one or a path; "KEY=VALUE" overrides are applied last.

    Raises UserError listing everything that is wrong, one `file:line: key: problem, what to do` a line.
    """
    path = find(source, folder_of(model.mode))
    located = extended(mapping_in(path, model.least), path.parent, folder_of(model.mode))
    lengths: dict[Location, str] = {("minutes",): "batches", ("batches",): "minutes"}
    for location, value in (parse_override(text, model.example) for text in overrides):
        if location in lengths and value.value is not None:  # it takes the place of the other
            located.value.pop(lengths[location], None)
        override(located, location, value)
    config, problems = validate(model, located, ())
    if config is None:
        raise everything_wrong(located, problems)
    return config


def load_all(
    model: type[AnyConfig], sources: Sequence[str | Path], overrides: Sequence[str] = ()
) -> dict[str, AnyConfig]:
    """Configs by the name of their row, which is that of their file. Raises UserError for two of one name, and what
    `load` does."""
    names = [Path(source).stem for source in sources]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UserError(f"--config {repeated[0]}: the table has another row of that name; rename the file")
    return {name: load(model, source, overrides) for name, source in zip(names, sources, strict=True)}

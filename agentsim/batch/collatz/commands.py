"""What the words of `agentsim train collatz` ask for."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from agentsim.batch.collatz import settings, study, trials
from agentsim.batch.collatz.closed_forms import CLOSED_FORMS
from agentsim.batch.collatz.settings import CollatzConfig, PublishedNetwork, SteppingNetwork
from agentsim.batch.collatz.spreadsheet import read_numbers
from agentsim.batch.collatz.task import build
from agentsim.batch.collatz.trials import Trial
from agentsim.batch.settings import Asked, Study
from agentsim.errors import UserError
from agentsim.studies.sweep import study_directory
from agentsim.system.hashing import short_digest

DEFAULT = "max-pool"
MOST = 1_000  # steps ahead, as in the configs


def run(asked: Asked, *, lookaheads: Sequence[int], table: bool, ablation: bool, numbers: Path | None) -> Study:
    """The result and what shows it. Raises UserError."""
    chosen = read_numbers(numbers) if numbers else None
    words = written(asked, lookaheads=lookaheads, ablation=ablation, numbers=numbers)
    if table:
        if asked.configs or asked.overrides or ablation:
            raise UserError("--table trains nothing; leave out --config, --set, --minutes, --seed and --ablation")
        if too_far := [lookahead for lookahead in lookaheads if lookahead > MOST]:
            raise UserError(f"--lookahead {too_far[0]}: give at most {MOST}")
        out = study_directory(asked.out, "collatz")
        return study.table(lookaheads or study.LOOKAHEADS, chosen, f"{words} --table", out), study.show
    configs = asked.configs or [DEFAULT]
    found = list(trials_of(configs, lookaheads, asked.seeds, asked.overrides, ablation, digest(chosen)))
    out = study_directory(asked.out, "collatz")
    command = f"{words} --seeds {asked.seeds}"
    return trials.measure(found, chosen, command=command, jobs=asked.jobs, out=out), study.show


def trials_of(
    configs: Sequence[str],
    lookaheads: Sequence[int],
    seeds: int,
    overrides: Sequence[str],
    ablation: bool,
    version: str,
) -> Iterator[Trial]:
    """Every training that is asked for. Raises UserError for two configs of one name, and what `settings.load` does."""
    names = [Path(config).stem for config in configs]
    for name in names:
        if names.count(name) > 1 or name in CLOSED_FORMS:
            raise UserError(f"--config {name}: the table has another V of that name; rename the file")
    for name, source in zip(names, configs, strict=True):
        for ahead in [[f"lookahead={lookahead}"] for lookahead in dict.fromkeys(lookaheads)] or [[]]:
            config = settings.load(source, [*overrides, *ahead])
            _check(name, config)
            if ablation and not groups(config):
                raise UserError(f"--ablation: {name} has no group of features to leave out; give another --config")
            for seed in range(config.seed, config.seed + seeds):
                of_seed = config.model_copy(update={"seed": seed})
                yield Trial(name, of_seed, version=version)
                for group in groups(config) if ablation else ():
                    whole = {"of": name, "without": group, "version": version}
                    yield Trial(f"{name}, no {group}", without(of_seed, group), **whole)


def groups(config: CollatzConfig) -> list[str]:
    """The groups of features that can be taken from a config's network."""
    if isinstance(config.network, SteppingNetwork):
        return []
    kind = type(config.network).model_fields["without"].annotation
    names: tuple[str, ...] = typing.get_args(typing.get_args(kind)[0])
    seen = [name for name in names if name not in config.network.without]
    if isinstance(config.network, PublishedNetwork) and (config.network.k_only or len(seen) == 1):
        return []  # nothing would be left
    return seen


def _check(name: str, config: CollatzConfig) -> None:
    """Raise UserError for what only building it shows, before anything is trained."""
    try:
        build(config)
    except UserError as error:
        raise UserError(f"--config {name}: {error}") from error
    except (RuntimeError, MemoryError, ValueError) as error:
        raise UserError(f"--config {name}: cannot be built: {str(error)[:200]}; give fewer units") from error


def without(config: CollatzConfig, group: str) -> CollatzConfig:
    """The config with one group of its features left out."""
    assert not isinstance(config.network, SteppingNetwork)
    network = config.network.model_copy(update={"without": (*config.network.without, group)})
    return config.model_copy(update={"network": network})


def digest(numbers: tuple[int, ...] | None) -> str:
    """The kind of trial: with numbers of one's own, its results are others."""
    if numbers is None:
        return Trial.version
    return f"{Trial.version} {short_digest(repr(numbers))}"


def written(asked: Asked, *, lookaheads: Sequence[int], ablation: bool, numbers: Path | None) -> str:
    """The command that does the same again, with the names of files but not where they are."""
    words = ["agentsim train collatz"]
    words += [f"--config {Path(config).name}" for config in asked.configs]
    words += [f"--lookahead {lookahead}" for lookahead in lookaheads]
    words += [f"--set {override}" for override in asked.overrides]
    words += ["--ablation"] if ablation else []
    words += [f"--numbers {numbers.name}"] if numbers else []
    return " ".join(words)

"""What `agentsim adapt` runs: any brains in any world beside every control, or the published tests on the classic one.

Test 17: chase, avoid, chase, 5,000 ticks each. Test 18: 10,000 ticks, switches at 3,333 and 6,667; five layer types at
three depths. Both: sigmoid read-out, He normal, zero biases, rate 0.02, momentum 0.9 of the tween rules; the modes are
the shipped presets on other nets, with blocks of 1,000 and 3,000 ticks. Step+BP sends the whole
sweep through the activations of now (align: now), as the published code did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentsim.adaptation.nets import DEPTHS, SIX_LAYERS, dense, net
from agentsim.config.load import Config, load_brain, load_config
from agentsim.config.sections import PhaseConfig
from agentsim.errors import UserError
from agentsim.studies.entries import Entry, prepared, with_controls

DELAYS = (0, 1, 2, 5)  # ticks that the oracles beside every brain are late
BLOCKS = (1000, 3000)
PRESETS = {  # published name of a mode -> our preset
    "NormalBP": "normal-backprop",
    "Step+BP": "step-backprop",
    "Tween": "tween",
    "TweenChain": "tween-chain",
    "NormTween": "norm-tween",
    "StepTween": "step-tween",
    "StepTweenChain": "step-tween-chain",
    "BatchTween": "batch-tween",
    "StepBatch": "step-batch",
    "OnlineBP": "online-backprop",
}
PUBLISHED_17 = {  # mean accuracy of the three phases, per cent
    "StepTweenChain": "61.2 ± 1.4",
    "StepTweenChain, 3 layers": "64.0 ± 0.8",
    "OnlineBP": "63.9 to 66.5",
    "oracle, 0 late": "100",
    "oracle, 1 late": "63.9",
    "oracle, 5 late": "53.3",
    "repeat-last-label": "63.6",
    "bias-only": "61.8",
    "best constant": "27 to 30",
}
LAYER_TYPES_18 = ("dense", "conv2d", "rnn", "lstm", "attention")
SWITCHES_18 = (3_333, 6_667, 10_000)


@dataclass(frozen=True)
class Table:
    """Entries that belong together, and what is known of them."""

    title: str
    entries: list[Entry]
    published: dict[str, str] = field(default_factory=dict)


def asked(
    source: str | None,
    brains: Sequence[str],
    *,
    phases: str | None = None,
    budget: int | None = None,
    teacher_every: int | None = None,
    label_noise: float | None = None,
) -> list[Table]:
    """The table of a config, by name or path, or of a world's id in the arena's place. Raises UserError."""
    import gymnasium

    overrides = [] if budget is None else [f"learn.steps_per_tick={budget}"]
    overrides += [] if teacher_every is None else [f"world.options.teacher_every={teacher_every}"]
    overrides += [] if label_noise is None else [f"world.label_noise={label_noise}"]
    config = source or "arena"
    if config in gymnasium.registry:
        overrides.insert(0, f"world.id={config}")
        config = "arena"
    found = [load_config(config, brain, overrides) for brain in brains or (None,)]
    if phases is not None:
        timetable = parsed_phases(phases)
        found = [each.model_copy(update={"phases": timetable}) for each in found]
    if not found[0].phases:
        raise UserError(f"{config}: it has no phases to adapt to; give --phases, such as chase:20,avoid:20,chase:20")
    hz = found[0].clock.tick_hz
    for phase in found[0].phases:
        if phase.seconds * hz < 1 - 1e-9:
            what = f"{phase.task} for {phase.seconds:g} s at {hz:g} ticks a second"
            raise UserError(f"{config}: phases: {what} is less than one tick; give at least one")
    seconds = sum(phase.seconds for phase in found[0].phases)
    ready = [prepared(each, seconds, None) for each in found]
    return [Table(source or "arena", _measurable(with_controls(source or "arena", ready, DELAYS)))]


def parsed_phases(text: str) -> tuple[PhaseConfig, ...]:
    """`chase:20,avoid:20` -> phases, in seconds. Raises UserError."""
    phases = []
    for part in text.split(","):
        task, _, seconds = part.strip().rpartition(":")
        try:
            phases.append(PhaseConfig(task=task, seconds=float(seconds)))
        except ValueError:
            raise UserError(f"--phases {text}: {part!r} is not TASK:SECONDS; write chase:20,avoid:20") from None
    return tuple(phases)


def _measurable(entries: list[Entry]) -> list[Entry]:
    """The entries, if something says what is right. Raises UserError."""
    if not any(entry.config.one_brain.kind == "oracle" for entry in entries):
        raise UserError(
            f"{entries[0].config.world.id} has no oracle that says what is right; use agentsim bench learning"
        )
    return entries


# --- the classic suites ------------------------------------------------------------------------------------------


def modes() -> Iterator[tuple[str, dict[str, Any]]]:
    """The ten modes, and online backprop: name and mapping, a line for each size of block."""
    for name, preset in PRESETS.items():
        mapping = load_brain(preset)
        if mapping["align"] == "pipeline":
            mapping["align"] = "now"
        if isinstance(mapping["schedule"], dict) and "block" in mapping["schedule"]:
            for block in BLOCKS:
                yield f"{name}, K {block:,}", mapping | {"schedule": mapping["schedule"] | {"block": block}}
        else:
            yield name, mapping


def classic17() -> list[Table]:
    """Every mode on the published six-layer net, StepTweenChain on three layers too, and the controls."""
    config = prepared(load_config("classic"), None, None)
    chain = load_brain(PRESETS["StepTweenChain"])
    six = {"layers": [*(dense(units) for units in SIX_LAYERS), {"type": "dense"}]}
    entries = [_entry("classic17", config, name, mapping | six) for name, mapping in modes()]
    entries.append(_entry("classic17", config, "StepTweenChain, 3 layers", chain | net("dense", 3)))
    entries.append(_never_learning("classic17", config, "StepTweenChain", chain | six))
    title = "classic17: chase, avoid, chase, 5,000 ticks each, net 8-32-64-64-64-32-4"
    return [Table(title, [*entries, *controls("classic17", config)], PUBLISHED_17)]


def classic18() -> list[Table]:
    """Every mode on the fifteen nets: a table a net, and the same runs of the controls in all of them."""
    config = load_config("classic")
    hz = config.clock.tick_hz
    lengths = [stop - start for start, stop in zip((0, *SWITCHES_18), SWITCHES_18, strict=False)]
    phases = tuple(
        PhaseConfig(task=task, seconds=ticks / hz)
        for task, ticks in zip(("chase", "avoid", "chase"), lengths, strict=True)
    )
    run = config.run.model_copy(update={"probe_states": 100})
    config = prepared(config.model_copy(update={"phases": phases, "run": run}), None, SWITCHES_18[-1])
    shared = controls("classic18", config)
    tables = []
    for layer_type in LAYER_TYPES_18:
        for depth in DEPTHS:
            title, body = f"{layer_type} {depth}", net(layer_type, depth)
            entries = [_entry(title, config, name, mapping | body) for name, mapping in modes()]
            entries.append(_never_learning(title, config, "OnlineBP", load_brain(PRESETS["OnlineBP"]) | body))
            tables.append(Table(title, [*entries, *shared]))
    return tables


def controls(source: str, config: Config) -> list[Entry]:
    """The controls that know no net: oracles, random, the best constant and the like."""
    random = config.with_brain({"kind": "random"}, "random")
    found = with_controls(source, [random], DELAYS)
    return [
        Entry(source, entry.name, entry.config, control=True, best_of=entry.best_of)
        for entry in found
        if entry.name != "online-backprop"  # among the modes
    ]


def _entry(source: str, config: Config, name: str, mapping: dict[str, Any], control: bool = False) -> Entry:
    return Entry(source, name, config.with_brain(mapping, name), control)


def _never_learning(source: str, config: Config, name: str, mapping: dict[str, Any]) -> Entry:
    still = config.model_copy(update={"learn": config.learn.model_copy(update={"steps_per_tick": 0})})
    return _entry(source, still, f"{name}, frozen", mapping, control=True)

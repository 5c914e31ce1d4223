"""Kernels bound to the arrays of one brain, and their names. Imports no compiler: what is in the cache is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled import cache
from brains.kernels.program import counter, live, op, option, reward, row
from brains.kernels.program.arrays import Buffers, Net, Operation, Rewarded, address_of, program_of

HERE = "brains.kernels.cpu"
STRAIGHT = ("linear", "softmax")  # activations without a slope

Functions = tuple[Callable[..., int], Callable[..., tuple[float, int, int]]]


def kernels_of(operation: Operation, net: Net) -> dict[int, str]:
    """The kernels that a network needs of one of its operations, by their column of the table."""
    layer, activation, rule = operation.layer, operation.activation, net.rule
    if layer is None:
        return {op.FIRE: f"{HERE}.move:fire"}
    found = {op.FIRE: f"{layer.cpu}:fire"}
    if activation != "linear":
        found[op.ACTIVATE] = f"{HERE}.activations:activate_{activation}"
    if rule is not None:
        found[op.BACK] = f"{layer.cpu}:back"
        if activation not in STRAIGHT:
            found[op.SLOPE] = f"{HERE}.activations:slope_{activation}"
        if "chain" in rule.uses and "chain" in layer.kernels:
            found[op.CHAIN] = f"{layer.cpu}:chain"
        if "transpose" in rule.uses and operation.passes_targets:
            found[op.TRANSPOSE] = f"{HERE}.tween:pass_through"
        elif "transpose" in rule.uses and "transpose" in layer.kernels:
            found[op.TRANSPOSE] = f"{layer.cpu}:transpose"
    return found


def names(learner: str, nets: Sequence[Net]) -> list[str]:
    """Every kernel that a brain of these networks needs, the slowest to compile first; `learner` is a module here."""
    first = [f"{HERE}.{learner}:learn"] if nets[0].rule is not None else []
    found = dict.fromkeys([*first, f"{HERE}.{learner}:act"])
    for net in nets:
        if net.rule is not None:
            found |= dict.fromkeys([f"{net.rule.cpu}:sample", f"{net.rule.cpu}:update"])
        for operation in net.operations:
            found |= dict.fromkeys(kernels_of(operation, net).values())
    return list(found)


def connected(net: Net) -> NDArray[np.int64]:
    """The program of a network, with the addresses of the kernels it needs in it and in its table."""
    for own, operation in zip(net.arrays.table, net.operations, strict=True):
        for column, name in kernels_of(operation, net).items():
            own[column] = cache.address(name)
    rule = {}
    if net.rule is not None:
        rule = {option.SAMPLE: f"{net.rule.cpu}:sample", option.UPDATE: f"{net.rule.cpu}:update"}
    return program_of(net, {entry: cache.address(name) for entry, name in rule.items()})


def acting(buffers: Buffers, act: Callable[[], Any]) -> Callable[..., int]:
    """act(observation), which every learner calls alike."""
    seen, result = buffers.observation, memoryview(buffers.result)  # type: ignore[arg-type]

    def act_on(observation: NDArray[np.float32]) -> int:
        seen[...] = observation
        act()
        return int(result[option.ROLLBACKS])

    return act_on


def outcome_of(result: NDArray[np.float64]) -> tuple[float, int, int]:
    """What a learning step came to."""
    loss, updates, rollbacks = result.tolist()
    return loss, int(updates), int(rollbacks)


def taught(net: Net) -> tuple[Callable[..., int], Callable[..., Any], Callable[..., Any]]:
    """act(observation) and learn(fresh) of a brain with a teacher, or of one that only acts, and sample()."""
    program, result = connected(net), net.buffers.result
    act = cache.bound(f"{HERE}.taught:act", program)
    learn = cache.bound(f"{HERE}.taught:learn", program) if net.rule is not None else None

    def learn_from(fresh: bool) -> tuple[float, int, int]:
        assert learn is not None
        program[option.TAKES_IN] = fresh
        learn()
        return outcome_of(result)

    return acting(net.buffers, act), learn_from, lambda: last_sample(net)


def last_sample(net: Net) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rows of activations and of errors that the last lane's last sample has left behind."""
    settings, work, activity = net.settings, net.buffers.work, net.arrays.activity[-1]
    if settings[option.PER_STEP] or settings[option.SCHEDULE] == option.BLOCK:
        wave = work[row.WAVES, 0]
    elif settings[option.EXECUTION] == option.SEQUENTIAL:
        wave = activity[(net.arrays.counters[-1, counter.TICK] - 1) % settings[option.RING]]
    elif settings[option.ALIGN] in (option.SIDEWAYS, option.NOW):
        wave = work[row.WAVES, 0]
    else:
        wave = activity[settings[option.RING] + row.WAVE]
    return wave, work[row.ERRORS, 0]


def many_ticks(
    net: Net, observations: NDArray[np.float32], labels: NDArray[np.float32], steps: int
) -> Callable[[int], None]:
    """ticks(count) of a brain with a teacher in one compiled call, each of an act and so many learning steps, on
    observations (draws, N, senses) and labels (draws, N, targets) again and again."""
    program, frame = connected(net), np.zeros(live.ENTRIES, np.int64)
    frame[[live.PROGRAM, live.STEPS, live.DRAWS]] = address_of(program), steps, len(observations)
    frame[[live.OBSERVATIONS, live.LABELS]] = address_of(observations), address_of(labels)
    frame[[live.ACT, live.LEARN]] = [cache.address(f"{HERE}.taught:{name}") for name in ("act", "learn")]
    run = cache.bound(f"{HERE}.live:live", frame, program, observations, labels)

    def ticks(count: int) -> None:
        frame[live.TICKS] = count
        run()

    return ticks


def reward_program(rewarded: Rewarded, *programs: NDArray[np.int64]) -> NDArray[np.int64]:
    """What kernels that learn from reward are called with."""
    frame = np.zeros(reward.PROGRAM, np.int64)
    frame[: len(programs)] = [address_of(program) for program in programs]
    for name, array in rewarded._asdict().items():
        if array is not None:
            frame[getattr(reward, name.upper())] = address_of(array)
    return frame


def streaming(actor: Net, critic: Net, rewarded: Rewarded) -> Functions:
    """act(observation) and learn(reward, following, terminated, truncated)."""
    programs = connected(actor), connected(critic)
    frame, result = reward_program(rewarded, *programs), actor.buffers.result
    act, learn = (cache.bound(f"{HERE}.streaming:{name}", frame, programs) for name in ("act", "learn"))

    def learn_from(earned: Any, following: Any, terminated: Any, truncated: Any) -> tuple[float, int, int]:
        rewarded.reward[:], rewarded.following[:] = earned, following
        rewarded.terminated[:], rewarded.truncated[:] = terminated, truncated
        learn()
        return outcome_of(result)

    return acting(actor.buffers, act), learn_from


def q_learning(net: Net, rewarded: Rewarded) -> Functions:
    """act(observation) and learn(memory, done, fresh)."""
    program = connected(net)
    frame, result = reward_program(rewarded, program), net.buffers.result
    act, learn = (cache.bound(f"{HERE}.q_learning:{name}", frame) for name in ("act", "learn"))

    def learn_from(memory: Any, done: Any, fresh: bool) -> tuple[float, int, int]:
        program[option.TAKES_IN] = fresh
        if fresh:
            rewarded.memory[:], rewarded.done[:] = memory, done
        learn()
        return outcome_of(result)

    return acting(net.buffers, act), learn_from

"""The arrays of a brain, and the program that tells compiled code where they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled import abort
from brains.kernels.program import block, counter, op, option, row

LARGEST_BATCH = 64  # rows that are computed at once


class Arrays(NamedTuple):
    """What a stepping network is made of; N lanes, K operations, S numbers in a row, P in a block of parameters."""

    table: NDArray[np.int64]  # (K, op.COLUMNS)
    rates: NDArray[np.float32]  # (rate.NUMBERS + 2 K,)
    counters: NDArray[np.int64]  # (N, counter.COUNTERS)
    parameters: NDArray[np.float32]  # (N, or 1 if all lanes share them, block.FEW or MANY, P)
    activity: NDArray[np.float32]  # (N, ring + row.EXTRA, S)
    replay: NDArray[np.float32]  # (N, capacity, numbers in an experience)
    gate: NDArray[np.float64]  # (N, gate.NUMBERS), or (N, 0)


class Operation(NamedTuple):
    """What kind of thing a row of the table is: the class of its layer (None: a move), the name of its activation, and
    whether the legacy tween rule hands targets through it as they are."""

    layer: Any
    activation: str
    passes_targets: bool


class Buffers(NamedTuple):
    """What calls of kernels read and write."""

    observation: NDArray[np.float32]  # (N, observation size)
    action: NDArray[Any]  # (N, 1) int64, or (N, outputs) float32
    target: NDArray[np.float32]  # (N, target size)
    result: NDArray[np.float64]  # (option.RESULTS,)
    work: NDArray[np.float32]  # (row.GROUPS, batch, numbers that working space takes)


class Net(NamedTuple):
    """A network as a backend needs it. `settings`: the first entries of `program`, as `option` lists them. `rule`: its
    `rules.Rule`, None if it never learns."""

    arrays: Arrays
    buffers: Buffers
    settings: NDArray[np.int64]
    operations: list[Operation]
    rule: Any


class Rewarded(NamedTuple):
    """What learning from reward reads and writes besides; None where a learner has no use for it."""

    settings: NDArray[np.float64]  # (reward.SETTINGS_SIZE,)
    statistics: NDArray[np.float64]  # (N, reward.STATISTICS_SIZE + 2 observation size)
    slow: NDArray[np.float32] | None = None  # (N, P)
    memory: Any = None  # (N, 2 observation size + 3) float32
    done: Any = None  # (N,) int64
    sampled: NDArray[np.float32] | None = None  # (N, 1 or actions)
    reward: Any = None  # (N,) float32
    following: Any = None  # (N, observation size) float32
    terminated: Any = None  # (N,) int64
    truncated: Any = None  # (N,) int64


def address_of(array: NDArray[Any]) -> int:
    """Where an array's numbers are. Raises ValueError where they do not lie in one piece."""
    if not array.flags.c_contiguous:
        raise ValueError("a kernel reads whole arrays only")
    address: int = array.__array_interface__["data"][0]
    return address


def aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Zeros, float32, that begin on a cache line."""
    size = int(np.prod(shape))
    room = np.zeros(size + op.PAD, np.float32)
    start = -(address_of(room) // 4) % op.PAD
    return room[start : start + size].reshape(shape)


def buffers(arrays: Arrays, settings: NDArray[np.int64], senses: int, targets: int, work_size: int) -> Buffers:
    """Buffers that fit the arrays, for a brain of so many senses and numbers in a label."""
    lanes, outputs = len(arrays.counters), int(arrays.table[-1, op.UNITS])
    batch = max(1, min(LARGEST_BATCH, int(settings[option.PER_STEP])))
    return Buffers(
        np.zeros((lanes, senses), np.float32),
        np.zeros((lanes, 1), np.int64) if settings[option.DISCRETE] else np.zeros((lanes, outputs), np.float32),
        np.zeros((lanes, targets), np.float32),
        np.zeros(option.RESULTS, np.float64),
        aligned((row.GROUPS, batch, -(-work_size // op.PAD) * op.PAD)),
    )


def program_of(net: Net, kernels: dict[int, int]) -> NDArray[np.int64]:
    """The program (option.PROGRAM,) of a network; `kernels` are the addresses of its rule's. It is valid as long as
    none of the arrays is replaced."""
    arrays, calls = net.arrays, net.buffers
    lanes, rows, size = arrays.activity.shape
    owners, blocks, length = arrays.parameters.shape
    assert blocks in (block.FEW, block.MANY)
    assert arrays.table.shape[1:] == (op.COLUMNS,)
    assert arrays.counters.shape == (lanes, counter.COUNTERS)
    entries = {
        option.OPERATIONS: len(arrays.table),
        option.LANES: lanes,
        option.OWNERS: owners,
        option.SENSES: calls.observation.shape[1],
        option.TARGETS: calls.target.shape[1],
        option.ROW_SIZE: size,
        option.ROWS: rows,
        option.BLOCK_SIZE: length,
        option.BLOCKS: blocks,
        option.MEMORIES: arrays.replay.shape[1],
        option.MEMORY_SIZE: arrays.replay.shape[2],
        option.BATCH: calls.work.shape[1],
        option.WORK_SIZE: calls.work.shape[2],
        option.ABORT: address_of(abort.FLAG),
        **kernels,
    }
    for name, array in {**arrays._asdict(), **calls._asdict()}.items():
        entries[getattr(option, name.upper())] = address_of(array)
    program = np.zeros(option.PROGRAM, np.int64)
    program[: len(net.settings)] = net.settings
    program[list(entries)] = list(entries.values())
    return program

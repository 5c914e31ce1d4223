"""A brain with a teacher: acting, and learning from labels, fresh and replayed."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, call, distance, doubles, floats, integers
from brains.kernels.cpu.gate import passes
from brains.kernels.cpu.mathematics import copy, draw, fill, finite, is_finite
from brains.kernels.cpu.network import (
    best_of,
    carry,
    extra_row,
    forward,
    gather,
    last_of,
    operation_of,
    present,
    ring_row,
    scratch,
)
from brains.kernels.cpu.updates import block_of, roll_back
from brains.kernels.program import block, counter, gate, op, option, rate, row

F = np.float32


@inline
def own_of(program, lane):
    """A lane's blocks of parameters; lanes that share them have those of the first."""
    size = program[option.BLOCKS] * program[option.BLOCK_SIZE]
    return at(floats(program[option.PARAMETERS]), lane * size if program[option.OWNERS] > 1 else 0)


@inline
def rows_of(program, lane):
    """A lane's rows of activity."""
    return at(floats(program[option.ACTIVITY]), lane * program[option.ROWS] * program[option.ROW_SIZE])


@inline
def counters_of(program, lane):
    """A lane's counters."""
    return at(integers(program[option.COUNTERS]), lane * counter.COUNTERS)


@inline
def tick(program, age, value, before, now, wave, last):
    """Fire everything once, from the row `before` to the row `now`, whose input is written; and, on the last brain tick
    of a world tick, make the fresh forward pass that align: instant learns from."""
    carry(program, before, now)
    if program[option.EXECUTION] == option.SEQUENTIAL:
        forward(program, value, now, 0, now, 0, 1, program[option.STAGES])
    elif program[option.FRESH] and last:
        # two rows, one of this tick and one of the fresh pass, go through the weights together
        copy(now, wave, program[option.INPUTS])
        carry(program, before, wave)
        forward(program, value, before, distance(before, wave), now, distance(now, wave), 2, age)
    else:
        forward(program, value, before, 0, now, 0, 1, age)


@kernel(INTEGERS)
def act(program):
    """One tick of every lane: OBSERVATION (N, SENSES) -> ACTION (N, 1) int64 or (N, actions) float32."""
    doubles(program[option.RESULT])[option.ROLLBACKS] = 0.0
    last, thinks, size = last_of(program), program[option.BRAIN_TICKS], program[option.ROW_SIZE]
    observation, discrete = floats(program[option.OBSERVATION]), program[option.DISCRETE]
    for lane in range(program[option.LANES]):
        own, rows, counters = own_of(program, lane), rows_of(program, lane), counters_of(program, lane)
        value, wave = block_of(program, own, block.VALUE), extra_row(program, rows, row.WAVE)
        now = rows
        for again in range(thinks - 1, -1, -1):
            now = ring_row(program, rows, counters[counter.TICK])
            before = ring_row(program, rows, counters[counter.TICK] - 1)
            present(program, at(observation, lane * program[option.SENSES]), now)
            tick(program, counters[counter.AGE], value, before, now, wave, again == 0)
            if not finite(now, size):
                roll_back(program, own)
                fill(rows, 0.0, program[option.ROWS] * size)
                counters[counter.AGE] = -1  # this tick teaches nothing
            counters[counter.TICK] += 1
            counters[counter.AGE] += 1
        output, units = at(now, last[op.Y]), last[op.UNITS]
        if discrete:
            integers(program[option.ACTION])[lane] = best_of(output, units)
        else:
            copy(output, at(floats(program[option.ACTION]), lane * units), units)


@inline
def align(program, counters, rows):
    """(the row with the activations that answer for now's label, where they come from, whether there is one yet)"""
    now = ring_row(program, rows, counters[counter.TICK] - 1)
    wave = extra_row(program, rows, row.WAVE)
    if program[option.EXECUTION] == option.SEQUENTIAL:
        return now, row.ONE_PASS, True
    if program[option.ALIGN] in (option.SIDEWAYS, option.NOW):
        return now, row.LIVE, True
    if program[option.ALIGN] == option.INSTANT:  # the forward pass that act has made beside its own
        return wave, row.ONE_PASS, True
    if counters[counter.AGE] < program[option.STAGES]:
        return wave, row.ONE_PASS, False
    return wave, wave_of(program, counters, rows, wave), True


@inline
def wave_of(program, counters, rows, wave):
    """Write the wave that the newest output came from. Returns where it comes from, as `program.row` has it."""
    gather(program, rows, counters[counter.TICK] - program[option.STAGES], wave, program[option.STAGES])
    if program[option.SKIPS]:
        return row.SKIPPING + (counters[counter.TICK] - 1) % program[option.RING]
    return row.ONE_PASS


@inline
def output_error(program, wave, target, error):
    """error[L] = target - A[L], the ascent direction of all three costs at the output. Returns the cost."""
    last = last_of(program)
    y, g, units = at(wave, last[op.Y]), at(error, last[op.Y]), last[op.UNITS]
    cost, right = F(0.0), F(0.0)
    fill(at(g, units), 0.0, last[op.WIDTH] - units)
    for o in range(units):
        goal = F(target[0] == F(o)) if program[option.DISCRETE] else target[o]
        g[o] = goal - y[o]
        cost += g[o] * g[o]
        right += goal * y[o]
    if program[option.COST] == option.CROSS_ENTROPY:
        return -math.log(max(np.float64(right), 1e-30))
    return np.float64(cost) if program[option.COST] == option.SQUARES else 0.5 * np.float64(cost)


@inline
def add_samples(program, own, rows, wave, error, count, live):
    """Have the rule add what it makes of `count` samples to the lane's gradient."""
    call(program[option.SAMPLE], (program, own, wave, error, rows, count, live))


@inline
def update(program, own, counters, count):
    """Have the rule turn what was gathered from `count` samples into one update."""
    call(program[option.UPDATE], (program, own, counters, count))
    doubles(program[option.RESULT])[option.UPDATES] += 1.0


@inline
def remember(program, counters, replay, now, target):
    """Write one labelled observation, and the states it met, into the replay ring."""
    memory = at(replay, counters[counter.POSITION] * program[option.MEMORY_SIZE])
    copy(now, memory, program[option.SENSES])
    place = program[option.SENSES]
    for i in range(program[option.OPERATIONS]):
        operation = operation_of(program, i)
        copy(at(now, operation[op.BEFORE]), at(memory, place), operation[op.STATE_SIZE])
        place += operation[op.STATE_SIZE]
    copy(target, at(memory, place), program[option.TARGETS])
    kept(program, counters)


@inline
def kept(program, counters):
    """Move on in the replay ring."""
    counters[counter.POSITION] = (counters[counter.POSITION] + 1) % program[option.MEMORIES]
    counters[counter.SIZE] = min(counters[counter.SIZE] + 1, program[option.MEMORIES])


@inline
def recall(program, memory, wave):
    """Write a remembered observation, and the states it met, into a row; an ordinary forward pass can follow."""
    present(program, memory, wave)
    place = program[option.SENSES]
    for i in range(program[option.OPERATIONS]):
        operation = operation_of(program, i)
        copy(at(memory, place), at(wave, operation[op.BEFORE]), operation[op.STATE_SIZE])
        place += operation[op.STATE_SIZE]
    return at(memory, place)


@inline
def pick(program, counters, index):
    """A random place in the replay ring; the first quarter of every batch comes from the last RECENT experiences."""
    size = counters[counter.SIZE]
    reach = min(size, program[option.RECENT]) if 4 * index < program[option.PER_STEP] else size
    stream, back = draw(counters[counter.STREAM], reach)
    counters[counter.STREAM] = stream
    place = counters[counter.POSITION] - 1 - back
    return place + size if place < 0 else place


@inline
def heed(program, counters, judge, cost):
    """Whether a sample of this cost is learned; where there is a gate, its mean follows. What is not finite surprises
    none, and neither counts nor is learned."""
    if not program[option.GATED]:
        return True
    if not is_finite(cost):
        return False
    rates, usual = floats(program[option.RATES]), judge[gate.MEAN]
    threshold = min(rates[rate.KAPPA] * usual, np.float64(rates[rate.CEILING]))
    through, counters[counter.STREAM] = passes(
        program[option.GATED] - 1, cost, threshold, rates[rate.SHARE], F(cost / usual), counters[counter.STREAM]
    )
    judge[gate.MEAN] = usual + rates[rate.FOLLOW] * (cost - usual)
    judge[gate.JUDGED] += 1.0
    judge[gate.TAKEN] += np.float64(through)
    return through


@inline
def add_remembered(program, own, rows, counters, replay, judge, first, count, picks):
    """Add `count` remembered experiences, by an ordinary forward pass: those from `first` on or, if it picks, random
    ones. Returns (their summed cost, how many of them are learned)."""
    work, size = floats(program[option.WORK]), program[option.WORK_SIZE]
    waves, errors = at(work, scratch(program, row.WAVES)), at(work, scratch(program, row.ERRORS))
    targets, cost = at(work, scratch(program, row.INPUT)), 0.0
    for r in range(count):
        place = pick(program, counters, first + r) if picks else first + r
        target = recall(program, at(replay, place * program[option.MEMORY_SIZE]), at(waves, r * size))
        copy(target, at(targets, r * size), program[option.TARGETS])
    value = block_of(program, own, block.VALUE)
    forward(program, value, waves, size, waves, size, count, program[option.STAGES])
    learned = 0
    for r in range(count):
        own_cost = output_error(program, at(waves, r * size), at(targets, r * size), at(errors, r * size))
        cost += own_cost
        if heed(program, counters, judge, own_cost):
            if learned < r:  # those that are learned lie together
                copy(at(waves, r * size), at(waves, learned * size), size)
                copy(at(errors, r * size), at(errors, learned * size), size)
            learned += 1
    if learned > 0:
        add_samples(program, own, rows, waves, errors, learned, 0)
    return cost, learned


@inline
def take_in(program, own, rows, counters, replay, judge, label):
    """This tick's experience: remember it, and add what it teaches now. Returns (its cost, samples, whether it is
    learned)."""
    now = ring_row(program, rows, counters[counter.TICK] - 1)
    if program[option.MEMORIES] > 0:
        remember(program, counters, replay, now, label)
    if program[option.SCHEDULE] == option.BLOCK:
        return 0.0, 0, False
    wave, live, there = align(program, counters, rows)
    if not there:
        return 0.0, 0, False
    work = floats(program[option.WORK])
    errors = at(work, scratch(program, row.ERRORS))
    if live == row.LIVE:  # the row itself must stay as it is
        copy_of = at(work, scratch(program, row.WAVES))
        copy(wave, copy_of, program[option.ROW_SIZE])
        wave = copy_of
    cost = output_error(program, wave, label, errors)
    learned = heed(program, counters, judge, cost)
    if learned:
        add_samples(program, own, rows, wave, errors, 1, live)
    return cost, 1, learned


@inline
def ends_now(program):
    """Whether somebody wants this call to return, done or not."""
    return integers(program[option.ABORT])[0] != 0


@inline
def learn_block(program, own, rows, counters, replay, judge):
    """When a block is full: an update for each of its ticks, in time order, EPOCHS times. Returns (cost, samples)."""
    cost, period = 0.0, program[option.PERIOD]
    if counters[counter.SIZE] < period:
        return cost, 0
    for _ in range(program[option.EPOCHS]):
        for index in range(period):
            if ends_now(program):
                return cost, 0
            more, _ = add_remembered(program, own, rows, counters, replay, judge, index, 1, False)
            cost += more
            update(program, own, counters, 1)
    counters[counter.SIZE] = 0
    counters[counter.POSITION] = 0
    return cost, program[option.EPOCHS] * period


@kernel(INTEGERS)
def learn(program):
    """One learning step of every lane; RESULT says (mean cost, updates, roll-backs).

    TAKES_IN: this tick's experience, labelled by TARGET (N, TARGETS), NaN where the teacher is silent, and then replay;
    otherwise replay alone.
    """
    result = doubles(program[option.RESULT])
    result[option.UPDATES] = result[option.ROLLBACKS] = 0.0
    cost, samples = 0.0, 0
    memories = program[option.MEMORIES] * program[option.MEMORY_SIZE]
    for lane in range(program[option.OWNERS]):
        own, rows, counters = own_of(program, lane), rows_of(program, lane), counters_of(program, lane)
        label = at(floats(program[option.TARGET]), lane * program[option.TARGETS])
        replay = at(floats(program[option.REPLAY]), lane * memories)
        judge = at(doubles(program[option.GATE]), lane * gate.NUMBERS)
        if program[option.TAKES_IN] and counters[counter.AGE] > 0 and is_finite(label[0]):
            more, fresh, learned = take_in(program, own, rows, counters, replay, judge, label)
            cost += more
            samples += fresh
            counters[counter.PENDING] += np.int64(learned)
        if program[option.SCHEDULE] == option.BLOCK:
            more, count = learn_block(program, own, rows, counters, replay, judge)
            cost += more
            samples += count
            continue
        if counters[counter.SIZE] > 0 and program[option.PER_STEP] > 0:
            first = 0
            while first < program[option.PER_STEP] and not ends_now(program):
                count = min(program[option.BATCH], program[option.PER_STEP] - first)
                more, taken = add_remembered(program, own, rows, counters, replay, judge, first, count, True)
                cost += more
                counters[counter.PENDING] += taken
                first += count
            samples += program[option.PER_STEP]
        if counters[counter.PENDING] >= max(1, program[option.PERIOD]):
            update(program, own, counters, counters[counter.PENDING])
            counters[counter.PENDING] = 0
    result[option.LOSS] = cost / max(1, samples)

"""Q-learning from replay: what each action will earn, learned from remembered transitions (see
`reference.q_learning`).

A memory is (observation, action, reward, 0 after a terminated transition else 1, next observation), all as sensed:
normalisation and the scale of rewards are those of when it is learned from.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, doubles, floats, integers
from brains.kernels.cpu.mathematics import clip_number, copy, fill, finite, is_finite
from brains.kernels.cpu.network import best_of, forward, last_of, ring_row, scratch
from brains.kernels.cpu.reward import (
    count_reward,
    normalized,
    observe,
    return_deviation,
    sees,
    statistics_size,
    uniform,
)
from brains.kernels.cpu.taught import add_samples, counters_of, ends_now, kept, own_of, pick, rows_of, update
from brains.kernels.cpu.updates import block_of, roll_back
from brains.kernels.program import block, counter, op, option, reward, row

F = np.float32


@kernel(INTEGERS)
def act(frame):
    """One tick of every lane: OBSERVATION (N, SENSES) -> ACTION (N, 1) int64.

    The action is the one of the largest value or, once in 1 / EXPLORATION ticks, any.
    """
    program, settings = integers(frame[reward.ACTOR]), doubles(frame[reward.SETTINGS])
    doubles(program[option.RESULT])[option.ROLLBACKS] = 0.0
    last, size, senses = last_of(program), program[option.ROW_SIZE], program[option.SENSES]
    for lane in range(program[option.LANES]):
        own, rows, counters = own_of(program, lane), rows_of(program, lane), counters_of(program, lane)
        statistics = at(doubles(frame[reward.STATISTICS]), lane * statistics_size(program))
        observation = at(floats(program[option.OBSERVATION]), lane * senses)
        now, value = ring_row(program, rows, counters[counter.TICK]), block_of(program, own, block.VALUE)
        if sees(observation, senses):
            observe(statistics, observation, senses)
        normalized(program, settings, statistics, observation, now)
        forward(program, value, now, 0, now, 0, 1, program[option.STAGES])
        if not finite(now, size):
            roll_back(program, own)
            copy(value, at(floats(frame[reward.SLOW]), lane * program[option.BLOCK_SIZE]), program[option.BLOCK_SIZE])
            fill(rows, 0.0, program[option.ROWS] * size)
            counters[counter.AGE] = -1  # this tick teaches nothing
        counters[counter.TICK] += 1
        counters[counter.AGE] += 1
        chosen = best_of(at(now, last[op.Y]), last[op.UNITS])
        if uniform(counters) < settings[reward.EXPLORATION]:
            chosen = np.int64(uniform(counters) * np.float64(last[op.UNITS]))
        integers(program[option.ACTION])[lane] = chosen


@inline
def add_transitions(program, own, slow, rows, counters, replay, settings, statistics, first, count):
    """Add the gradient of half the squared error of `count` remembered transitions, which is clipped to +-1 (Huber).

    Returns the sum of their squares before clipping.
    """
    work, size, senses = floats(program[option.WORK]), program[option.WORK_SIZE], program[option.SENSES]
    waves, errors = at(work, scratch(program, row.WAVES)), at(work, scratch(program, row.ERRORS))
    memories, goals = at(work, scratch(program, row.DELTA)), at(work, scratch(program, row.INPUT))
    best = at(work, scratch(program, row.LINK))
    value, last, stages = block_of(program, own, block.VALUE), last_of(program), program[option.STAGES]
    memory_size, cost, deviation = program[option.MEMORY_SIZE], 0.0, F(return_deviation(settings, statistics))
    units, y = last[op.UNITS], last[op.Y]
    for r in range(count):  # what follows, by the newest weights and by the slow copy
        memory = at(replay, pick(program, counters, first + r) * memory_size)
        copy(memory, at(memories, r * size), memory_size)
        normalized(program, settings, statistics, at(memory, senses + 3), at(waves, r * size))
    forward(program, value, waves, size, waves, size, count, stages)
    for r in range(count):
        best[r * size] = F(best_of(at(waves, r * size + y), units))
    forward(program, slow, waves, size, waves, size, count, stages)
    for r in range(count):
        memory, goal = at(memories, r * size), at(goals, r * size)
        goal[0] = memory[senses + 1] / deviation
        if memory[senses + 2] > F(0.0):
            goal[0] += F(settings[reward.DISCOUNT]) * waves[r * size + y + np.int64(best[r * size])]
        goal[1] = memory[senses]
        normalized(program, settings, statistics, memory, at(waves, r * size))
    forward(program, value, waves, size, waves, size, count, stages)
    for r in range(count):
        goal, error = at(goals, r * size), at(errors, r * size + y)
        chosen = np.int64(goal[1])
        off = goal[0] - waves[r * size + y + chosen]
        fill(error, 0.0, last[op.WIDTH])
        error[chosen] = clip_number(off, F(1.0)) if is_finite(off) else off  # so that it is noticed
        cost += np.float64(off) * np.float64(off)
    add_samples(program, own, rows, waves, errors, count, 0)
    return cost


@kernel(INTEGERS)
def learn(frame):
    """One learning step of every lane from PER_STEP remembered transitions; RESULT says (mean squared error, updates,
    roll-backs). TAKES_IN: first remember MEMORY (N, MEMORY_SIZE), DONE (N,) saying whether it ended an episode."""
    program, settings = integers(frame[reward.ACTOR]), doubles(frame[reward.SETTINGS])
    result, memory_size = doubles(program[option.RESULT]), program[option.MEMORY_SIZE]
    result[option.UPDATES] = result[option.ROLLBACKS] = 0.0
    cost, samples, per_step, size = 0.0, 0, program[option.PER_STEP], program[option.BLOCK_SIZE]
    for lane in range(program[option.LANES]):
        own, rows, counters = own_of(program, lane), rows_of(program, lane), counters_of(program, lane)
        statistics = at(doubles(frame[reward.STATISTICS]), lane * statistics_size(program))
        slow, value = at(floats(frame[reward.SLOW]), lane * size), block_of(program, own, block.VALUE)
        replay = at(floats(program[option.REPLAY]), lane * program[option.MEMORIES] * memory_size)
        memory = at(floats(frame[reward.MEMORY]), lane * memory_size)
        if program[option.TAKES_IN] and counters[counter.AGE] > 0 and sees(memory, memory_size):
            earned = np.float64(memory[program[option.SENSES] + 1])
            count_reward(settings, statistics, earned, integers(frame[reward.DONE])[lane] > 0)
            copy(memory, at(replay, counters[counter.POSITION] * memory_size), memory_size)
            kept(program, counters)
        if counters[counter.SIZE] == 0:
            continue
        first = 0
        while first < per_step and not ends_now(program):
            count = min(program[option.BATCH], per_step - first)
            cost += add_transitions(program, own, slow, rows, counters, replay, settings, statistics, first, count)
            first += count
        samples += per_step
        before = result[option.ROLLBACKS]
        update(program, own, counters, per_step)
        if result[option.ROLLBACKS] > before:
            copy(value, slow, size)
        share = F(settings[reward.TRACKING])
        for k in range(size):
            slow[k] += share * (value[k] - slow[k])
    result[option.LOSS] = cost / max(1, samples)

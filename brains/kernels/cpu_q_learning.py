"""Q-learning from replay on a CPU (numba): what each action will earn, learned from remembered transitions.

Mnih et al. 2015 (replay, a slow copy), van Hasselt et al. 2016 (the newest weights choose, the slow copy values). The
meaning of each function is that of the same name in `reference_q_learning`.

A memory is (observation, action, reward, 0 after a terminated transition else 1, next observation), all as sensed:
normalisation and the scale of rewards are those of when it is learned from. slow (N, P) float32: the slow copy.
"""

from __future__ import annotations

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu import choose, pick, remember
from brains.kernels.cpu_layers import forward, output_of
from brains.kernels.cpu_math import clip, finite, is_finite
from brains.kernels.cpu_rules import backprop
from brains.kernels.cpu_streaming import normalized, observe, return_deviation, scaled_reward, uniform
from brains.kernels.cpu_updates import apply, roll_back

F = np.float32


@jit
def act(
    operations, options, numbers, state, parameters, activity, replay, slow, settings, statistics, observation, action
):
    """One tick of every lane: observation (N, obs) -> action (N, 1). Returns roll-backs.

    The action is the one of the largest value or, once in 1 / EXPLORATION ticks, any.
    """
    rollbacks = 0
    last = operations[operations.shape[0] - 1]
    for lane in range(observation.shape[0]):
        counters, own, rows = state[lane], parameters[lane], activity[lane]
        now = rows[counters[at.TICK] % options[at.RING]]
        if finite(observation[lane]):
            observe(statistics[lane], observation[lane])
        normalized(options, settings, statistics[lane], observation[lane], now)
        forward(operations, own[at.VALUE], now, now, options[at.STAGES])
        if not finite(now):
            roll_back(own)
            slow[lane] = own[at.VALUE]
            rows[:] = F(0.0)
            counters[at.AGE] = -1  # this tick teaches nothing
            rollbacks += 1
        counters[at.TICK] += 1
        counters[at.AGE] += 1
        choose(now[last[at.Y] : last[at.Y] + last[at.UNITS]], True, action, lane)
        if uniform(counters) < settings[at.EXPLORATION]:
            # not draw(stream, UNITS): beside uniform's draw(stream, 1 << 24), numba 0.68 loses its remainder
            action[lane, 0] = int(uniform(counters) * last[at.UNITS])
    return rollbacks


@jit
def add_transition(operations, options, own, slow, rows, settings, statistics, memory):
    """Add the gradient of half the squared error of one remembered transition, which is clipped to +-1 (Huber).

    Returns its square before clipping.
    """
    slots, last = options[at.RING], operations[operations.shape[0] - 1]
    wave, error, scratch = rows[slots + at.WAVE], rows[slots + at.ERROR], rows[slots + at.SCRATCH]
    size = (memory.shape[memory.ndim - 1] - 3) // 2
    chosen, values = int(memory[size]), output_of(last, wave)
    goal = memory[size + 1] / F(return_deviation(settings, statistics))
    if memory[size + 2] > F(0.0):
        normalized(options, settings, statistics, memory[size + 3 :], wave)
        forward(operations, own[at.VALUE], wave, wave, options[at.STAGES])
        best = 0
        for o in range(1, last[at.UNITS]):
            if values[o] > values[best]:
                best = o
        forward(operations, slow, wave, wave, options[at.STAGES])
        goal += F(settings[at.DISCOUNT]) * values[best]
    normalized(options, settings, statistics, memory[:size], wave)
    forward(operations, own[at.VALUE], wave, wave, options[at.STAGES])
    off = goal - values[chosen]
    errors = output_of(last, error)
    errors[:] = F(0.0)
    errors[chosen] = clip(off, F(1.0)) if is_finite(off) else off  # so that it is noticed
    backprop(operations, own[at.VALUE], wave, error, own[at.GRADIENT], scratch, False)
    return off * off


@jit
def learn(
    operations,
    options,
    numbers,
    state,
    parameters,
    activity,
    replay,
    slow,
    settings,
    statistics,
    memory,
    done,
    fresh,
):
    """One learning step of every lane from PER_STEP remembered transitions; fresh: first remember `memory`.

    memory (N, 2 obs + 3) float32, done (N,): whether that transition ended an episode. Returns (mean squared error,
    updates, roll-backs).
    """
    loss, samples, updates, rollbacks = 0.0, 0, 0, 0
    size = (memory.shape[memory.ndim - 1] - 3) // 2
    for lane in range(parameters.shape[0]):
        counters, own, rows = state[lane], parameters[lane], activity[lane]
        if fresh and counters[at.AGE] > 0 and finite(memory[lane]):
            scaled_reward(settings, statistics[lane], float(memory[lane, size + 1]), done[lane])
            remember(operations, options, counters, replay[lane], memory[lane], memory[lane, :0])
        if counters[at.SIZE] == 0:
            continue
        for index in range(options[at.PER_STEP]):
            remembered = replay[lane, pick(options, counters, index)]
            loss += add_transition(operations, options, own, slow[lane], rows, settings, statistics[lane], remembered)
        samples += options[at.PER_STEP]
        failed = apply(operations, options, numbers, counters, own, options[at.PER_STEP])
        share, value, copy = F(settings[at.TRACKING]), own[at.VALUE], slow[lane]
        if failed > 0:
            copy[:] = value
        for k in range(value.size):
            copy[k] += share * (value[k] - copy[k])
        updates += 1
        rollbacks += failed
    return loss / max(1, samples), updates, rollbacks

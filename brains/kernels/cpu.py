"""The stepping brain on a CPU (numba): acting and learning, in place on the arrays of `layout`; nothing allocates.

The meaning of each function is the torch function of the same name in `reference`, and the tests hold the two together.
"""

from __future__ import annotations

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_layers import draw, finite, forward, forward_pair, hat_of, is_finite, output_of
from brains.kernels.cpu_rules import backprop, output_error, sideways, tween, tween_chain
from brains.kernels.cpu_updates import apply, roll_back, single

F = np.float32


@jit
def act(layers, options, state, parameters, activity, observation, action):
    """One tick of every lane: observation (N, obs) -> action (N,) int64 or (N, actions) float32. Returns roll-backs.

    `parameters` of one lane serve all lanes (shared weights).
    """
    rollbacks = 0
    last = layers[layers.shape[0] - 1]
    for lane in range(observation.shape[0]):
        own = parameters[lane if parameters.shape[0] > 1 else 0]
        counters = state[lane]
        ring = activity[lane]
        slots = options[at.RING]
        now = ring[counters[at.TICK] % slots]
        for k in range(observation.shape[1]):
            now[k] = observation[lane, k]
        before = ring[(counters[at.TICK] + slots - 1) % slots]
        if options[at.FRESH]:
            forward_pair(layers, own[at.VALUE], before, now, ring[slots + at.WAVE])
        elif options[at.EXECUTION] == at.STEPPING:
            forward(layers, own[at.VALUE], before, now)
        else:
            forward(layers, own[at.VALUE], now, now)
        if not finite(now):
            roll_back(own)
            ring[:] = F(0.0)
            counters[at.AGE] = -1  # this tick teaches nothing
            rollbacks += 1
        counters[at.TICK] += 1
        counters[at.AGE] += 1
        choose(now[last[at.Y] : last[at.Y] + last[at.UNITS]], options[at.DISCRETE], action, lane)
    return rollbacks


@jit
def choose(output, discrete, action, lane):
    """The greedy choice: the first largest output of a discrete body, the outputs themselves of a continuous one."""
    if discrete:
        best = 0
        for o in range(1, output.size):
            if output[o] > output[best]:
                best = o
        action[lane, 0] = best
    else:
        for o in range(output.size):
            action[lane, o] = output[o]


@jit
def align(layers, options, counters, rows):
    """The row of `rows` holding the activations that answer for now's label, or -1 while no wave has come through."""
    depth, slots = layers.shape[0], options[at.RING]
    now = (counters[at.TICK] + slots - 1) % slots
    if options[at.EXECUTION] == at.SEQUENTIAL or options[at.ALIGN] == at.SIDEWAYS:
        return now
    wave = rows[slots + at.WAVE]
    if options[at.ALIGN] == at.INSTANT:  # the forward pass that act has made beside its own
        return slots + at.WAVE
    if counters[at.AGE] < depth:
        return -1
    gather(layers, rows, counters[at.TICK] - depth, slots, wave)
    return slots + at.WAVE


@jit
def gather(layers, rows, start, slots, wave):
    """The wave that entered at tick `start`: A[0] of that tick, and A[i+1] as layer i put it out i ticks later."""
    for k in range(layers[0, at.IN]):
        wave[k] = rows[start % slots, k]
    for i in range(layers.shape[0]):
        layer, row = layers[i], rows[(start + i) % slots]
        output_of(layer, wave)[:] = output_of(layer, row)
        if layer[at.NORMALIZE]:
            hat_of(layer, wave)[:] = hat_of(layer, row)


@jit
def add_sample(layers, options, numbers, own, rows, row, target):
    """Add the gradient of one sample, whose activations are in rows[row], to own[GRADIENT]. Returns its loss."""
    slots = options[at.RING]
    wave, error, scratch = rows[row], rows[slots + at.ERROR], rows[slots + at.SCRATCH]
    value, gradient = own[at.VALUE], own[at.GRADIENT]
    last = layers[layers.shape[0] - 1]
    loss = output_error(layers, options, wave, target, error)
    if options[at.RULE] == at.TWEEN_CHAIN:
        tween_chain(layers, numbers, own, wave, error, scratch, single(options))
    elif options[at.RULE] == at.TWEEN:
        goals, output = output_of(last, error), output_of(last, wave)
        for o in range(last[at.UNITS]):
            goals[o] += output[o]
        tween(layers, numbers, value, wave, error, gradient, scratch)
    elif row < slots and options[at.ALIGN] == at.SIDEWAYS and options[at.EXECUTION] == at.STEPPING:
        sideways(layers, value, wave, error, rows[slots + at.SIDE], gradient, scratch)
    else:
        backprop(layers, value, wave, error, gradient, scratch)
    return loss


@jit
def remember(counters, replay, observation, target):
    """Write one labelled observation into the replay ring."""
    row = replay[counters[at.POSITION]]
    for k in range(row.size - target.size):
        row[k] = observation[k]
    for k in range(target.size):
        row[row.size - target.size + k] = target[k]
    counters[at.POSITION] = (counters[at.POSITION] + 1) % replay.shape[0]
    counters[at.SIZE] = min(counters[at.SIZE] + 1, replay.shape[0])


@jit
def add_remembered(layers, options, numbers, own, rows, memory, targets):
    """Add the gradient of one remembered experience, by an ordinary forward pass. Returns its loss."""
    row = options[at.RING] + at.WAVE
    wave = rows[row]
    for k in range(layers[0, at.IN]):
        wave[k] = memory[k]
    forward(layers, own[at.VALUE], wave, wave)
    return add_sample(layers, options, numbers, own, rows, row, memory[memory.size - targets :])


@jit
def pick(options, counters, index):
    """A random place in the replay ring; the first quarter of every batch comes from the last RECENT experiences."""
    size = counters[at.SIZE]
    reach = min(size, options[at.RECENT]) if 4 * index < options[at.PER_STEP] else size
    stream, back = draw(counters[at.STREAM], reach)
    counters[at.STREAM] = stream
    return (counters[at.POSITION] - 1 - back + size) % size


@jit
def learn(layers, options, numbers, state, parameters, activity, replay, target, fresh):
    """One learning step of every lane. Returns (mean loss, updates, roll-backs).

    fresh: take in this tick's experience, labelled by target (N, target_size), NaN where the teacher is silent;
    otherwise learn from replay alone.
    """
    loss, samples, updates, rollbacks = 0.0, 0, 0, 0
    for lane in range(parameters.shape[0]):
        own, rows, counters, label = parameters[lane], activity[lane], state[lane], target[lane]
        slots = options[at.RING]
        before = counters[at.PENDING]
        if fresh and counters[at.AGE] > 0 and is_finite(label[0]):
            now = (counters[at.TICK] + slots - 1) % slots
            if replay.shape[1] > 0:
                remember(counters, replay[lane], rows[now], label)
            if options[at.SCHEDULE] != at.BLOCK:
                row = align(layers, options, counters, rows)
                if row >= 0:
                    loss += add_sample(layers, options, numbers, own, rows, row, label)
                    counters[at.PENDING] += 1
        if options[at.SCHEDULE] == at.BLOCK:
            if counters[at.SIZE] == options[at.PERIOD]:
                for index in range(options[at.PERIOD]):
                    loss += add_remembered(layers, options, numbers, own, rows, replay[lane, index], label.size)
                    rollbacks += apply(layers, options, numbers, counters, own, 1)
                    updates += 1
                samples += options[at.PERIOD]
                counters[at.SIZE] = 0
                counters[at.POSITION] = 0
            continue
        if counters[at.SIZE] > 0:
            for index in range(options[at.PER_STEP]):
                memory = replay[lane, pick(options, counters, index)]
                loss += add_remembered(layers, options, numbers, own, rows, memory, label.size)
                counters[at.PENDING] += 1
        samples += counters[at.PENDING] - before
        if counters[at.PENDING] >= max(1, options[at.PERIOD]):
            rollbacks += apply(layers, options, numbers, counters, own, counters[at.PENDING])
            updates += 1
            counters[at.PENDING] = 0
    return loss / max(1, samples), updates, rollbacks

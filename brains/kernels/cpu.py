"""The stepping brain on a CPU (numba): acting and learning, in place on the arrays of `layout`; nothing allocates.

The meaning of each function is the torch function of the same name in `reference`, and the tests hold the two together.
"""

from __future__ import annotations

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_layers import carry, forward, forward_pair, output_of
from brains.kernels.cpu_math import draw, finite, is_finite
from brains.kernels.cpu_rules import backprop, output_error, sideways, tween, tween_chain
from brains.kernels.cpu_updates import apply, roll_back, single

F = np.float32


@jit
def act(operations, options, state, parameters, activity, observation, action):
    """One tick of every lane: observation (N, obs) -> action (N,) int64 or (N, actions) float32. Returns roll-backs.

    `parameters` of one lane serve all lanes (shared weights).
    """
    rollbacks = 0
    last = operations[operations.shape[0] - 1]
    for lane in range(observation.shape[0]):
        own = parameters[lane if parameters.shape[0] > 1 else 0]
        counters, ring, slots = state[lane], activity[lane], options[at.RING]
        for again in range(options[at.BRAIN_TICKS] - 1, -1, -1):
            now = ring[counters[at.TICK] % slots]
            before = ring[(counters[at.TICK] + slots - 1) % slots]
            present(options, observation[lane], now)
            tick(operations, options, counters[at.AGE], own[at.VALUE], before, now, ring[slots + at.WAVE], again == 0)
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
def present(options, observation, row):
    """Write an observation (obs,) into a row as A[0], over and over until it is full."""
    for k in range(observation.size):
        row[k] = observation[k]
    for k in range(observation.size, options[at.INPUTS]):
        row[k] = row[k - observation.size]


@jit
def tick(operations, options, age, block, before, now, wave, last):
    """Fire everything once, from the row `before` to the row `now`, whose input is written; and, on the last brain tick
    of a world tick, make the fresh forward pass that align: instant learns from."""
    if options[at.STATE_TOTAL]:
        carry(operations, before, now)
    if options[at.EXECUTION] == at.SEQUENTIAL:
        forward(operations, block, now, now, options[at.STAGES])
    elif options[at.FRESH] and last:
        wave[: options[at.INPUTS]] = now[: options[at.INPUTS]]
        if options[at.STATE_TOTAL]:
            carry(operations, before, wave)
        forward_pair(operations, block, before, now, wave, age)
    else:
        forward(operations, block, before, now, age)


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
def align(operations, options, counters, rows):
    """The row of `rows` holding the activations that answer for now's label, or -1 while no wave has come through."""
    depth, slots = options[at.STAGES], options[at.RING]
    now = (counters[at.TICK] + slots - 1) % slots
    if options[at.EXECUTION] == at.SEQUENTIAL or options[at.ALIGN] in (at.SIDEWAYS, at.NOW):
        return now
    if options[at.ALIGN] == at.INSTANT:  # the forward pass that act has made beside its own
        return slots + at.WAVE
    if counters[at.AGE] < depth:
        return -1
    gather(operations, rows, counters[at.TICK] - depth, slots, rows[slots + at.WAVE])
    return slots + at.WAVE


@jit
def gather(operations, rows, start, slots, wave):
    """The wave that entered at tick `start`: A[0] of that tick, and what each stage made of it so many ticks later."""
    for k in range(operations[0, at.IN]):
        wave[k] = rows[start % slots, k]
    for i in range(operations.shape[0]):
        op = operations[i]
        row = rows[(start + op[at.STAGE]) % slots]
        wave[op[at.Y] : op[at.Y] + op[at.SPAN]] = row[op[at.Y] : op[at.Y] + op[at.SPAN]]


@jit
def add_sample(operations, options, numbers, own, rows, row, target):
    """Add the gradient of one sample, whose activations are in rows[row], to own[GRADIENT]. Returns its loss."""
    slots = options[at.RING]
    wave, error, scratch = rows[row], rows[slots + at.ERROR], rows[slots + at.SCRATCH]
    value, gradient = own[at.VALUE], own[at.GRADIENT]
    last = operations[operations.shape[0] - 1]
    loss = output_error(operations, options, wave, target, error)
    if options[at.RULE] == at.TWEEN_CHAIN:
        tween_chain(operations, options, numbers, own, wave, error, rows[slots + at.HEALTH], scratch, single(options))
    elif options[at.RULE] == at.TWEEN:
        goals, output = output_of(last, error), output_of(last, wave)
        for o in range(last[at.UNITS]):
            goals[o] += output[o]
        tween(operations, numbers, value, wave, error, gradient, scratch)
    elif row < slots and options[at.EXECUTION] == at.STEPPING:
        copy = rows[slots + at.WAVE]  # the live row must stay as it is
        copy[:] = wave
        if options[at.ALIGN] == at.SIDEWAYS:
            sideways(operations, value, copy, error, rows[slots + at.SIDE], gradient, scratch)
        else:
            backprop(operations, value, copy, error, gradient, scratch, True)
    else:
        backprop(operations, value, wave, error, gradient, scratch, False)
    return loss


@jit
def remember(operations, options, counters, replay, row, target):
    """Write one labelled observation, and the states it met, into the replay ring."""
    memory = replay[counters[at.POSITION]]
    place = memory.size - target.size - options[at.STATE_TOTAL]
    memory[:place] = row[:place]
    if options[at.STATE_TOTAL]:
        for i in range(operations.shape[0]):
            op = operations[i]
            for k in range(op[at.STATE_SIZE]):
                memory[place + k] = row[op[at.BEFORE] + k]
            place += op[at.STATE_SIZE]
    memory[place:] = target
    counters[at.POSITION] = (counters[at.POSITION] + 1) % replay.shape[0]
    counters[at.SIZE] = min(counters[at.SIZE] + 1, replay.shape[0])


@jit
def recall(operations, options, memory, targets, row):
    """Write a remembered observation, and the states it met, into a row; an ordinary forward pass can follow."""
    place = memory.size - targets - options[at.STATE_TOTAL]
    present(options, memory[:place], row)
    if options[at.STATE_TOTAL]:
        for i in range(operations.shape[0]):
            op = operations[i]
            for k in range(op[at.STATE_SIZE]):
                row[op[at.BEFORE] + k] = memory[place + k]
            place += op[at.STATE_SIZE]


@jit
def add_remembered(operations, options, numbers, own, rows, memory, targets):
    """Add the gradient of one remembered experience, by an ordinary forward pass. Returns its loss."""
    row = options[at.RING] + at.WAVE
    wave = rows[row]
    recall(operations, options, memory, targets, wave)
    forward(operations, own[at.VALUE], wave, wave, options[at.STAGES])
    return add_sample(operations, options, numbers, own, rows, row, memory[memory.size - targets :])


@jit
def pick(options, counters, index):
    """A random place in the replay ring; the first quarter of every batch comes from the last RECENT experiences."""
    size = counters[at.SIZE]
    reach = min(size, options[at.RECENT]) if 4 * index < options[at.PER_STEP] else size
    stream, back = draw(counters[at.STREAM], reach)
    counters[at.STREAM] = stream
    return (counters[at.POSITION] - 1 - back + size) % size


@jit
def learn(operations, options, numbers, state, parameters, activity, replay, target, fresh):
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
                remember(operations, options, counters, replay[lane], rows[now], label)
            if options[at.SCHEDULE] != at.BLOCK:
                row = align(operations, options, counters, rows)
                if row >= 0:
                    loss += add_sample(operations, options, numbers, own, rows, row, label)
                    counters[at.PENDING] += 1
        if options[at.SCHEDULE] == at.BLOCK:
            if counters[at.SIZE] == options[at.PERIOD]:
                for index in range(options[at.EPOCHS] * options[at.PERIOD]):
                    memory = replay[lane, index % options[at.PERIOD]]
                    loss += add_remembered(operations, options, numbers, own, rows, memory, label.size)
                    rollbacks += apply(operations, options, numbers, counters, own, 1)
                    updates += 1
                samples += options[at.EPOCHS] * options[at.PERIOD]
                counters[at.SIZE] = 0
                counters[at.POSITION] = 0
            continue
        if counters[at.SIZE] > 0:
            for index in range(options[at.PER_STEP]):
                memory = replay[lane, pick(options, counters, index)]
                loss += add_remembered(operations, options, numbers, own, rows, memory, label.size)
                counters[at.PENDING] += 1
        samples += counters[at.PENDING] - before
        if counters[at.PENDING] >= max(1, options[at.PERIOD]):
            rollbacks += apply(operations, options, numbers, counters, own, counters[at.PENDING])
            updates += 1
            counters[at.PENDING] = 0
    return loss / max(1, samples), updates, rollbacks

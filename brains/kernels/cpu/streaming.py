"""Stream AC(lambda): an actor and a critic learning from reward, one sample at a time (see `reference.streaming`).

Elsayed et al. 2024, "Streaming Deep Reinforcement Learning Finally Works" (arXiv 2410.14606), algorithms 3, 5, 6 and 8;
Intentional Updates (arXiv 2604.19033), which `reference.streaming` states.
MOMENT1 of both networks holds the eligibility traces. In ascent form throughout. The critic has counters of the actor.
"""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, call, doubles, floats, integers
from agentsim.compiled.vectors import WIDTH, absolute, fma, load, splat, square_root, store, total
from brains.kernels.cpu.mathematics import copy, fill, finite, flush, is_finite
from brains.kernels.cpu.network import extra_row, last_of, ring_row, scratch
from brains.kernels.cpu.reward import (
    count_reward,
    normalized,
    observe,
    return_deviation,
    sees,
    statistics_size,
    uniform,
)
from brains.kernels.cpu.taught import counters_of, own_of, rows_of, tick, wave_of
from brains.kernels.cpu.updates import block_of, copy_block, roll_back
from brains.kernels.program import block, counter, op, option, reward, row

F = np.float32


@inline
def think(program, counters, value, rows):
    """Fire everything, BRAIN_TICKS times, into the rows from this tick's on, of which the first holds the observation.
    Returns the last of them; the counters stay as they are."""
    first, now = counters[counter.TICK], rows
    for again in range(program[option.BRAIN_TICKS]):
        now, before = ring_row(program, rows, first + again), ring_row(program, rows, first + again - 1)
        copy(ring_row(program, rows, first), now, program[option.INPUTS])
        tick(program, counters[counter.AGE] + again, value, before, now, before, False)
    return now


@inline
def softplus(raw):
    """log(1 + e^raw)."""
    return max(raw, 0.0) + math.log1p(math.exp(-abs(raw)))


@inline
def draw_action(program, counters, output, sampled, actions):
    """Sample the policy: softmax probabilities, or a Gaussian of mean output[:A], deviation softplus(output[A:])."""
    if program[option.DISCRETE]:
        units = last_of(program)[op.UNITS]
        threshold, below, choice = uniform(counters), 0.0, 0
        for o in range(units):
            below += np.float64(output[o])
            if below <= threshold:
                choice = min(o + 1, units - 1)
        sampled[0] = F(choice)
    else:
        for o in range(actions):
            radius = math.sqrt(-2.0 * math.log(uniform(counters)))
            normal = radius * math.cos(2.0 * math.pi * uniform(counters))
            spread = softplus(np.float64(output[actions + o]))
            sampled[o] = F(np.float64(output[o]) + spread * normal)


@kernel(INTEGERS)
def act(frame):
    """One tick of every lane: OBSERVATION (N, SENSES) -> SAMPLED (N, 1 or actions)."""
    actor, critic = integers(frame[reward.ACTOR]), integers(frame[reward.CRITIC])
    settings, senses, size = doubles(frame[reward.SETTINGS]), actor[option.SENSES], actor[option.ROW_SIZE]
    doubles(actor[option.RESULT])[option.ROLLBACKS] = 0.0
    thinks, actions, y = actor[option.BRAIN_TICKS], actor[option.TARGETS], last_of(actor)[op.Y]
    for lane in range(actor[option.LANES]):
        own, rows, counters = own_of(actor, lane), rows_of(actor, lane), counters_of(actor, lane)
        critic_own, critic_rows = own_of(critic, lane), rows_of(critic, lane)
        statistics = at(doubles(frame[reward.STATISTICS]), lane * statistics_size(actor))
        observation = at(floats(actor[option.OBSERVATION]), lane * senses)
        if sees(observation, senses):
            observe(statistics, observation, senses)
        first = ring_row(actor, rows, counters[counter.TICK])
        normalized(actor, settings, statistics, observation, first)
        copy(first, ring_row(critic, critic_rows, counters[counter.TICK]), actor[option.INPUTS])
        now = think(actor, counters, block_of(actor, own, block.VALUE), rows)
        value = think(critic, counters, block_of(critic, critic_own, block.VALUE), critic_rows)
        if not (finite(now, size) and finite(value, critic[option.ROW_SIZE])):
            roll_back_both(actor, own, critic, critic_own)
            fill(rows, 0.0, actor[option.ROWS] * size)
            fill(critic_rows, 0.0, critic[option.ROWS] * critic[option.ROW_SIZE])
            counters[counter.AGE] = -thinks  # this tick teaches nothing
        counters[counter.TICK] += thinks
        counters[counter.AGE] += thinks
        draw_action(actor, counters, at(now, y), at(floats(frame[reward.SAMPLED]), lane * actions), actions)


@inline
def roll_back_both(actor, own, critic, critic_own):
    """Return to the last snapshot in which both networks were good."""
    roll_back(actor, own)
    before = doubles(actor[option.RESULT])[option.ROLLBACKS]
    roll_back(critic, critic_own)
    doubles(actor[option.RESULT])[option.ROLLBACKS] = before


@inline
def policy_error(program, output, action, actions, entropy, error):
    """d (log pi(a) + entropy H) / d (the policy's last pre-activation), into `error`."""
    last = last_of(program)
    units = last[op.UNITS]
    fill(error, 0.0, last[op.WIDTH])
    if program[option.DISCRETE]:
        information = 0.0
        for o in range(units):
            p = max(np.float64(output[o]), 1e-30)
            information += np.float64(output[o]) * math.log(p)
        for o in range(units):
            chosen = 1.0 if action[0] == F(o) else 0.0
            p = np.float64(output[o])
            error[o] = F(chosen - p - entropy * p * (math.log(max(p, 1e-30)) - information))
    else:
        for o in range(actions):
            raw = np.float64(output[actions + o])
            spread = softplus(raw)
            off = (np.float64(action[o]) - np.float64(output[o])) / spread
            error[o] = F(off / spread)
            error[actions + o] = F((off * off - 1.0 + entropy) / spread / (1.0 + math.exp(-raw)))


@inline
def gradient_of(program, own, rows, counters):
    """The gradient through the wave that acted, gathered; error[L] is given."""
    work = floats(program[option.WORK])
    errors, wave = at(work, scratch(program, row.ERRORS)), extra_row(program, rows, row.WAVE)
    live = row.ONE_PASS
    if program[option.EXECUTION] == option.SEQUENTIAL:
        copy(ring_row(program, rows, counters[counter.TICK] - 1), wave, program[option.ROW_SIZE])
    else:
        live = wave_of(program, counters, rows, wave)
    call(program[option.SAMPLE], (program, own, wave, errors, rows, 1, live))


@inline
def overshoot_bounded(program, own, decay, delta, step_size, kappa):
    """z = decay z + gradient; ObGD: w += step delta z, step = rate / max(1, rate kappa max(|delta|, 1) sum |z|)."""
    trace, gradient = block_of(program, own, block.MOMENT1), block_of(program, own, block.GRADIENT)
    absolutes, nothing, keep = splat(F(0.0)), splat(F(0.0)), splat(decay)
    for k in range(0, program[option.BLOCK_SIZE], WIDTH):
        z = flush(fma(keep, load(trace, k), load(gradient, k)))
        store(trace, k, z)
        store(gradient, k, nothing)
        absolutes = absolutes + absolute(z)
    step = step_size / max(1.0, step_size * kappa * max(abs(delta), 1.0) * np.float64(total(absolutes)))
    value = block_of(program, own, block.VALUE)
    along = splat(F(step * delta))
    for k in range(0, program[option.BLOCK_SIZE], WIDTH):
        store(value, k, fma(along, load(trace, k), load(value, k)))


@inline
def intended(program, own, decay, change, seen_share):
    """z = decay z + gradient, v its running mean square; Intentional Updates: w += change p z / sum(p z z), with
    p = 1 / (sqrt(v / seen_share) + 1e-8)."""
    trace, gradient = block_of(program, own, block.MOMENT1), block_of(program, own, block.GRADIENT)
    value, squares = block_of(program, own, block.VALUE), block_of(program, own, block.MOMENT2)
    keep, nothing, epsilon = splat(decay), splat(F(0.0)), splat(F(1e-8))
    kept, new, scale = (
        splat(F(1.0 - reward.FORGETTING)),
        splat(F(reward.FORGETTING)),
        splat(F(1.0 / math.sqrt(seen_share))),
    )
    products = splat(F(0.0))
    for k in range(0, program[option.BLOCK_SIZE], WIDTH):
        g = load(gradient, k)
        z, v = flush(fma(keep, load(trace, k), g)), flush(fma(kept, load(squares, k), new * (g * g)))
        store(trace, k, z)
        store(squares, k, v)
        products = products + z * z / fma(square_root(v), scale, epsilon)
        store(gradient, k, nothing)
    along = splat(F(change / max(np.float64(total(products)), 1e-30)))
    for k in range(0, program[option.BLOCK_SIZE], WIDTH):
        z = load(trace, k) / fma(square_root(load(squares, k)), scale, epsilon)
        store(value, k, fma(along, z, load(value, k)))


@inline
def usual_error(statistics, delta, seen_share):
    """The running root mean square of delta, this one among them."""
    statistics[reward.DELTA_SQUARES] += reward.FORGETTING * (delta * delta - statistics[reward.DELTA_SQUARES])
    return math.sqrt(statistics[reward.DELTA_SQUARES] / seen_share)


@inline
def keep_snapshot(actor, own, critic, critic_own, counters):
    """Every SNAPSHOT_EVERY updates a snapshot of both networks where both are finite, else back to the last."""
    counters[counter.SINCE_SNAPSHOT] += 1
    if counters[counter.SINCE_SNAPSHOT] >= actor[option.SNAPSHOT_EVERY]:
        counters[counter.SINCE_SNAPSHOT] = 0
        fine = finite(block_of(actor, own, block.VALUE), actor[option.BLOCK_SIZE])
        if fine and finite(block_of(critic, critic_own, block.VALUE), critic[option.BLOCK_SIZE]):
            copy_block(actor, own, block.VALUE, block.GOOD_VALUE)
            copy_block(critic, critic_own, block.VALUE, block.GOOD_VALUE)
            if actor[option.BLOCKS] == block.MANY:
                copy_block(actor, own, block.MOMENT2, block.GOOD_MOMENT2)
                copy_block(critic, critic_own, block.MOMENT2, block.GOOD_MOMENT2)
        else:
            roll_back_both(actor, own, critic, critic_own)


@kernel(INTEGERS)
def learn(frame):
    """One transition of every lane: REWARD (N,), FOLLOWING = the next observation (N, SENSES), TERMINATED and TRUNCATED
    (N,) int64; RESULT says (mean delta^2, updates, roll-backs).

    A truncated episode's value is bootstrapped, a terminated one's is 0.
    """
    actor, critic, settings = (
        integers(frame[reward.ACTOR]),
        integers(frame[reward.CRITIC]),
        doubles(frame[reward.SETTINGS]),
    )
    result = doubles(actor[option.RESULT])
    result[option.UPDATES] = result[option.ROLLBACKS] = 0.0
    cost, actions, senses = 0.0, actor[option.TARGETS], actor[option.SENSES]
    needed = actor[option.STAGES] if actor[option.EXECUTION] == option.STEPPING else 1
    policy, judge = last_of(actor), last_of(critic)
    error = at(floats(actor[option.WORK]), scratch(actor, row.ERRORS) + policy[op.Y])
    critic_error = at(floats(critic[option.WORK]), scratch(critic, row.ERRORS) + judge[op.Y])
    discount, step_size = settings[reward.DISCOUNT], settings[reward.STEP_SIZE]
    decay = F(discount * settings[reward.TRACE_DECAY])
    for lane in range(actor[option.LANES]):
        own, rows, counters = own_of(actor, lane), rows_of(actor, lane), counters_of(actor, lane)
        critic_own, critic_rows = own_of(critic, lane), rows_of(critic, lane)
        statistics = at(doubles(frame[reward.STATISTICS]), lane * statistics_size(actor))
        terminated = integers(frame[reward.TERMINATED])[lane] > 0
        done = terminated or integers(frame[reward.TRUNCATED])[lane] > 0
        earned = np.float64(floats(frame[reward.REWARD])[lane])
        count_reward(settings, statistics, earned, done)
        earned /= return_deviation(settings, statistics)
        if counters[counter.AGE] < needed:
            continue
        value = np.float64(ring_row(critic, critic_rows, counters[counter.TICK] - 1)[judge[op.Y]])
        ahead = 0.0
        if not terminated:
            following = at(floats(frame[reward.FOLLOWING]), lane * senses)
            now = ring_row(critic, critic_rows, counters[counter.TICK])
            normalized(critic, settings, statistics, following, now)
            then = think(critic, counters, block_of(critic, critic_own, block.VALUE), critic_rows)
            ahead = np.float64(then[judge[op.Y]])
        delta = earned + discount * ahead - value
        if not is_finite(delta):
            roll_back_both(actor, own, critic, critic_own)
            continue
        sign = 1.0 if delta > 0.0 else -1.0 if delta < 0.0 else 0.0
        output = at(ring_row(actor, rows, counters[counter.TICK] - 1), policy[op.Y])
        action = at(floats(frame[reward.SAMPLED]), lane * actions)
        policy_error(actor, output, action, actions, settings[reward.ENTROPY] * sign, error)
        gradient_of(actor, own, rows, counters)
        fill(critic_error, 0.0, judge[op.WIDTH])
        critic_error[0] = F(1.0)
        gradient_of(critic, critic_own, critic_rows, counters)
        if settings[reward.INTENTIONAL] > 0.0:
            counters[counter.ADAM_STEP] += 1
            seen_share = 1.0 - (1.0 - reward.FORGETTING) ** np.float64(counters[counter.ADAM_STEP])
            usual = usual_error(statistics, delta, seen_share)
            limit = settings[reward.DELTA_CLIP] * usual
            wanted = min(max(delta, -limit), limit)
            intended(actor, own, decay, settings[reward.POLICY_CHANGE] * wanted / max(usual, 1e-30), seen_share)
            intended(critic, critic_own, decay, settings[reward.VALUE_CHANGE] * wanted, seen_share)
        else:
            overshoot_bounded(actor, own, decay, delta, step_size, settings[reward.KAPPA_POLICY])
            overshoot_bounded(critic, critic_own, decay, delta, step_size, settings[reward.KAPPA_VALUE])
        if done:
            fill(block_of(actor, own, block.MOMENT1), 0.0, actor[option.BLOCK_SIZE])
            fill(block_of(critic, critic_own, block.MOMENT1), 0.0, critic[option.BLOCK_SIZE])
        cost += delta * delta
        result[option.UPDATES] += 1.0
        keep_snapshot(actor, own, critic, critic_own, counters)
    result[option.LOSS] = cost / max(1.0, result[option.UPDATES])

"""Stream AC(lambda) on a CPU (numba): an actor and a critic learning from reward, one sample at a time.

Elsayed et al. 2024, "Streaming Deep Reinforcement Learning Finally Works" (arXiv 2410.14606), algorithms 3, 5, 6 and 8.
The networks are those of `layout`: MOMENT1 holds the eligibility traces. In ascent form throughout. The meaning of each
function is that of the same name in `reference_streaming`.

settings and statistics: see `layout`. sampled (N, 1 or actions) float32: the last action as drawn, before any clipping.
"""

from __future__ import annotations

import math

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu import gather, present
from brains.kernels.cpu import tick as fire_all
from brains.kernels.cpu_layers import output_of
from brains.kernels.cpu_math import draw, finite, flush, is_finite
from brains.kernels.cpu_rules import backprop
from brains.kernels.cpu_updates import roll_back

F = np.float32


@jit
def uniform(counters):
    """A number in (0, 1) from the lane's stream."""
    stream, bits = draw(counters[at.STREAM], 1 << 24)
    counters[at.STREAM] = stream
    return (bits + 0.5) / (1 << 24)


@jit
def observe(statistics, observation):
    """Take one observation (obs,) into the running mean and sum of squares (Welford 1962)."""
    statistics[at.COUNT] += 1.0
    size = observation.size
    for k in range(size):
        off = observation[k] - statistics[at.STATISTICS + k]
        statistics[at.STATISTICS + k] += off / statistics[at.COUNT]
        statistics[at.STATISTICS + size + k] += off * (observation[k] - statistics[at.STATISTICS + k])


@jit
def normalized(options, settings, statistics, observation, row):
    """Write the observation into a row as A[0], normalised by the running moments if that is on."""
    size = observation.size
    for k in range(size):
        value = float(observation[k])
        if settings[at.NORMALIZE_OBSERVATION] > 0.0:
            variance = 1.0
            if statistics[at.COUNT] > 1.0:
                variance = statistics[at.STATISTICS + size + k] / (statistics[at.COUNT] - 1.0)
            value = (value - statistics[at.STATISTICS + k]) / math.sqrt(variance + 1e-8)
        row[k] = F(value)
    present(options, row[:size], row)


@jit
def scaled_reward(settings, statistics, reward, done):
    """The reward over the running deviation of the discounted return."""
    if settings[at.SCALE_REWARD] <= 0.0 or not is_finite(reward):
        return reward
    kept = 0.0 if done else settings[at.DISCOUNT] * statistics[at.REWARD_TRACE]
    statistics[at.REWARD_TRACE] = kept + reward
    statistics[at.REWARD_COUNT] += 1.0
    off = statistics[at.REWARD_TRACE] - statistics[at.REWARD_MEAN]
    statistics[at.REWARD_MEAN] += off / statistics[at.REWARD_COUNT]
    statistics[at.REWARD_SQUARES] += off * (statistics[at.REWARD_TRACE] - statistics[at.REWARD_MEAN])
    return reward / return_deviation(settings, statistics)


@jit
def return_deviation(settings, statistics):
    """The running deviation of the discounted return, by which rewards are divided; 1 where that is off."""
    if settings[at.SCALE_REWARD] <= 0.0:
        return 1.0
    variance = 1.0
    if statistics[at.REWARD_COUNT] > 1.0:
        variance = statistics[at.REWARD_SQUARES] / (statistics[at.REWARD_COUNT] - 1.0)
    return math.sqrt(variance + 1e-8)


@jit
def think(operations, options, counters, block, ring):
    """Fire everything, BRAIN_TICKS times, into the rows from this tick's on, of which the first holds the observation.
    Returns the last of them; the counters stay as they are."""
    slots, first = options[at.RING], counters[at.TICK]
    size = options[at.INPUTS]
    for again in range(options[at.BRAIN_TICKS]):
        now, before = ring[(first + again) % slots], ring[(first + again + slots - 1) % slots]
        now[:size] = ring[first % slots, :size]
        fire_all(operations, options, counters[at.AGE] + again, block, before, now, before, False)
    return ring[(first + options[at.BRAIN_TICKS] - 1) % slots]


@jit
def draw_action(options, counters, output, sampled):
    """Sample the policy: softmax probabilities, or a Gaussian of mean output[:A], deviation softplus(output[A:])."""
    if options[at.DISCRETE]:
        threshold, total, choice = uniform(counters), 0.0, 0
        for o in range(output.size):
            total += output[o]
            if total <= threshold:
                choice = min(o + 1, output.size - 1)
        sampled[0] = F(choice)
        return
    for o in range(sampled.size):
        radius = math.sqrt(-2.0 * math.log(uniform(counters)))
        normal = radius * math.cos(2.0 * math.pi * uniform(counters))
        sampled[o] = F(output[o] + deviation(output[sampled.size + o]) * normal)


@jit
def deviation(raw):
    """softplus: log(1 + e^raw)."""
    return max(raw, 0.0) + math.log1p(math.exp(-abs(raw)))


@jit
def act(
    actor,
    critic,
    options,
    state,
    actor_own,
    critic_own,
    actor_rows,
    critic_rows,
    settings,
    statistics,
    sampled,
    observation,
):
    """One tick of every lane: observation (N, obs) -> sampled (N, 1 or actions). Returns roll-backs."""
    rollbacks = 0
    last = actor[actor.shape[0] - 1]
    for lane in range(observation.shape[0]):
        counters = state[lane]
        slot = counters[at.TICK] % options[at.RING]
        if finite(observation[lane]):
            observe(statistics[lane], observation[lane])
        normalized(options, settings, statistics[lane], observation[lane], actor_rows[lane, slot])
        normalized(options, settings, statistics[lane], observation[lane], critic_rows[lane, slot])
        now = think(actor, options, counters, actor_own[lane, at.VALUE], actor_rows[lane])
        value = think(critic, options, counters, critic_own[lane, at.VALUE], critic_rows[lane])
        if not (finite(now) and finite(value)):
            roll_back_both(actor_own[lane], critic_own[lane])
            actor_rows[lane] = F(0.0)
            critic_rows[lane] = F(0.0)
            counters[at.AGE] = -options[at.BRAIN_TICKS]  # this tick teaches nothing
            rollbacks += 1
        counters[at.TICK] += options[at.BRAIN_TICKS]
        counters[at.AGE] += options[at.BRAIN_TICKS]
        draw_action(options, counters, now[last[at.Y] : last[at.Y] + last[at.UNITS]], sampled[lane])
    return rollbacks


@jit
def roll_back_both(actor_own, critic_own):
    """Return both networks to their last good snapshot."""
    roll_back(actor_own)
    roll_back(critic_own)


@jit
def policy_error(options, output, sampled, entropy, error):
    """error = d (log pi(a) + entropy H) / d (the policy's last pre-activation)."""
    error[:] = F(0.0)
    if options[at.DISCRETE]:
        uncertainty = 0.0
        for o in range(output.size):
            uncertainty -= output[o] * math.log(max(output[o], F(1e-30)))
        for o in range(output.size):
            slope = -output[o] * (math.log(max(output[o], F(1e-30))) + uncertainty)
            error[o] = F((1.0 if o == int(sampled[0]) else 0.0) - output[o] + entropy * slope)
        return
    actions = sampled.size
    for o in range(actions):
        raw = output[actions + o]
        sigma = deviation(raw)
        off = (sampled[o] - output[o]) / sigma
        error[o] = F(off / sigma)
        error[actions + o] = F((off * off - 1.0 + entropy) / sigma / (1.0 + math.exp(-raw)))


@jit
def trace_gradient(operations, options, counters, own, rows, decay):
    """z = decay z + the gradient through the activations that acted; the output's error is given. Returns sum |z|."""
    slots = options[at.RING]
    error, scratch = rows[slots + at.ERROR], rows[slots + at.SCRATCH]
    row = (counters[at.TICK] + slots - 1) % slots
    if options[at.EXECUTION] == at.STEPPING:
        row = slots + at.WAVE
        gather(operations, rows, counters[at.TICK] - options[at.STAGES], slots, rows[row])
    own[at.GRADIENT] = F(0.0)
    backprop(operations, own[at.VALUE], rows[row], error, own[at.GRADIENT], scratch, False)
    trace, gradient = own[at.MOMENT1], own[at.GRADIENT]
    total = F(0.0)
    for k in range(trace.size):
        trace[k] = flush(decay * trace[k] + gradient[k])
        total += abs(trace[k])
    return float(total)


@jit
def overshoot_bounded(own, delta, total, rate, kappa):
    """ObGD: w += step delta z, with step = rate / max(1, rate kappa max(|delta|, 1) sum |z|)."""
    step = rate / max(1.0, rate * kappa * max(abs(delta), 1.0) * total)
    move, value, trace = F(step * delta), own[at.VALUE], own[at.MOMENT1]
    for k in range(value.size):
        value[k] += move * trace[k]


@jit
def learn(
    actor,
    critic,
    options,
    state,
    actor_own,
    critic_own,
    actor_rows,
    critic_rows,
    settings,
    statistics,
    sampled,
    reward,
    following,
    terminated,
    truncated,
):
    """One transition of every lane: reward (N,), following = the next observation (N, obs), terminated, truncated (N,).

    Returns (mean delta^2, updates, roll-backs). A truncated episode's value is bootstrapped, a terminated one's is 0.
    """
    loss, updates, rollbacks = 0.0, 0, 0
    depth = options[at.STAGES]
    policy, critic_last = actor[actor.shape[0] - 1], critic[critic.shape[0] - 1]
    for lane in range(reward.size):
        counters, pi, v = state[lane], actor_own[lane], critic_own[lane]
        rows, critic_row = actor_rows[lane], critic_rows[lane]
        slots = options[at.RING]
        before = (counters[at.TICK] + slots - 1) % slots
        done = terminated[lane] or truncated[lane]
        gained = scaled_reward(settings, statistics[lane], float(reward[lane]), done)
        if counters[at.AGE] < (depth if options[at.EXECUTION] == at.STEPPING else 1):
            continue
        value = float(critic_row[before, critic_last[at.Y]])
        ahead = 0.0
        if not terminated[lane]:
            normalized(options, settings, statistics[lane], following[lane], critic_row[counters[at.TICK] % slots])
            ahead = float(think(critic, options, counters, v[at.VALUE], critic_row)[critic_last[at.Y]])
        delta = gained + settings[at.DISCOUNT] * ahead - value
        if not is_finite(delta):
            roll_back_both(pi, v)
            rollbacks += 1
            continue
        sign = 1.0 if delta > 0.0 else -1.0 if delta < 0.0 else 0.0
        output = rows[before, policy[at.Y] : policy[at.Y] + policy[at.UNITS]]
        policy_error(
            options, output, sampled[lane], settings[at.ENTROPY] * sign, output_of(policy, rows[slots + at.ERROR])
        )
        critic_error = output_of(critic_last, critic_row[slots + at.ERROR])
        critic_error[:] = F(0.0)
        critic_error[0] = F(1.0)
        decay = F(settings[at.DISCOUNT] * settings[at.TRACE_DECAY])
        total = trace_gradient(actor, options, counters, pi, rows, decay)
        overshoot_bounded(pi, delta, total, settings[at.STEP_SIZE], settings[at.KAPPA_POLICY])
        total = trace_gradient(critic, options, counters, v, critic_row, decay)
        overshoot_bounded(v, delta, total, settings[at.STEP_SIZE], settings[at.KAPPA_VALUE])
        if done:
            pi[at.MOMENT1] = F(0.0)
            v[at.MOMENT1] = F(0.0)
        loss += delta * delta
        updates += 1
        rollbacks += keep_snapshot(options, counters, pi, v)
    return loss / max(1, updates), updates, rollbacks


@jit
def keep_snapshot(options, counters, actor_own, critic_own):
    """Every SNAPSHOT_EVERY updates a snapshot of both networks where both are finite, else back to the last."""
    counters[at.SINCE_SNAPSHOT] += 1
    if counters[at.SINCE_SNAPSHOT] < options[at.SNAPSHOT_EVERY]:
        return 0
    counters[at.SINCE_SNAPSHOT] = 0
    if not (finite(actor_own[at.VALUE]) and finite(critic_own[at.VALUE])):
        roll_back_both(actor_own, critic_own)
        return 1
    actor_own[at.FIRST_GOOD] = actor_own[at.VALUE]
    critic_own[at.FIRST_GOOD] = critic_own[at.VALUE]
    return 0

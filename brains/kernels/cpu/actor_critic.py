"""What streaming actor-critics share, whatever their networks and gradients are: chance, the policy's error, and steps.

Elsayed et al. 2024, "Streaming Deep Reinforcement Learning Finally Works" (arXiv 2410.14606); Intentional Updates
(arXiv 2604.19033), which `reference.streaming` states. In ascent form throughout. The parameters of a network are a
tuple of its values, their gradient, its trace, the running squares, and how many numbers each of these is.
"""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline
from agentsim.compiled.vectors import WIDTH, absolute, fma, load, splat, square_root, store, total
from brains.kernels.cpu.mathematics import fill, flush
from brains.kernels.cpu.reward import uniform
from brains.kernels.program import counter, reward

F = np.float32


@inline
def softplus(raw):
    """log(1 + e^raw)."""
    return max(raw, 0.0) + math.log1p(math.exp(-abs(raw)))


@inline
def draw_action(discrete, counters, output, sampled, actions):
    """Sample the policy: probabilities of choices, or a Gaussian of mean output[:A], deviation softplus(output[A:]);
    `actions`: choices, or A."""
    if discrete:
        threshold, below, choice = uniform(counters), 0.0, 0
        for o in range(actions):
            below += np.float64(output[o])
            if below <= threshold:
                choice = min(o + 1, actions - 1)
        sampled[0] = F(choice)
    else:
        for o in range(actions):
            radius = math.sqrt(-2.0 * math.log(uniform(counters)))
            normal = radius * math.cos(2.0 * math.pi * uniform(counters))
            spread = softplus(np.float64(output[actions + o]))
            sampled[o] = F(np.float64(output[o]) + spread * normal)


@inline
def policy_error(discrete, output, action, actions, entropy, error, width):
    """d (log pi(a) + entropy H) / d (logits, or the Gaussian's numbers), into `error`, a row so wide."""
    fill(error, 0.0, width)
    if discrete:
        information = 0.0
        for o in range(actions):
            p = max(np.float64(output[o]), 1e-30)
            information += np.float64(output[o]) * math.log(p)
        for o in range(actions):
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
def overshoot_bounded(parameters, decay, delta, step_size, kappa):
    """z = decay z + gradient; ObGD: w += step delta z, step = rate / max(1, rate kappa max(|delta|, 1) sum |z|)."""
    value, gradient, trace, _, size = parameters
    absolutes, nothing, keep = splat(F(0.0)), splat(F(0.0)), splat(decay)
    for k in range(0, size, WIDTH):
        z = flush(fma(keep, load(trace, k), load(gradient, k)))
        store(trace, k, z)
        store(gradient, k, nothing)
        absolutes = absolutes + absolute(z)
    step = step_size / max(1.0, step_size * kappa * max(abs(delta), 1.0) * np.float64(total(absolutes)))
    along = splat(F(step * delta))
    for k in range(0, size, WIDTH):
        store(value, k, fma(along, load(trace, k), load(value, k)))


@inline
def intended(parameters, decay, change, seen_share):
    """z = decay z + gradient, v its running mean square; Intentional Updates: w += change p z / sum(p z z), with
    p = 1 / (sqrt(v / seen_share) + 1e-8)."""
    value, gradient, trace, squares, size = parameters
    keep, nothing, epsilon = splat(decay), splat(F(0.0)), splat(F(1e-8))
    kept, new, scale = (
        splat(F(1.0 - reward.FORGETTING)),
        splat(F(reward.FORGETTING)),
        splat(F(1.0 / math.sqrt(seen_share))),
    )
    products = splat(F(0.0))
    for k in range(0, size, WIDTH):
        g = load(gradient, k)
        z, v = flush(fma(keep, load(trace, k), g)), flush(fma(kept, load(squares, k), new * (g * g)))
        store(trace, k, z)
        store(squares, k, v)
        products = products + z * z / fma(square_root(v), scale, epsilon)
        store(gradient, k, nothing)
    along = splat(F(change / max(np.float64(total(products)), 1e-30)))
    for k in range(0, size, WIDTH):
        z = load(trace, k) / fma(square_root(load(squares, k)), scale, epsilon)
        store(value, k, fma(along, z, load(value, k)))


@inline
def usual_error(statistics, delta, seen_share):
    """The running root mean square of delta, this one among them."""
    statistics[reward.DELTA_SQUARES] += reward.FORGETTING * (delta * delta - statistics[reward.DELTA_SQUARES])
    return math.sqrt(statistics[reward.DELTA_SQUARES] / seen_share)


@inline
def improve(settings, statistics, counters, delta, actor, critic):
    """A step of both networks along their traces, which take in their gradients; `counters` are the actor's."""
    decay = F(settings[reward.DISCOUNT] * settings[reward.TRACE_DECAY])
    if settings[reward.INTENTIONAL] > 0.0:
        counters[counter.ADAM_STEP] += 1
        seen_share = 1.0 - (1.0 - reward.FORGETTING) ** np.float64(counters[counter.ADAM_STEP])
        usual = usual_error(statistics, delta, seen_share)
        limit = settings[reward.DELTA_CLIP] * usual
        wanted = min(max(delta, -limit), limit)
        intended(actor, decay, settings[reward.POLICY_CHANGE] * wanted / max(usual, 1e-30), seen_share)
        intended(critic, decay, settings[reward.VALUE_CHANGE] * wanted, seen_share)
    else:
        step_size = settings[reward.STEP_SIZE]
        overshoot_bounded(actor, decay, delta, step_size, settings[reward.KAPPA_POLICY])
        overshoot_bounded(critic, decay, delta, step_size, settings[reward.KAPPA_VALUE])

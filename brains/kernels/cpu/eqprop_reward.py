"""Stream AC(lambda) where actor and critic settle: every gradient is the contrast of two nudged phases, or backprop's.

The force on the actor's outputs is the gradient of log pi(a) and of the entropy, that on the critic's is 1; so a
gradient is that of `streaming`, and what is done with it is the same. All lanes share the networks and take turns.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, call, doubles, floats, integers
from brains.kernels.cpu.actor_critic import draw_action, improve, policy_error
from brains.kernels.cpu.mathematics import copy, fill, finite, is_finite
from brains.kernels.cpu.reward import count_reward, normalize, observe, return_deviation, sees
from brains.kernels.cpu.settling import layer_of
from brains.kernels.cpu.units import softmax
from brains.kernels.program import counter, reward
from brains.kernels.program import eqprop_reward as of
from brains.kernels.program import settling as net

F = np.float32


@inline
def ask(frame, program, what):
    """A settling network's kernel."""
    program[net.ASKED] = what
    call(frame[of.RUN], (program,))


@inline
def statistics_of(frame, lane):
    """A lane's running moments."""
    return at(doubles(frame[reward.STATISTICS]), lane * (reward.STATISTICS_SIZE + 2 * frame[of.SENSES]))


@inline
def present(frame, program, seen, lane, r):
    """A lane's observation, normalised, as the input of row r."""
    inputs, senses = layer_of(program, 0), frame[of.SENSES]
    observation = at(floats(seen), lane * senses)
    row = at(floats(inputs[net.STATE]), r * inputs[net.WIDTH])
    normalize(doubles(frame[reward.SETTINGS]), statistics_of(frame, lane), observation, senses, row)


@inline
def follow(frame, program):
    """Homeostasis, where there is any."""
    if floats(program[net.NUMBERS])[net.BOUND] > F(0.0):
        ask(frame, program, net.FOLLOWING)


@inline
def parameters_of(program, traces, lane):
    """What `actor_critic` calls a network's parameters."""
    size = program[net.SIZE]
    value, gradient = floats(program[net.PARAMETERS]), floats(program[net.GRADIENT])
    return value, gradient, at(floats(traces), lane * size), floats(program[net.MOMENT2]), size


@inline
def act(frame):
    """OBSERVATION -> POLICY and SAMPLED, of all lanes at once."""
    actor, senses = integers(frame[reward.ACTOR]), frame[of.SENSES]
    for lane in range(frame[of.LANES]):
        observation = at(floats(frame[of.OBSERVATION]), lane * senses)
        if sees(observation, senses):
            observe(statistics_of(frame, lane), observation, senses)
        present(frame, actor, frame[of.OBSERVATION], lane, lane)
    actor[net.ROWS] = frame[of.LANES]
    ask(frame, actor, net.SETTLING)
    outputs = layer_of(actor, actor[net.DEPTH])
    width, actions = outputs[net.WIDTH], frame[of.ACTIONS]
    sampled = 1 if frame[of.DISCRETE] else actions
    for lane in range(frame[of.LANES]):
        policy = at(floats(frame[of.POLICY]), lane * width)
        state, counters = (
            at(floats(outputs[net.STATE]), lane * width),
            at(integers(frame[of.COUNTERS]), lane * counter.COUNTERS),
        )
        if frame[of.DISCRETE]:
            softmax(state, policy, F(1.0), actions, width)
        else:
            copy(state, policy, width)
        draw_action(frame[of.DISCRETE], counters, policy, at(floats(frame[reward.SAMPLED]), lane * sampled), actions)


@inline
def learn(frame):
    """One transition of every lane, from SAMPLED; a truncated episode is bootstrapped, a terminated one ends at 0."""
    actor, critic = integers(frame[reward.ACTOR]), integers(frame[reward.CRITIC])
    settings, result = doubles(frame[reward.SETTINGS]), doubles(frame[of.RESULT])
    outputs, judged = layer_of(actor, actor[net.DEPTH]), layer_of(critic, critic[net.DEPTH])
    width, sampled = outputs[net.WIDTH], 1 if frame[of.DISCRETE] else frame[of.ACTIONS]
    worth = floats(judged[net.STATE])
    cost, updates, refused = 0.0, 0.0, 0.0
    actor[net.ROWS] = critic[net.ROWS] = 1
    floats(critic[net.TARGET])[0] = F(1.0)
    for lane in range(frame[of.LANES]):
        statistics = statistics_of(frame, lane)
        counters = at(integers(frame[of.COUNTERS]), lane * counter.COUNTERS)
        terminated = integers(frame[reward.TERMINATED])[lane] > 0
        done = terminated or integers(frame[reward.TRUNCATED])[lane] > 0
        earned = np.float64(floats(frame[reward.REWARD])[lane])
        count_reward(settings, statistics, earned, done)
        ahead = 0.0
        if not terminated:
            present(frame, critic, frame[reward.FOLLOWING], lane, 0)
            ask(frame, critic, net.SETTLING)
            ahead = np.float64(worth[0])
        present(frame, critic, frame[of.OBSERVATION], lane, 0)
        ask(frame, critic, net.ESTIMATING)
        earned /= return_deviation(settings, statistics)
        delta = earned + settings[reward.DISCOUNT] * ahead - np.float64(worth[0])
        sign = 1.0 if delta > 0.0 else -1.0 if delta < 0.0 else 0.0
        policy, action = at(floats(frame[of.POLICY]), lane * width), at(floats(frame[reward.SAMPLED]), lane * sampled)
        error, entropy = floats(actor[net.TARGET]), settings[reward.ENTROPY] * sign
        policy_error(frame[of.DISCRETE], policy, action, frame[of.ACTIONS], entropy, error, width)
        present(frame, actor, frame[of.OBSERVATION], lane, 0)
        ask(frame, actor, net.ESTIMATING)
        policies = parameters_of(actor, frame[of.ACTOR_TRACES], lane)
        values = parameters_of(critic, frame[of.CRITIC_TRACES], lane)
        fine = is_finite(delta) and finite(policies[1], policies[4]) and finite(values[1], values[4])
        if fine:
            improve(settings, statistics, counters, delta, policies, values)
            follow(frame, actor)
            follow(frame, critic)
            cost += delta * delta
            updates += 1.0
        else:
            refused += 1.0
        if done or not fine:
            fill(policies[2], 0.0, policies[4])
            fill(values[2], 0.0, values[4])
    result[0], result[1], result[2] = cost / max(1.0, updates), updates, refused


@kernel(INTEGERS)
def run(frame):
    """As ASKED."""
    if frame[of.ASKED] == of.ACT:
        act(frame)
    else:
        learn(frame)

"""The frame of an actor-critic of settling networks, after the entries of `program.reward`, which mean the same: there
ACTOR and CRITIC are the programs of `program.settling`.

ASKED       whether to ACT or to LEARN
RUN         the address of the kernel of a settling network
LANES, SENSES, DISCRETE, ACTIONS: as of the body
OBSERVATION (N, SENSES) float32; POLICY (N, width of the actor's outputs) float32: what acted, of choices probabilities
COUNTERS    (N, counter.COUNTERS) int64; ACTOR_TRACES, CRITIC_TRACES (N, parameters) float32
RESULT      (3,) float64: the mean square of delta, updates, and what was not finite
"""

from brains.kernels.program import reward

FIRST = reward.PROGRAM
ASKED, RUN, LANES, SENSES, DISCRETE, ACTIONS, OBSERVATION, POLICY, COUNTERS, ACTOR_TRACES, CRITIC_TRACES, RESULT = (
    range(FIRST, FIRST + 12)
)
ENTRIES = FIRST + 12
ACT, LEARN = range(2)

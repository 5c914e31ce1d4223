"""Table of a rollout: many lives of many policies, sixteen at once. `program` says what it needs."""

LANES = 16  # numbers in a vector

JOBS, EPISODES, LAYERS, SIZES, PARAMETERS, MEMBERS, KEYS, RETURNS, STEPS = range(9)
WEIGHTS, ACTIVITY, WIDTH, LIVES, EARNED, NOW, WORLD, BEGIN, ADVANCE, ENTRIES = range(9, 19)
# JOBS lives, EPISODES of each member; LAYERS of the policy, SIZES the address of their sizes, the observation's first;
# MEMBERS (members, PARAMETERS) float32, per layer W (out, in) and the bias; KEYS (jobs,) uint64 of their streams;
# RETURNS (jobs,) float32 and STEPS (jobs,) int64 are found. For its own use, of sixteen lanes: WEIGHTS (PARAMETERS,
# 16), ACTIVITY, two times (WIDTH, 16), and EARNED (16,), float32, LIVES (4, 16) int64, and NOW, steps by now. WORLD:
# the address of a world's program; BEGIN and ADVANCE of its kernels

# what a world's program must begin with: addresses of rows of sixteen lanes, then where `begin` starts an episode
STATE, ACTIONS, OBSERVATIONS, REWARDS, ENDED, LANE, KEY = range(7)

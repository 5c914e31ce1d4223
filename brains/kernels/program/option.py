"""Entries of `program`: what does not change while a brain lives. First what the config says, and its values."""

EXECUTION, RULE, ALIGN, SCHEDULE, PERIOD, EPOCHS, OPTIMIZER, PER_STEP, RECENT, DISCRETE, RING = range(11)
SNAPSHOT_EVERY, FRESH, INPUTS, STATE_TOTAL, BRAIN_TICKS, EXPLOSION, STAGES, COST, SKIPS, AT_ONCE, GATED = range(11, 22)

SEQUENTIAL, STEPPING = range(2)
INSTANT, PIPELINE, SIDEWAYS, NOW = range(4)
EVERY_TICK, BLOCK, ACCUMULATE = range(3)
SGD, ADAM = range(2)
SQUARES, HALF_SQUARES, CROSS_ENTROPY = range(3)
# SKIPS: the read-out sees every hidden layer, each in a wave of its own, and learns through all of those waves;
# AT_ONCE: every sample is an update of its own, made as errors pass; GATED: 0, or 1 and whom a gate lets through

# sizes; OWNERS: lanes with parameters of their own, 1 where all share them
OPERATIONS, LANES, OWNERS, SENSES, TARGETS, ROW_SIZE, ROWS, BLOCK_SIZE, BLOCKS = range(22, 31)
MEMORIES, MEMORY_SIZE, BATCH, WORK_SIZE = range(31, 35)

# addresses of arrays: those of the brain, then those that a call reads and writes
TABLE, RATES, COUNTERS, PARAMETERS, ACTIVITY, REPLAY, GATE, WORK, OBSERVATION, ACTION, TARGET, RESULT = range(35, 47)

# addresses of the rule's kernels; whether a call brings a new experience; the address of a flag that is up when a call
# is to return early
SAMPLE, UPDATE, TAKES_IN, ABORT, PROGRAM = range(47, 52)

# entries of the array at RESULT, float64
LOSS, UPDATES, ROLLBACKS, RESULTS = range(4)

"""How a stepping brain lies in memory: the few flat arrays that every backend reads and writes.

All arrays but `layers` have a leading lane axis N. The unit of allocation is a row of `PAD` float32 (one cache line),
so that a row of weights starts on a vector boundary; padding columns hold zero weights and never reach a result.

layers      (L, COLUMNS)  int64    one row a layer: sizes, activation, offsets (columns below)
options     (OPTIONS,)    int64    rule, alignment, schedule ...: what does not change while the brain lives
numbers     (NUMBERS + 2 L,) float32  learning rate ...; then per layer the depth scale s_i and the type rate
state       (N, STATES)   int64    counters and the random stream
parameters  (N, BLOCKS, P) float32 weights and biases; optimiser moments; gradients; the last good snapshot
activity    (N, R + EXTRA_ROWS, S) float32  a ring of R ticks of activations A[0..L]; then four rows of working space
replay      (N, capacity, observation_size + target_size) float32
"""

from __future__ import annotations

PAD = 16

# columns of `layers`
IN, UNITS, WIDTH, ACTIVATION, WEIGHT, BIAS, X, Y, NORMALIZE, HAT, COLUMNS = range(11)

# activations, in the order of ACTIVATIONS
ACTIVATIONS = ("linear", "tanh", "sigmoid", "leaky_relu", "scaled_relu", "softplus", "softmax")
LINEAR, TANH, SIGMOID, LEAKY_RELU, SCALED_RELU, SOFTPLUS, SOFTMAX = range(7)

# entries of `options`, and the values they take
EXECUTION, RULE, ALIGN, SCHEDULE, PERIOD, OPTIMIZER = range(6)
PER_STEP, RECENT, DISCRETE, RING, SNAPSHOT_EVERY, FRESH, OPTIONS = range(6, 13)
SEQUENTIAL, STEPPING = range(2)
BACKPROP, TWEEN, TWEEN_CHAIN = range(3)
INSTANT, PIPELINE, SIDEWAYS = range(3)
EVERY_TICK, BLOCK, ACCUMULATE = range(3)
SGD, ADAM = range(2)

# entries of `numbers`; DEPTH_SCALE of layer i is at NUMBERS + 2 i, its type rate one further
RATE, MOMENTUM, BETA1, BETA2, EPSILON, CLIP, NUMBERS = range(7)

# entries of `state`
TICK, AGE, PENDING, SIZE, POSITION, STREAM, ADAM_STEP, SINCE_SNAPSHOT, STATES = range(9)

# blocks of `parameters`: `FIRST_GOOD` and the two after it are the snapshot of the first three
VALUE, MOMENT1, MOMENT2, FIRST_GOOD, GRADIENT, BLOCKS = 0, 1, 2, 3, 6, 7

# rows of `activity` after its ring
WAVE, ERROR, SIDE, SCRATCH, EXTRA_ROWS = range(5)

LAYER_NORM_EPSILON = 1e-5

# A brain that learns from reward (`streaming`) has two networks, whose MOMENT1 holds eligibility traces, and besides
# settings    (SETTINGS,) float64
# statistics  (N, STATISTICS + 2 observation_size) float64   running moments: of the return, then mean and squares
STEP_SIZE, DISCOUNT, TRACE_DECAY, KAPPA_POLICY, KAPPA_VALUE, ENTROPY, NORMALIZE_OBSERVATION, SCALE_REWARD = range(8)
EXPLORATION, TRACKING, SETTINGS = range(8, 11)
COUNT, REWARD_TRACE, REWARD_MEAN, REWARD_SQUARES, REWARD_COUNT, STATISTICS = range(6)

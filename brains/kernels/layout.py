"""How a stepping brain lies in memory: the few flat arrays that every backend reads and writes.

All arrays but `operations` have a leading lane axis N. The unit of allocation is a row of `PAD` float32 (one cache
line), so that a row of weights starts on a vector boundary; padding columns hold zero weights and never reach a result.

operations  (K, COLUMNS)  int64    one row an operation: type, sizes, offsets (columns below), in an order to run them
options     (OPTIONS,)    int64    rule, alignment, schedule ...: what does not change while the brain lives
numbers     (NUMBERS + 2 K,) float32  learning rate ...; then per operation the depth scale s_i and the type rate
state       (N, STATES)   int64    counters and the random stream
parameters  (N, BLOCKS, P) float32 weights and biases; optimiser moments; gradients; the last good snapshot
activity    (N, R + EXTRA_ROWS, S) float32  a ring of R ticks of activations A[0..L]; then five rows of working space
replay      (N, capacity, observation_size + states + target_size) float32

A layer is one operation, a `parallel` layer several; what they share is the STAGE: the layer's place in the stack. An
operation reads its input at X of a row of activity and writes its output at Y. The input was written on this tick, if
by the same stage or the world (WITHIN), else by the stage before on the previous tick. In a row an operation owns SPAN
numbers from Y on: its output, the state it fired from (BEFORE), the state it left (AFTER), and what its gradient needs
besides (CACHE). Its parameters lie from WEIGHT to BIAS and, being biases, from BIAS to END.
"""

from __future__ import annotations

PAD = 16

# types of operations, in the order of TYPES; MOVE carries numbers from one place in a row to another, scaled
TYPES = ("dense", "conv2d", "rnn", "lstm", "attention", "layer_norm", "swiglu", "move")
DENSE, CONV2D, RNN, LSTM, ATTENTION, LAYER_NORM, SWIGLU, MOVE = range(8)

# columns of `operations`; ADDS: another operation read the same input and comes later, so its error is there already;
# READERS: how many operations read the same input
TYPE, STAGE, IN, UNITS, WIDTH, ACTIVATION, NORMALIZE, RESIDUAL, WEIGHT, BIAS, END, X, Y, SPAN = range(14)
WITHIN, ADDS, READERS, BEFORE, AFTER, STATE_SIZE, CACHE, D1, D2, D3, D4, D5, D6, COLUMNS = range(14, 28)

# what D1 ... D6 mean, by type
CHANNELS, HEIGHT, BREADTH, KERNEL, STRIDE, FILTERS = D1, D2, D3, D4, D5, D6  # conv2d
STEPS, FEATURES, HIDDEN = D1, D2, D3  # rnn, lstm (HIDDEN: swiglu too)
HEADS, WINDOW = D1, D2  # attention
GATE, DIVISOR, ONTO = D1, D2, D3  # move: the place of a factor, or -1; a divisor; whether to add to what is there

# activations, in the order of ACTIVATIONS; SHARES is a soft-max whose error is not that of a cross-entropy
ACTIVATIONS = ("linear", "tanh", "sigmoid", "leaky_relu", "scaled_relu", "softplus", "softmax", "shares")
LINEAR, TANH, SIGMOID, LEAKY_RELU, SCALED_RELU, SOFTPLUS, SOFTMAX, SHARES = range(8)

# entries of `options`, and the values they take
EXECUTION, RULE, ALIGN, SCHEDULE, PERIOD, EPOCHS, OPTIMIZER = range(7)
(
    PER_STEP,
    RECENT,
    DISCRETE,
    RING,
    SNAPSHOT_EVERY,
    FRESH,
    INPUTS,
    STATE_TOTAL,
    BRAIN_TICKS,
    EXPLOSION,
    STAGES,
    OPTIONS,
) = range(7, 19)
SEQUENTIAL, STEPPING = range(2)
BACKPROP, TWEEN, TWEEN_CHAIN = range(3)
INSTANT, PIPELINE, SIDEWAYS, NOW = range(4)
EVERY_TICK, BLOCK, ACCUMULATE = range(3)
SGD, ADAM = range(2)

# entries of `numbers`; DEPTH_SCALE of operation i is at NUMBERS + 2 i, its type rate one further
RATE, MOMENTUM, BETA1, BETA2, EPSILON, CLIP, NUMBERS = range(7)

# entries of `state`
TICK, AGE, PENDING, SIZE, POSITION, STREAM, ADAM_STEP, SINCE_SNAPSHOT, STATES = range(9)

# blocks of `parameters`: `FIRST_GOOD` and the two after it are the snapshot of the first three
VALUE, MOMENT1, MOMENT2, FIRST_GOOD, GRADIENT, BLOCKS = 0, 1, 2, 3, 6, 7

# rows of `activity` after its ring
WAVE, ERROR, SIDE, SCRATCH, HEALTH, EXTRA_ROWS = range(6)

# entries of the row HEALTH: what explosion detection remembers
GAPS, BASELINE, PREVIOUS_GAP, STREAK, MULTIPLIER, HEALTH_SIZE = range(6)

LAYER_NORM_EPSILON = 1e-5

# A brain that learns from reward (`streaming`) has two networks, whose MOMENT1 holds eligibility traces, and besides
# settings    (SETTINGS,) float64
# statistics  (N, STATISTICS + 2 observation_size) float64   running moments: of the return, then mean and squares
STEP_SIZE, DISCOUNT, TRACE_DECAY, KAPPA_POLICY, KAPPA_VALUE, ENTROPY, NORMALIZE_OBSERVATION, SCALE_REWARD = range(8)
EXPLORATION, TRACKING, SETTINGS = range(8, 11)
COUNT, REWARD_TRACE, REWARD_MEAN, REWARD_SQUARES, REWARD_COUNT, STATISTICS = range(6)

"""Tables of a network that settles. `program` says what all of it needs, a row of `layers` each layer 0 .. L, and
`numbers` are float32; after them come the gains of the layers, gamma_l at GAINS + l."""

DEPTH, ROWS, FREE, NUDGED, COST, DRIVE, SCRATCH, TARGET, PARAMETERS, GRADIENT, MOMENT1, MOMENT2, SIZE = range(13)
LAYERS, NUMBERS, STEPS, WITHHELD, ASKED, ENTRIES = range(13, 19)

GOING_ON, SETTLING, ESTIMATING, LEARNING, FOLLOWING = range(5)  # what can be ASKED

UNITS, WIDTH, KIND, STATE, PLUS, MINUS, WEIGHT, BIAS, VECTOR, IMAGE, FLIPPED, COLUMNS = range(12)
# WEIGHT, BIAS: offsets of what drives this layer, (units below, WIDTH) and (WIDTH,), or FLIPPED (UNITS, WIDTH below),
# which has less padding where few units hear many; IMAGE, VECTOR: W v and v of the power iteration on WEIGHT

BETA, TEMPERATURE, GAIN, BOUND, RATE, BETA2, DECAY, RESIDUAL, LOSS, LIMIT, GAINS = range(11)
# BOUND of homeostasis, and LIMIT of the residual: 0 where there is none

KINDS = ("linear", "clip", "clip2", "tanh", "sigmoid", "rational_tanh")
COSTS = ("squared_error", "cross_entropy", "force")

"""Tables of a network that settles. `program` says what all of it needs, a row of `layers` each layer 0 .. L, and
`numbers` are float32; after them come the gains of the layers, gamma_l at GAINS + l."""

DEPTH, ROWS, FREE, NUDGED, COST, DRIVE, SCRATCH, TARGET, PARAMETERS, GRADIENT, MOMENT1, MOMENT2, SIZE = range(13)
LAYERS, NUMBERS, RULE, FACTORS, SPAN, PULL, MEMORY, CAPACITY, RECENT, ASKED = range(13, 23)
EACH, CHOICE, BUFFER, JUDGED, TAKEN, HELD = range(23, 29)
PARALLEL, LANES, HOLD, RIPE, AGES = range(29, 34)
STEPS, WITHHELD, REMEMBERED, STREAM, ENTRIES = range(34, 39)  # what they count goes on where a state is loaded
# FACTORS: of the drive, rows of SPAN numbers, the width of the first layer, or twice that where the drive is gated:
# (x A + a)(x G + g), and the first layer's WEIGHT and BIAS are (A, G) and (a, g) side by side
# PULL: -dC / ds of the last layer, at the free states or at what was nudged last
# EACH: what each row costs at the free states; BUFFER: those HELD of the rows TAKEN of those JUDGED, an input, its
# label and its cost
# PARALLEL: whether all layers fire at once; AGES: the sweeps that each of the LANES has held its sample, which is RIPE
# after so many and leaves after HOLD
# MEMORY: CAPACITY rows of an input and its label; the next one goes to row REMEMBERED modulo CAPACITY

# what can be ASKED
GOING_ON, STEPPING, SETTLING, JUDGING, RECALLING, ESTIMATING, LEARNING, REHEARSING = range(8)
RELEASING, STRIDING, FOLLOWING = range(8, 11)

UNITS, WIDTH, KIND, STATE, PLUS, MINUS, BEFORE, WEIGHT, BIAS, VECTOR, IMAGE, FLIPPED, COLUMNS = range(13)
# BEFORE: the states a sweep earlier
# WEIGHT, BIAS: offsets of what drives this layer, (units below, WIDTH) and (WIDTH,), or FLIPPED (UNITS, WIDTH below),
# which has less padding where few units hear many; IMAGE, VECTOR: W v and v of the power iteration on WEIGHT

BETA, TEMPERATURE, GAIN, BOUND, RATE, BETA2, DECAY, RESIDUAL, LOSS, LIMIT = range(10)
KAPPA, CEILING, FOLLOW, MEAN, SHARE, GAINS = range(10, 16)
# BOUND of homeostasis, and LIMIT of the residual: 0 where there is none. Of the gate: the threshold is KAPPA
# times the MEAN cost, which moves by FOLLOW of the way, or CEILING; SHARE goes through by chance

KINDS = ("linear", "clip", "clip2", "tanh", "sigmoid", "rational_tanh")
COSTS = ("squared_error", "cross_entropy", "force")
RULES = ("eqprop", "backprop")

"""Columns of `table`: what a network knows of an operation. Each layer's files name its own D1 ... D6."""

# ADDS: another operation read the same input and comes later, so its error is there already; READERS: how many
# operations read the same input
TYPE, STAGE, IN, UNITS, WIDTH, ACTIVATION, NORMALIZE, RESIDUAL, WEIGHT, BIAS, END, X, Y, SPAN = range(14)
WITHIN, ADDS, READERS, BEFORE, AFTER, STATE_SIZE, CACHE, D1, D2, D3, D4, D5, D6 = range(14, 27)

# addresses of the operation's kernels (see kernels/cpu); 0 where it has none of its own
FIRE, BACK, CHAIN, TRANSPOSE, ACTIVATE, SLOPE, COLUMNS = range(27, 34)

MOVE = 0  # the type of an operation without parameters, which carries numbers from one place in a row to another
GATE, DIVISOR, ONTO = D1, D2, D3  # of a move: the place of a factor, or -1; a divisor; whether to add to what is there

PAD = 16  # numbers

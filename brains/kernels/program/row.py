"""Rows of `activity` after its ring, and groups of rows of `work`."""

# WAVE: the forward pass that align: instant learns from; SIDE: the errors that align: sideways carries to the next tick
WAVE, SIDE, HEALTH, EXTRA = range(4)

# entries of the row HEALTH: what explosion detection remembers
GAPS, BASELINE, PREVIOUS_GAP, STREAK, MULTIPLIER, HEALTH_SIZE = range(6)

# groups of `work`: activations and their errors; then of the operation at hand the error before its activation, a
# second one, the error of its input, what its kernels need besides, its output while it is made anew, a column of its
# Jacobian
WAVES, ERRORS, DELTA, LINK, INPUT, INNER, KEPT, COLUMN, GROUPS = range(9)

"""Rows of `activity` after its ring, and groups of rows of `work`."""

# WAVE: the forward pass that align: instant learns from; SIDE: the errors that align: sideways carries to the next tick
WAVE, SIDE, HEALTH, EXTRA = range(4)

# where a sample's activations come from, its kernel's argument `live`: one forward pass; a copy of a live row; or
# SKIPPING + s, the wave of the output in slot s of the ring, while skips brought it hidden layers of later waves
ONE_PASS, LIVE, SKIPPING = range(3)

# entries of the row HEALTH: what explosion detection remembers
GAPS, BASELINE, PREVIOUS_GAP, STREAK, MULTIPLIER, HEALTH_SIZE = range(6)

# groups of `work`: activations and their errors; then of the operation at hand the error before its activation, a
# second one, the error of its input, what its kernels need besides, its output while it is made anew, a column of its
# Jacobian
WAVES, ERRORS, DELTA, LINK, INPUT, INNER, KEPT, COLUMN, GROUPS = range(9)

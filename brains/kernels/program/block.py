"""Blocks of `parameters`. Only Adam has the last two; GOOD_VALUE and the like are the last good snapshot."""

VALUE, MOMENT1, GRADIENT, GOOD_VALUE, GOOD_MOMENT1, MOMENT2, GOOD_MOMENT2 = range(7)
FEW, MANY = 5, 7  # how many there are without and with Adam
KEPT = ((VALUE, GOOD_VALUE), (MOMENT1, GOOD_MOMENT1), (MOMENT2, GOOD_MOMENT2))

"""Entries of `rates`; of operation i the depth scale is at NUMBERS + 2 i, its type rate one further."""

RATE, MOMENTUM, BETA1, BETA2, EPSILON, CLIP = range(6)
# of a gate: the threshold is KAPPA times the running mean, at most CEILING; the mean's rate; the share by chance
KAPPA, CEILING, FOLLOW, SHARE, NUMBERS = range(6, 11)

"""Entries of what `cpu.live` is called with."""

# the address of a brain's program, and of its act and learn; how many ticks, and learning steps a tick; how many draws
# there are, and the addresses of observations (draws, N, SENSES) and of labels (draws, N, TARGETS)
PROGRAM, ACT, LEARN, TICKS, STEPS, DRAWS, OBSERVATIONS, LABELS, ENTRIES = range(9)

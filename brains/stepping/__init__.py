"""A brain in which every layer fires on every tick: one network, and the learners that move its weights."""

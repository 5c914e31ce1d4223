"""What a gate before learning keeps of each lane, float64, and whom it lets through."""

CHOICES = ("surprise", "loss_proportional", "random", "all")

MEAN, JUDGED, TAKEN, NUMBERS = range(4)  # the running mean of the cost; samples judged and let through

"""One file a panel: values in, pixels out. None of them knows the simulation, so each is easy to try alone."""

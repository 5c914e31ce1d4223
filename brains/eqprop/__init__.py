"""Networks that settle into a minimum of their energy, and learn by equilibrium propagation."""

"""What is claimed of equilibrium propagation, each claim answered by a command: `agentsim check NAME`."""

"""`python -m agentsim` is `agentsim`."""

from agentsim.cli import main

main()

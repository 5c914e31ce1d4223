"""The command line. `main` is the entry point of the `agentsim` command."""

from agentsim.cli.app import main as main

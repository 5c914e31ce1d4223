"""The command line. `main` is the entry point of the `agentsim` command."""

import sys


def main() -> None:
    """Run a command. Ctrl-C while it is still being imported ends it without a traceback."""
    try:
        from agentsim.cli import app
    except KeyboardInterrupt:
        sys.stderr.write("agentsim: interrupted\n")
        sys.exit(130)
    app.main()

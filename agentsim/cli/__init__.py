"""The command line. `main` is the entry point of the `agentsim` command."""


def main() -> None:
    """Run a command. Ctrl-C while it is still being imported ends it without a word."""
    from agentsim.cli import app

    app.main()

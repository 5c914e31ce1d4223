"""What may go wrong without ending the process: a mistake of the user's, and whatever other people's code raises."""

from __future__ import annotations

FAILURES = (Exception, SystemExit)  # of a brain, a world or a disk
LONGEST_LINE, MOST_LINES = 1000, 60  # of a message: what is wrong may be as long as the file that it is wrong in


class UserError(Exception):
    """Something the user can mend. The message says what is wrong, where (`file:line: key`), and what to do.

    The command line prints it on stderr and exits with status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_readable(message))


def said(error: BaseException) -> str:
    """What other people's code raised, as "Type: message"; its own words may fail too."""
    try:
        words = str(error)
    except Exception as failure:
        words = f"(and {type(failure).__name__} when asked what that means)"
    return f"{type(error).__name__}: {words}"


def _readable(message: str) -> str:
    """The message, its middle left out where it is very long, as are all but its first lines."""
    lines = message.split("\n")
    kept = [line if len(line) <= LONGEST_LINE else f"{line[:600]} ... {line[-300:]}" for line in lines[:MOST_LINES]]
    more = [f"... and {len(lines) - MOST_LINES:,} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join([*kept, *more])

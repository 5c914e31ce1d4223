"""What may go wrong without ending the process: a mistake of the user's, and whatever other people's code raises."""

from __future__ import annotations

FAILURES = (Exception, SystemExit)  # of a brain, a world or a disk


class UserError(Exception):
    """Something the user can mend. The message says what is wrong, where (`file:line: key`), and what to do.

    The command line prints it on stderr and exits with status 2.
    """

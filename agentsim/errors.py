"""The one exception that is shown to the user as it is, without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend. The message says what is wrong, where (`file:line: key`), and what to do.

    The command line prints it on stderr and exits with status 2.
    """

"""The command line: parse, call, print.

Exit codes: 0 done, 1 nothing was trained, 2 bad input, 3 Ray was lost, 130 interrupted.
"""

from hsiauto.cli.app import main

__all__ = ["main"]

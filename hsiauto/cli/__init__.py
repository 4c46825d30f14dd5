"""The command line: parse, call, print. docs/options.md has the exit codes."""

from hsiauto.cli.process import main

__all__ = ["main"]

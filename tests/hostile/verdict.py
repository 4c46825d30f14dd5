"""Whether what a command did with a case is clean."""

import re
import signal
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.hostile.case import Case

DOCUMENTED = (0, 1, 2, 130, 143)
LONGEST = 1000
"""Characters of an error."""
_LINE = re.compile(r"error: .+[.;?] .+")
"""A rule, and after it what was received or what to do."""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: bytes
    err: bytes
    forbidden: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    scratch: tuple[str, ...]
    processes: int
    asked: int
    above: bool
    """Whether it took more memory than it may."""


def faults(case: Case, ran: Ran, folder: Path) -> Iterator[str]:
    """What is not clean; nothing if all is."""
    out, err = ran.out.decode(errors="replace"), ran.err.decode(errors="replace")
    if ran.code < 0:
        yield f"killed by {signal.Signals(-ran.code).name}"
    elif ran.code not in DOCUMENTED:
        yield f"exit code {ran.code} is not documented"
    elif ran.code not in case.codes:
        yield f"exit code {ran.code}, not {' or '.join(map(str, case.codes))}"
    if "Traceback" in out + err:
        yield f"traceback: {err.strip().splitlines()[-1][:200]}"
    elif ran.code not in (0, *(code for code in (ran.code,) if code < 0)):
        yield from _of_error(case, err)
    if strange := {c for c in out + err if unicodedata.category(c) == "Cc" and c != "\n"}:
        yield f"control characters on the console: {sorted(strange)!r}"
    yield from ran.forbidden.splitlines()
    if ran.asked:
        yield "the network was used"
    if ran.processes:
        yield f"{ran.processes} processes were left"
    if ran.above:
        yield "more memory than it may take"
    if ran.scratch:
        yield f"left in the temporary folder: {', '.join(ran.scratch)}"
    yield from _of_files(case, ran)
    if ran.code == 0 and 0 in case.codes:
        if not re.search(case.told, out + err, re.IGNORECASE | re.DOTALL):
            yield f"nothing like {case.told!r} was said"
        if case.check is not None and (wrong := case.check(folder)):
            yield wrong


def _of_error(case: Case, err: str) -> Iterator[str]:
    lines = err.strip("\n").split("\n")
    if len(lines) != 1:
        yield f"{len(lines)} lines on stderr"
    if not lines[-1].startswith("error: "):
        yield "no error line"
        return
    if len(lines[-1]) > LONGEST:
        yield f"an error of {len(lines[-1]):,} characters"
    if not _LINE.fullmatch(lines[-1].strip()):
        yield "the error names no value or no remedy"
    if not re.search(case.words, err, re.IGNORECASE):
        yield f"nothing like {case.words!r} in the error"


def _of_files(case: Case, ran: Ran) -> Iterator[str]:
    allowed = case.writes if ran.code == 0 else case.makes
    for name in sorted({*ran.before, *ran.after}):
        was, now = ran.before.get(name), ran.after.get(name)
        if was != now and not any(fnmatch(name, pattern) for pattern in allowed):
            yield f"{name} was {'written' if was is None else 'removed' if now is None else 'changed'}"

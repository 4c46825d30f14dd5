"""What the command line costs before it computes: CPU seconds of commands that only say something.

Each command runs in an interpreter of its own, in turn with an interpreter that imports nothing and, with --against,
with the command line of another checkout: ratios of one machine at one time. Prints medians and the promise. With
--search the wall seconds from the command to the first report of a training instead.

    python -m benchmarks.startup [--search] [--repeats 5] [--against /path/to/an/older/checkout]
"""

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PROMISES_S = {"--help": 0.4, "leaderboard": 1.0}
"""CPU seconds, of the machine on which they were written down."""
_CALL = "import sys; from hsiauto.cli import main; sys.argv = ['hsiauto', *sys.argv[1:]]; main()"
_LOADED = "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); "

_SEARCH = ("search", "--dataset", "demo", "--families", "forest,svm", "--budget", "4", "--max-epochs", "2")
_POLL_S, _PATIENCE_S = 0.02, 600.0

_COMMANDS: Mapping[str, Sequence[str]] = {
    "--help": ("--help",),
    "search --help": ("search", "--help"),
    "datasets": ("datasets",),
    "leaderboard": ("leaderboard", str(HERE / "results" / "indian_pines_blocks.parquet")),
}


def cpu_seconds(code: str, arguments: Sequence[str], checkout: Path) -> tuple[float, int]:
    """CPU seconds of an interpreter that runs `code`, and the modules that it has loaded at its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(checkout), "COLUMNS": "100"}
    ended = subprocess.run(
        [sys.executable, "-c", _LOADED + code, *arguments],
        env=environment,
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.returncode == 0, ended.stderr
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, int(ended.stderr.split()[-1])


def first_report_s(checkout: Path) -> float:
    """Wall seconds from the command to the first report of a small search on Ray, which is then ended."""
    with tempfile.TemporaryDirectory() as place:
        space = checkout / "search_spaces" / "unified.yaml"  # an editable install would find that of its own checkout
        out, began = Path(place) / "run", time.monotonic()
        search = subprocess.Popen(
            [sys.executable, "-c", _CALL, *_SEARCH, "--space", str(space), "--out", str(out)],
            env={**os.environ, "PYTHONPATH": str(checkout)},
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while '"report"' not in _text(out / "journal.jsonl"):
                assert search.poll() is None, "the search ended without a report"
                assert time.monotonic() - began < _PATIENCE_S, "no report"
                time.sleep(_POLL_S)
            return time.monotonic() - began
        finally:
            search.send_signal(signal.SIGINT)
            search.wait(_PATIENCE_S)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _compare_searches(checkouts: Sequence[Path], repeats: int) -> None:
    seconds: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
    for _ in range(repeats):
        for checkout in checkouts:
            seconds[checkout].append(first_report_s(checkout))
    for checkout, found in seconds.items():
        ratio = statistics.median(found) / statistics.median(seconds[checkouts[-1]])
        listed = ", ".join(f"{one:.1f}" for one in found)
        print(f"{checkout}: first report after {statistics.median(found):.1f} s ({listed}), x {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--against", type=Path, help="the root of an older checkout")
    parser.add_argument("--search", action="store_true", help="time a search up to its first report")
    options = parser.parse_args()
    checkouts = [HERE, *([options.against.resolve()] if options.against else [])]
    if options.search:
        _compare_searches(checkouts, options.repeats)
        return
    older = "   older: CPU s, ratio, modules" * len(checkouts[1:])
    print(f"{'command':<15}{'CPU s':>8}{'of an empty one':>17}{'modules':>9}{older}")
    for name, arguments in _COMMANDS.items():
        samples: dict[Path | None, list[tuple[float, int]]] = {None: [], **{checkout: [] for checkout in checkouts}}
        for _ in range(options.repeats):
            samples[None].append(cpu_seconds("pass", (), HERE))
            for checkout in checkouts:
                samples[checkout].append(cpu_seconds(_CALL, arguments, checkout))
        took = {of: statistics.median(seconds for seconds, _ in found) for of, found in samples.items()}
        modules = {of: found[0][1] for of, found in samples.items()}
        line = f"{name:<15}{took[HERE]:>8.2f}{took[HERE] / took[None]:>16.1f}x{modules[HERE]:>9}"
        for other in checkouts[1:]:
            line += f"   {took[other]:.2f}, {took[other] / took[HERE]:.1f}x, {modules[other]}"
        print(line + (f"   promised: {PROMISES_S[name]}" if name in PROMISES_S else ""))


if __name__ == "__main__":
    main()

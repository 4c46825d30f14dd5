"""What the command line costs before it computes: CPU seconds of commands that only say something.

Each command runs in an interpreter of its own, in turn with an interpreter that imports nothing and, with --against,
with the command line of another checkout: ratios of one machine at one time. Prints medians and the promise.

    python -m benchmarks.startup [--repeats 5] [--against /path/to/an/older/checkout]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PROMISES_S = {"--help": 0.4, "leaderboard": 1.0}
"""CPU seconds, of the machine on which they were written down."""
_CALL = "import sys; from hsiauto.cli import main; sys.argv = ['hsiauto', *sys.argv[1:]]; main()"
_LOADED = "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); "


_COMMANDS: Mapping[str, Sequence[str]] = {
    "--help": ("--help",),
    "search --help": ("search", "--help"),
    "datasets": ("datasets",),
    "leaderboard": ("leaderboard", str(HERE / "results" / "indian_pines_8bit_blocks.parquet")),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--against", type=Path, help="the root of an older checkout")
    options = parser.parse_args()
    checkouts = [HERE, *([options.against.resolve()] if options.against else [])]
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

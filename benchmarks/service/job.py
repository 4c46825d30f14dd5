"""Stands for a search: adds the lines of JOURNAL to the run's folder, PER_SECOND of them, and leaves its exit code.

It starts a process of its own, as a search starts Ray, and never ends it.

python job.py JOURNAL PER_SECOND EXIT_FILE search [--out FOLDER | --resume FOLDER] ...
"""

import os
import subprocess
import sys
import time
from pathlib import Path


def main(journal: str, per_second: str, exit_file: str, *arguments: str) -> None:
    option = "--resume" if "--resume" in arguments else "--out"
    folder = Path(arguments[arguments.index(option) + 1])
    folder.mkdir(exist_ok=True)
    subprocess.Popen([sys.executable, "-S", "-E", "-c", "import time; time.sleep(600)"])
    own = folder / "journal.jsonl"
    whole = own.read_bytes().rpartition(b"\n")[0] + b"\n" if own.is_file() and own.stat().st_size else b""
    own.write_bytes(whole)  # a killed writer may have torn the last line
    with own.open("ab", buffering=0) as file:
        for line in Path(journal).read_bytes().splitlines(keepends=True)[whole.count(b"\n") :]:
            os.write(file.fileno(), line)
            time.sleep(1 / float(per_second))
    Path(exit_file).write_text("0")


if __name__ == "__main__":
    main(*sys.argv[1:])

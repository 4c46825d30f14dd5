"""Stands for `hsiauto.cli.job`: adds the lines of JOURNAL to the run's folder and leaves its exit code.

python fake_job.py JOURNAL CODE EXIT_FILE COMMAND [--out FOLDER | --resume FOLDER] ...

As long as a file JOURNAL.hold is there, it writes one line and waits.
"""

import os
import signal
import sys
import time
from pathlib import Path


def main(journal: str, code: str, exit_file: str, *arguments: str) -> None:
    def leave(code: str) -> None:
        Path(exit_file).write_text(code)
        sys.exit(0)

    signal.signal(signal.SIGTERM, lambda *_: leave("143"))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    option = "--resume" if "--resume" in arguments else "--out"
    folder = Path(arguments[arguments.index(option) + 1])
    folder.mkdir(exist_ok=option == "--resume")
    lines = Path(journal).read_bytes().splitlines(keepends=True)
    with (folder / "journal.jsonl").open("ab") as file:
        done = len((folder / "journal.jsonl").read_bytes().splitlines())
        print(" ".join(arguments), flush=True)
        for line in lines[done:]:
            os.write(file.fileno(), line)
            while Path(f"{journal}.hold").exists():
                time.sleep(0.01)
    leave(code)


if __name__ == "__main__":
    main(*sys.argv[1:])

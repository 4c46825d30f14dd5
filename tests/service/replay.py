"""Stands for `hsiauto.cli.job`: plays the run in FOLDER again as the run that was asked for, without any training.

python replay.py FOLDER EXIT_FILE COMMAND --out OUT ...
"""

import shutil
import sys
import time
from pathlib import Path

from hsiauto.files import atomic_path

_LINE_S = 0.03


def main(folder: str, exit_file: str, *arguments: str) -> None:
    if "--out" in arguments:  # else it goes on, or predicts: nothing is left to do
        _play(Path(folder), Path(arguments[arguments.index("--out") + 1]))
    with atomic_path(Path(exit_file)) as temporary:
        temporary.write_text("0")


def _play(source: Path, out: Path) -> None:
    out.mkdir()
    shutil.copy(source / "run.yaml", out)  # before the journal: with both it is a run
    with (out / "journal.jsonl").open("wb", buffering=0) as journal:
        for line in (source / "journal.jsonl").read_bytes().splitlines(keepends=True):
            journal.write(line)
            time.sleep(_LINE_S)
    shutil.copytree(source, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("trials", "lock", "journal.jsonl"))


if __name__ == "__main__":
    main(*sys.argv[1:])

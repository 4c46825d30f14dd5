"""Ask every source of the known scenes whether it answers, and write down which did: make check-sources.

    python -m benchmarks.sources

A source answers if the first byte of a file comes, and no page. Nothing is downloaded. Where nothing answers at all the
network is at fault, and nothing is written.
"""

import datetime
import sys
from pathlib import Path

import hsiauto.scene
from hsiauto.scene.registry import known_scenes
from hsiauto.scene.registry.answering import RECORD, Answers, record, urls, why_silent


def main() -> int:
    answered, silent = [], {}
    for scene in known_scenes().values():
        for url in urls(scene):
            if why := why_silent(url):
                silent[url] = why
            else:
                answered.append(url)
            print(f"{scene.name:<18} {why or 'answers':<40} {url}", flush=True)
    if not answered:
        print("no source answered: is there a network? Nothing was written.")
        return 1
    path = Path(hsiauto.scene.__file__).parent / RECORD
    record(Answers(checked=datetime.date.today(), answered=tuple(answered), silent=silent), path)
    print(f"{len(answered)} of {len(answered) + len(silent)} sources answer: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`hsiauto compare`: runs of one split side by side."""

import json as codec
import math
import sys
from typing import Annotated

from cyclopts import Parameter

from hsiauto.cli.console import output, say
from hsiauto.cli.options import Json, PathName
from hsiauto.cli.tables import Column, print_rows
from hsiauto.metrics import Paired


def compare(
    *folders: Annotated[PathName, Parameter(help="Run folders of one split, two or more.")],
    json: Json = False,
) -> None:
    """Compare the winners of runs on the same test pixels."""
    from hsiauto.runs.compare import compare as run

    found = run(folders)
    if json:
        sys.stdout.write(codec.dumps(found.to_dict()) + "\n")
        return
    say(f"winners on {found.test_pixels:,} test pixels of split {found.split_hash}", output())
    figures = ("test OA", "std", "AA", "kappa", "map OA")
    columns = [Column("run"), Column("family"), Column("n", number=True)]
    columns += [Column(name, number=True) for name in (*figures, "fit s", "trials")]
    rows = [
        (
            *(one.run, one.family, one.seeds),
            *map(_percent, (one.test_oa, one.test_oa_std, one.test_aa, one.test_kappa, one.map_oa)),
            *(f"{one.fit_seconds:.1f}", one.trials),
        )
        for one in found.contenders
    ]
    print_rows(columns, rows)
    for pair in found.pairs:
        alone = f"{pair.mcnemar.first_only:,} against {pair.mcnemar.second_only:,} pixels that one alone has right"
        said = [
            f"{pair.first} - {pair.second}: {pair.verdict}.",
            f"By block: {_difference(pair.by_block, 'block')}"
            + (f", after Holm {pair.adjusted_p:.2g}." if len(found.pairs) > 1 and pair.adjusted_p >= 0 else "."),
            "No seed in common." if pair.over_seeds is None else f"Over seeds: {_difference(pair.over_seeds, 'seed')}.",
            f"McNemar: {alone}, p = {pair.mcnemar.p:.2g}, were pixels independent.",
        ]
        say(" ".join(said), output())
    for note in found.notes:
        say(f"note: {note}", output())


def _difference(of: Paired, what: str) -> str:
    points = f"{100 * of.mean:+.2f} points of OA over {of.n} {what}{'' if of.n == 1 else 's'}"
    if math.isnan(of.p):
        return f"{points}, without an interval"
    return f"{points} (95 % interval {100 * of.low:+.2f} to {100 * of.high:+.2f}, p = {of.p:.2g})"


def _percent(value: float) -> str | None:
    return None if math.isnan(value) else f"{100 * value:.2f}"

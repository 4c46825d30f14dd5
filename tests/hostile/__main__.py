"""`make hostile`: runs the cases and prints how many of each kind are clean; exit code 1 if one is not."""

import argparse
import json
import os
import sys
from collections import defaultdict
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only those that CI runs")
    parser.add_argument("--kind", action="append", help="only this kind; may be given again")
    parser.add_argument("--case", default="", help="only those with this in their name")
    parser.add_argument("--against", type=Path, help="run them on another checkout: a folder with its package")
    parser.add_argument("--template", type=Path, help="what that checkout made of the template: bundle/, run/")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--verbose", action="store_true", help="print what each case said")
    asked = parser.parse_args()
    if asked.against:  # it alone: an editable install would find modules that it does not have in this one
        sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(getattr(finder, "__module__", ""))]
        sys.path.insert(0, str(asked.against.resolve()))
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    from tests.hostile.harness import Result, results
    from tests.hostile.kinds import every_case

    chosen = [case for case in every_case() if asked.case in case.name and (case.quick or not asked.quick)]
    chosen = [case for case in chosen if not asked.kind or case.kind in asked.kind]
    found: dict[str, list[Result]] = defaultdict(list)
    for result in results(chosen, asked.template):
        found[result.case.kind].append(result)
        if result.faults or asked.verbose:
            name = f"{result.case.kind}: {result.case.name}"
            print(f"{name}: {'; '.join(result.faults)[:300] or result.left_out or 'clean'}", flush=True)
            print(f"    {' '.join(result.case.argv)!r:.160}\n    {result.said.strip()[-160:]!r}", flush=True)
    print(f"\n{'kind':<14}{'cases':>7}{'clean':>7}{'unclean':>9}{'left out':>10}{'seconds':>9}")
    for kind, these in (*found.items(), ("all", [one for of_kind in found.values() for one in of_kind])):
        unclean, left_out = sum(bool(one.faults) for one in these), sum(bool(one.left_out) for one in these)
        clean, seconds = len(these) - unclean - left_out, sum(one.seconds for one in these)
        print(f"{kind:<14}{len(these):>7}{clean:>7}{unclean:>9}{left_out:>10}{seconds:>9.1f}")
    rows = [_row(one) for these in found.values() for one in these]
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1))
    return 1 if any(row["faults"] for row in rows) else 0


def _row(one: "Result") -> dict[str, object]:  # type: ignore[name-defined] # noqa: F821
    return {
        "kind": one.case.kind,
        "case": one.case.name,
        "argv": one.case.argv,
        "faults": one.faults,
        "left_out": one.left_out,
        "said": one.said[-2000:],
        "seconds": round(one.seconds, 3),
    }


if __name__ == "__main__":
    sys.exit(main())

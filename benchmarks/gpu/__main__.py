import argparse
import json

import torch

import benchmarks.gpu
from benchmarks.gpu.bench import Bench, simulated
from benchmarks.gpu.report import report


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=benchmarks.gpu.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=8, help="the command ends within them")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="a tiny scene, one family, short loops")
    asked = parser.parse_args()
    bench = Bench(simulated(asked.quick), asked.device, asked.quick)
    print(json.dumps(report(bench, asked.minutes), indent=1))


if __name__ == "__main__":
    main()

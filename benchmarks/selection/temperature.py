"""Whether a temperature of the ensemble's mean, fitted on the deciding folds, holds on test (Guo et al., ICML 2017).

    python -m benchmarks.selection.temperature --data-dir DIR --collected FOLDER

A line a split: the temperature of all folds, what it does to log loss and calibration error out of fold (each fold with
that of the others) and on test, and in the end the means over scenes, with every temperature and with those alone that
gain both out of fold.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from benchmarks.selection import rules, scenes
from benchmarks.selection.evidence import Evidence, Floats
from hsiauto.metrics import calibration_error, log_loss

Told = tuple[npt.NDArray[np.int64], Floats]
"""Truth (N,) and probabilities (N, K) of a part."""
_LEAST, _MOST = 0.2, 5.0


def tempered(p_NK: Floats, temperature: float) -> Floats:
    """p ** (1 / temperature), normalised: the order of classes stays."""
    z_NK = np.log(np.clip(p_NK, np.finfo(np.float32).eps, 1.0)) / temperature
    e_NK = np.exp(z_NK - z_NK.max(axis=1, keepdims=True))
    return e_NK / e_NK.sum(axis=1, keepdims=True)


def fitted(folds: Sequence[Told]) -> float:
    """The temperature of the least log loss, mean over `folds`."""

    def loss(log_temperature: float) -> float:
        return float(np.mean([log_loss(truth, tempered(p_NK, np.exp(log_temperature))) for truth, p_NK in folds]))

    return float(np.exp(minimize_scalar(loss, bounds=np.log([_LEAST, _MOST]), method="bounded").x))


def measured(truth: npt.NDArray[np.int64], p_NK: Floats) -> Floats:
    """Log loss in nats and calibration error."""
    return np.array([log_loss(truth, p_NK), calibration_error(p_NK.argmax(axis=1) == truth, p_NK.max(axis=1))])


def of_split(e: Evidence) -> tuple[float, Floats, Floats]:
    """(temperature, out of fold, on test), each of these (2 without and with it, 2 measures)."""
    models = dict(rules.ensembles(e, 5))["families within 0.1 of the best"]
    *folds, test = ((e.truth(part), e.p(models, part).astype(np.float64)) for part in range(1, e.n_folds + 1))
    others = [fitted([fold for fold in folds if fold is not own]) for own in folds]
    truth, plain = (np.concatenate(of_folds) for of_folds in zip(*folds, strict=True))
    out_of_fold = np.concatenate([tempered(p_NK, t) for (_, p_NK), t in zip(folds, others, strict=True)])
    temperature = fitted(folds)
    on_test = measured(*test), measured(test[0], tempered(test[1], temperature))
    return temperature, np.array([measured(truth, plain), measured(truth, out_of_fold)]), np.array(on_test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--collected", type=Path, required=True)
    given = parser.parse_args()
    means = []
    for name in scenes.SCENES:
        scene, found = scenes.scene(name, given.data_dir), []
        for path in sorted(given.collected.glob(f"{name}-[0-9]*.npz")):
            temperature, folds, test = of_split(Evidence.read(path, scene))
            gains = bool((folds[1] < folds[0]).all())
            found.append([test[0], test[1], test[int(gains)]])
            pairs = "  ".join(f"{a:.3f} -> {b:.3f}" for a, b in (*folds.T, *test.T))
            print(f"{path.stem:22s} {temperature:.2f} {'gains' if gains else '-':6s}{pairs}", flush=True)
        means.append(np.mean(found, axis=0))
    for which, (loss, error) in zip(("none", "all", "those that gain"), np.mean(means, axis=0), strict=True):
        print(f"{which}: log loss {loss:.3f}, calibration error {error:.3f}")


if __name__ == "__main__":
    main()

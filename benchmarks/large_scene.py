"""A cube larger than memory is opened, split, trained on and mapped: resident memory stays below 4 GiB.

    python -m benchmarks.large_scene [--gigabytes 20] [--folder FOLDER]

The cube is an ENVI file of 400 bands, float32, of which only the fields are written: the file system keeps the rest as
a hole, which reads as zeros, and `nodata` none makes them pixels like others. Trained are `lda` and `cnn2d`, as trials
of a search are; the map is lda's. Memory is the process's own peak, pages of the file among it. Seconds depend on the
machine.
"""

import argparse
import math
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.lda import LdaConfig
from hsiauto.models.fitted.base import scored
from hsiauto.models.predict import predict_scene
from hsiauto.runs.prepare import prepare
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec
from hsiauto.training.trial import Trial

BANDS, FIELDS, SIDE, CLASSES = 400, 60, 24, 4
LIMIT_GIB = 4.0
CONFIGS: dict[str, tuple[FamilyConfig, int]] = {
    "lda": (LdaConfig(), 1),
    "cnn2d": (Cnn2dConfig(components=10, patch=9, depth=1, width=8), 3),
}
"""Name -> config and epochs."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=20.0, help="size of the cube")
    parser.add_argument("--folder", type=Path, help="where its file is made, and removed; a temporary one")
    options = parser.parse_args()
    torch.set_num_threads(1)
    side = math.ceil(math.sqrt(options.gigabytes * 1e9 / (4 * BANDS)))
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="large-scene-") as folder:
        cube, labels = fabricate(Path(folder), side)
        print(f"{cube.stat().st_size / 1e9:.1f} GB, of which {512 * cube.stat().st_blocks / 1e9:.2f} GB are written")
        return run(cube, labels)


def fabricate(folder: Path, side: int) -> tuple[Path, Path]:
    """(cube, labels): fields of each class, scattered; the spectra of a class differ from field to field."""
    path, rng = folder / "cube.img", np.random.default_rng(0)
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {side}\nlines = {side}\nbands = {BANDS}\ndata type = 4\ninterleave = bip\nbyte order = 0\n"
    )
    with path.open("wb") as file:
        file.truncate(4 * BANDS * side * side)
    cube = np.memmap(path, np.float32, "r+", shape=(side, side, BANDS))
    labels = np.zeros((side, side), np.uint8)
    spectra = rng.uniform(0.2, 0.4, (CLASSES, BANDS))
    for field in range(FIELDS):
        top, left = rng.integers(0, side - SIDE, 2)
        own = spectra[field % CLASSES] + rng.normal(0, 0.02, BANDS)
        cube[top : top + SIDE, left : left + SIDE] = own + rng.normal(0, 0.05, (SIDE, SIDE, BANDS))
        labels[top : top + SIDE, left : left + SIDE] = field % CLASSES + 1
    cube.flush()
    np.save(folder / "labels.npy", labels)
    return path, folder / "labels.npy"


def run(cube: Path, labels: Path) -> int:
    """Print seconds and memory after each step; 0 if memory stayed below the limit."""
    clock, peak = time.perf_counter(), 0.0

    def told(what: str) -> None:
        nonlocal clock, peak
        peak = max(peak, peak_gib())  # some sandboxes' kernels forget it
        print(f"{what:<42} {time.perf_counter() - clock:7.1f} s   peak {peak:.2f} GiB", flush=True)
        clock = time.perf_counter()

    source = SceneSource(dataset=str(cube), labels=labels, nodata="none")
    split = SplitSpec(protocol="blocks", block_size=64, buffer=4)
    prepared = prepare(RunConfig(scene=source, split=split, command="train"))
    told(f"opened, {prepared.scene.height} x {prepared.scene.width} x {prepared.scene.n_bands}")
    for name, (config, epochs) in CONFIGS.items():
        trial = Trial(config, prepared.data, seed=0, max_epochs=epochs)
        while not trial.done:
            report = trial.step()
        p_NK = scored(trial.fitted(), prepared.data, prepared.split.test)
        told(f"{name}: trained, {len(p_NK):,} test pixels predicted")
        assert np.isfinite(report.val_loss) or not len(prepared.data.val_pixels)
        if name == "lda":
            fitted = trial.fitted()
    drawn = predict_scene(fitted, prepared.scene.cube, prepared.scene.valid)
    told(f"mapped, {np.count_nonzero(drawn.classes):,} pixels")
    print(f"{'more' if peak > LIMIT_GIB else 'less'} than {LIMIT_GIB:g} GiB")
    return int(peak > LIMIT_GIB)


def peak_gib() -> float:
    """The most memory that was resident so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 2**30


if __name__ == "__main__":
    sys.exit(main())

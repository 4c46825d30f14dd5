"""Prediction of a whole scene: speed against slicing patches pixel by pixel, and memory against the scene's height.

    python -m benchmarks.predict [--height 512]

The scene is noise of Salinas' size (512 x 217 x 204, int16), the model an untrained `cnn2d` at its paper preset, which
changes nothing of what is computed. Slicing pixel by pixel, the way of the field's usual toolboxes, is measured on a
sample of the pixels, with the same model, on a scene that is already projected. Both run on one thread and are counted
in seconds of the processor, which other load does not move. Memory is that of a process that predicts a memory-mapped
scene, and one four times as high, with a small `cnn2d`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from hsiauto.families.base import PatchConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.predict import predict_scene
from hsiauto.models.preprocess import Projection

WIDTH, BANDS, CLASSES = 217, 204, 16
SAMPLE = 4096
BATCH = 256
SMALL = Cnn2dConfig(components=10, patch=5, depth=1, width=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=512, help="rows of the scene")
    parser.add_argument("--peak-of", type=Path, help="only predict this .npy and print the peak memory in MiB")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak_of is not None:
        cube = np.load(options.peak_of, mmap_mode="r")
        predict_scene(model(cube, SMALL), cube, np.ones(cube.shape[:2], bool))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # KiB on Linux
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = {height: noise(Path(folder), height) for height in (options.height, 4 * options.height)}
        _print_speed(np.load(paths[options.height], mmap_mode="r"))
        for height, path in paths.items():
            command = [sys.executable, "-m", "benchmarks.predict", "--peak-of", str(path)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            size = path.stat().st_size / 2**20
            print(f"peak memory, {height} rows ({size:.0f} MiB on disk)   {float(answer.stdout):8.0f} MiB")


def noise(folder: Path, height: int) -> Path:
    """A cube (height, WIDTH, BANDS) in a .npy file, written in parts."""
    path = folder / f"{height}.npy"
    cube = np.lib.format.open_memmap(path, "w+", np.int16, (height, WIDTH, BANDS))
    random = np.random.default_rng(0)
    for row in range(height):  # never the whole cube in memory
        cube[row] = random.integers(0, 4000, (WIDTH, BANDS))
    cube.flush()
    return path


def model(cube: npt.NDArray[np.generic], config: Cnn2dConfig) -> TorchFitted:
    projection = Projection.fit(cube, np.arange(1000), config.components, config.whiten)
    torch.manual_seed(0)
    module = config.build(projection.n_channels, CLASSES)
    for weights in module.parameters():
        if weights.ndim > 1:
            torch.nn.init.kaiming_normal_(weights)  # large enough for the input to decide the class
    return TorchFitted(config, projection, module, BANDS, CLASSES)


def _print_speed(cube: npt.NDArray[np.generic]) -> None:
    fitted = model(cube, Cnn2dConfig.preset())
    valid = np.ones(cube.shape[:2], bool)
    start = time.process_time()
    prediction = predict_scene(fitted, cube, valid)
    ours = valid.size / (time.process_time() - start)
    sample = np.sort(np.random.default_rng(1).choice(valid.size, SAMPLE, replace=False))
    projected = fitted.projection.project_scene(cube, valid)
    start = time.process_time()
    sliced = by_slicing(fitted, projected, sample)
    slicing = SAMPLE / (time.process_time() - start)
    agree = (sliced + 1 == prediction.classes.ravel()[sample]).mean()
    print(f"predict_scene            {ours:10.0f} pixels per cpu second   {len(cube)} x {WIDTH} x {BANDS}, cnn2d")
    print(
        f"slicing pixel by pixel   {slicing:10.0f} pixels per cpu second   {SAMPLE} pixels, same class on {agree:.2%}"
    )
    print(f"ratio                    {ours / slicing:10.2f}")


def by_slicing(
    fitted: TorchFitted, projected: npt.NDArray[np.float32], pixels: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Classes at `pixels` of the projected scene (H, W, C'): a patch cut out for each, default collation."""
    assert isinstance(fitted.config, PatchConfig)
    patch, radius = fitted.config.patch, fitted.support
    padded = np.pad(projected, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")

    class Patches(torch.utils.data.Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(pixels)

        def __getitem__(self, index: int) -> torch.Tensor:
            row, column = divmod(int(pixels[index]), projected.shape[1])
            return torch.from_numpy(padded[row : row + patch, column : column + patch].transpose(2, 0, 1).copy())

    batches = torch.utils.data.DataLoader(Patches(), batch_size=BATCH)
    with torch.no_grad():
        return np.concatenate([fitted.module(batch).argmax(dim=1).numpy() for batch in batches])


if __name__ == "__main__":
    main()

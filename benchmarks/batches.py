"""Training epochs through our batches against a DataLoader over per-pixel slices, side by side in one run.

Same module, criterion, optimiser and augmentation; only the way of the pixels to the module differs. The scene has the
size of Indian Pines (145 x 145 x 200, 1,025 training pixels, 16 classes); its values are noise, which costs the same.

    python -m benchmarks.batches [--epochs 5] [--threads 1] [--device cpu]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from hsiauto.families import FAMILIES
from hsiauto.families.base import PatchConfig
from hsiauto.models.batches import Labelled, batches_for, cached_scene
from hsiauto.split.seal import TrialData
from hsiauto.training.trainer import Trainer

HEIGHT, WIDTH, BANDS, CLASSES, TRAIN = 145, 145, 200, 16, 1025
FAMILY_NAMES = ("cpdgal", "cnn2d")


class SlicedPatches(Dataset[tuple[torch.Tensor, int]]):
    """One patch per item: slice the padded scene, flip at random, bring the bands to the front, copy."""

    def __init__(self, projected: npt.NDArray[np.float32], data: TrialData, patch: int) -> None:
        r = patch // 2
        self._padded = np.pad(projected, ((r, r), (r, r), (0, 0)), mode="reflect")
        self._data, self._patch, self._rng = data, patch, np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self._data.train_pixels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        row, column = divmod(int(self._data.train_pixels[i]), WIDTH)
        x_PPC = self._padded[row : row + self._patch, column : column + self._patch]
        if self._rng.random() < 0.5:
            x_PPC = x_PPC[::-1]
        if self._rng.random() < 0.5:
            x_PPC = x_PPC[:, ::-1]
        if self._rng.random() < 0.5:
            x_PPC = x_PPC.transpose(1, 0, 2)
        return torch.from_numpy(np.ascontiguousarray(x_PPC.transpose(2, 0, 1))), int(self._data.train_labels[i])


def noise_scene() -> TrialData:
    rng = np.random.default_rng(0)
    pixels = np.sort(rng.choice(HEIGHT * WIDTH, TRAIN, replace=False))
    return TrialData(
        cube=rng.normal(size=(HEIGHT, WIDTH, BANDS)).astype(np.float32),
        valid=np.ones((HEIGHT, WIDTH), bool),
        n_classes=CLASSES,
        train_pixels=pixels,
        train_labels=rng.integers(CLASSES, size=TRAIN),
        val_pixels=pixels[:0],
        val_labels=np.empty(0, np.int64),
    )


def loader_epoch(config: PatchConfig, data: TrialData, device: torch.device) -> Callable[[], None]:
    """An epoch in the way of the field's usual toolboxes, as a function."""
    scene = cached_scene(config, data, device)
    loader = DataLoader(
        SlicedPatches(scene.cube.cpu().numpy(), data, config.patch), batch_size=config.batch_size, shuffle=True
    )
    module = config.build(scene.projection.n_channels, CLASSES).to(device).train()
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    optimizer = torch.optim.AdamW(module.parameters(), lr=config.learning_rate, fused=True)
    loss_of = getattr(module, "training_loss", None) or (lambda x, y, criterion: criterion(module(x), y))

    def epoch() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                loss = loss_of(x.to(device), y.to(device), criterion)
            loss.backward()
            optimizer.step()

    return epoch


def batching_alone(config: PatchConfig, data: TrialData, device: torch.device) -> Callable[[], None]:
    """Our batches of an epoch without the training, as a function."""
    batches = batches_for(config, cached_scene(config, data, device).cube)
    labelled = Labelled.on(device, data.train_pixels, data.train_labels)
    generator = torch.Generator(device).manual_seed(0)

    def epoch() -> None:
        for _ in batches.epoch(labelled, config.batch_size, generator):
            pass

    return epoch


def seconds(epoch: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    epoch()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def compare(family: str, n_epochs: int, device: torch.device) -> tuple[float, float, float]:
    """Medians over epochs that take turns: ours, the loader's, our batching alone; in seconds."""
    config, data = FAMILIES[family].preset("paper"), noise_scene()
    assert isinstance(config, PatchConfig)
    running = Trainer(config, data, seed=0, max_epochs=n_epochs + 1, device=device).run(n_epochs + 1)
    ways = [lambda: next(running), loader_epoch(config, data, device), batching_alone(config, data, device)]
    for way in ways:
        seconds(way, device)  # the first epoch pays for allocations and kernels
    times = [[seconds(way, device) for way in ways] for _ in range(n_epochs)]
    ours, loader, batching = (statistics.median(column) for column in zip(*times, strict=True))
    return ours, loader, batching


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="measured epochs of each way")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = Table(title=f"one epoch of {TRAIN:,} pixels on {arguments.device}, {arguments.threads} thread(s)")
    for heading in ("family", "ours, s", "DataLoader, s", "DataLoader / ours", "batching, % of our epoch"):
        table.add_column(heading, justify="left" if heading == "family" else "right")
    for family in FAMILY_NAMES:
        ours, loader, batching = compare(family, arguments.epochs, torch.device(arguments.device))
        table.add_row(family, f"{ours:.3f}", f"{loader:.3f}", f"{loader / ours:.2f}", f"{100 * batching / ours:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()

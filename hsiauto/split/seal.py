"""The seal: what a trial may see, and the test labels, which only a refit may read."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.metrics import Interval, Scores, calibration_error, clustered, scores
from hsiauto.scene.model import Part, Scene
from hsiauto.scene.on_disk import MappedFile, stays_on_disk
from hsiauto.split.distance import BINS, bin_of
from hsiauto.split.model import Pixels, Split
from hsiauto.split.regions import block_ids


@dataclass(frozen=True)
class TrialData:
    """The data of a trial. Classes are 0-based here, in the order of `Split.classes`. No test label, and nothing that
    tells a test pixel from other unlabelled ones."""

    cube: npt.NDArray[np.generic]
    """(H, W, C) as in the scene."""
    valid: npt.NDArray[np.bool_]
    """(H, W)."""
    n_classes: int
    train_pixels: Pixels
    train_labels: npt.NDArray[np.int64]
    val_pixels: Pixels
    """Empty in a refit."""
    val_labels: npt.NDArray[np.int64]
    pool: Pixels | None = None
    """Training pixels, if they are more than `train_pixels`: the labels of the others are not known yet."""
    parts: tuple[Part, ...] = ()
    """The scenes of a mosaic."""

    def pixels_of(self, seen: Literal["training", "scene"]) -> Pixels:
        """The pixels whose spectra preprocessing is fitted on: training pixels, the pool's among them, or every pixel
        that holds data, test pixels too, which only a config that says so asks for."""
        if seen == "scene":
            return np.flatnonzero(self.valid)
        return self.train_pixels if self.pool is None else self.pool

    def __getstate__(self) -> dict[str, Any]:
        """What another process is sent: of a cube that stays on disk the place of its file."""
        file = MappedFile.of(self.cube) if stays_on_disk(self.cube) else None
        return {**vars(self), "cube": file or self.cube}

    def __setstate__(self, state: dict[str, Any]) -> None:
        cube = state["cube"]
        vars(self).update(state, cube=cube.open() if isinstance(cube, MappedFile) else cube)

    @property
    def outside_training(self) -> npt.NDArray[np.bool_]:
        """(H, W) pixels with data that are no training pixels."""
        outside = self.valid.copy()
        outside.reshape(-1)[self.train_pixels] = False
        return outside


_ALIKE = 32
"""Side in pixels of the squares whose pixels are taken as alike on a split without blocks."""


class BinScore(NamedTuple):
    """Test pixels of a bin of distances."""

    pixels: int
    oa: float
    """NaN without a pixel."""
    interval: Interval
    """95 %: `metrics.clustered`, by block."""


@dataclass(frozen=True, eq=False)
class SealedScores(Scores):
    """Scores on test."""

    right: npt.NDArray[np.bool_]
    """(N,) which test pixels were predicted right."""
    ece: float = float("nan")
    """`metrics.calibration_error`; NaN if confidences were not given."""
    by_distance: tuple[BinScore, ...] = ()
    """For each of `BINS`; empty if distances were not given."""


class SealedTest:
    """The only holder of test labels. Positions and counts are public; labels answer once per key, only as scores.

    Stays in the process that made it: pickling and copying raise TypeError, so it cannot reach a worker.
    """

    __slots__ = ("_blocks", "_labels", "_n_classes", "_opened", "pixels")

    def __init__(
        self,
        pixels: Pixels,
        labels: npt.NDArray[np.int64],
        n_classes: int,
        blocks: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """`blocks` (N,): the block or group that each pixel lies in; None: one holds all of them."""
        assert pixels.shape == labels.shape
        self.pixels = pixels
        """(N,) flat indices."""
        self._blocks = np.zeros_like(pixels) if blocks is None else blocks
        self._labels = labels
        self._n_classes = n_classes
        self._opened: set[str] = set()

    @property
    def pixels_by_class(self) -> list[int]:
        """How many test pixels each class has; a split is said to be small before anything is scored."""
        return np.bincount(self._labels, minlength=self._n_classes).tolist()

    def score(
        self,
        key: str,
        predicted: npt.NDArray[np.integer],
        distance: npt.NDArray[np.integer] | None = None,
        confidence: npt.NDArray[np.floating] | None = None,
    ) -> SealedScores:
        """Scores of `predicted` (N,), 0-based classes at `pixels`, for the refit named `key`; also in each bin of
        `distance` (N,), that of `pixels` from what trained it. `confidence` (N,): the probability of what is predicted.

        Raises RuntimeError when `key` was scored before: a model meets the test labels once.
        """
        if key in self._opened:
            raise RuntimeError(f"{key} has been scored on test before; a refit is scored once")
        result = scores(self._labels, predicted, self._n_classes)
        self._opened.add(key)
        right = predicted == self._labels
        ece = float("nan") if confidence is None else calibration_error(right, confidence)
        if distance is None:
            return SealedScores(result.confusion, right, ece)
        bins = bin_of(distance)
        by_distance = tuple(self._bin_score(right, bins == place) for place in range(len(BINS)))
        return SealedScores(result.confusion, right, ece, by_distance)

    def _bin_score(self, right: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> BinScore:
        n = int(inside.sum())
        oa = float(right[inside].mean()) if n else float("nan")
        return BinScore(n, oa, clustered(right[inside], self._blocks[inside]))

    def __reduce__(self) -> NoReturn:
        raise TypeError("test labels cannot be pickled or copied: a trial must not receive them")

    def __repr__(self) -> str:
        return f"SealedTest({len(self.pixels)} pixels, scored {len(self._opened)} times)"


def seal(scene: Scene, split: Split) -> tuple[TrialData, SealedTest]:
    """The data that trials of a search see, and the test set that they do not see.

    Raises UserError if the split was drawn on another grid or holds pixels of a class that it does not score.
    """
    data = _trial_data(scene, split, split.train, split.val)
    labels = _zero_based(scene, split, split.test)
    return data, SealedTest(split.test, labels, len(split.classes), alike(split, scene.groups))


def alike(split: Split, groups: npt.NDArray[np.integer] | None = None) -> npt.NDArray[np.int64]:
    """(N,) the region of each test pixel, whose pixels are taken as alike: its group, else its block, else a square.

    groups (H, W): of the scene, for a split by them; without them squares stand for groups too.
    """
    if split.spec.by_groups and groups is not None:
        return groups.ravel()[split.test].astype(np.int64)
    side = _ALIKE if split.spec.by_groups else split.spec.block_size
    return block_ids(split.shape, _ALIKE if side == "auto" else side).ravel()[split.test]


def training_data(scene: Scene, split: Split) -> TrialData:
    """The data that a refit sees: the whole pool to train on, nothing to validate. Raises UserError like `seal`."""
    return _trial_data(scene, split, split.pool, np.empty(0, dtype=np.int64))


def class_names(scene: Scene, split: Split) -> tuple[str, ...]:
    """Names of the classes of `split`, in their order."""
    return tuple(scene.class_names[k - 1] for k in split.classes)


def _trial_data(scene: Scene, split: Split, train: Pixels, val: Pixels) -> TrialData:
    return TrialData(
        cube=scene.cube,
        valid=scene.valid,
        n_classes=len(split.classes),
        train_pixels=train,
        train_labels=_zero_based(scene, split, train),
        val_pixels=val,
        val_labels=_zero_based(scene, split, val),
        parts=scene.parts,
    )


def _zero_based(scene: Scene, split: Split, pixels: Pixels) -> npt.NDArray[np.int64]:
    """(N,) position in `split.classes` of the class at each pixel."""
    if scene.labels.shape != split.shape:
        raise UserError(
            f"a split fits the grid it was drawn on, {split.shape[0]} x {split.shape[1]}",
            f"{scene.name} with {scene.height} x {scene.width}",
            "Use the scene of the run.",
        )
    values = scene.labels.ravel()[pixels].astype(np.int64)
    position = np.full(max(*split.classes, int(scene.labels.max())) + 1, -1, dtype=np.int64)
    position[list(split.classes)] = np.arange(len(split.classes))
    labels = position[values]
    if (labels < 0).any():
        raise UserError(
            "every pixel of a split has a class that the split scores",
            f"{np.count_nonzero(labels < 0)} pixels of {scene.name} that have not",
            "Use the scene, with the labels, that the split was drawn on.",
        )
    return labels

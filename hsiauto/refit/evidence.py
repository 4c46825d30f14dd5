"""The deciding folds, and how configs do on them: from class probabilities that each training left there.

A mean of models and a filter over space need no training of their own: both are worked out from what is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import SmoothedConfig
from hsiauto.metrics import calibration_error, scores
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import guide_for, smooth
from hsiauto.models.surroundings import by_boxes
from hsiauto.refit import out_of_fold
from hsiauto.refit.work import Work
from hsiauto.search.trials import TrialState
from hsiauto.split import Split, folds
from hsiauto.split.distance import near
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData, class_names, seal
from hsiauto.split.validation import fewer_folds, validation_warnings

FILTERS = (
    SmoothedConfig(family="filter"),
    SmoothedConfig(family="filter", smoothing="majority", smoothing_radius=2),
    SmoothedConfig(family="filter", smoothing="guided", smoothing_radius=2),
    SmoothedConfig(family="filter", smoothing="guided", smoothing_radius=4),
)
"""What probabilities may be smoothed with; the first one leaves them as they are."""
MOST_ASKED = 50_000
"""Pixels of a fold at which each model may be asked: beyond that a filter costs more than the training. Scattered
validation pixels (random) of a large scene have most of it around them."""

Filtered = tuple[TrialState, SmoothedConfig]
"""A model, and what its probabilities are smoothed with."""
_Told = tuple[Pixels, out_of_fold.Half]

OUT_OF_FOLD = "validation"
"""In the run folder: <fold>/<trial id>.npz."""


@dataclass(frozen=True)
class Folds:
    """Folds that did not choose the candidates, by number, from 2."""

    data: dict[int, TrialData]
    notes: tuple[str, ...]
    """What one lacks, or why there are fewer than were asked for."""
    classes: int
    """Classes of which a deciding fold holds a pixel; of the search's own validation if there is no further fold."""

    @classmethod
    def of(cls, work: Work) -> "Folds":
        asked, names = work.run_config.further_folds, class_names(work.scene, work.split)
        own, *found = folds(work.split, work.scene.labels, 1 + asked, work.scene.groups)
        data = {n: seal(work.scene, one)[0] for n, one in enumerate(found, start=2)}
        held = [one.val_labels for one in data.values()] or [seal(work.scene, own)[0].val_labels]
        lacking = (note for n, one in data.items() for note in validation_warnings(one, names, f"validation fold {n}"))
        return cls(data, (*fewer_folds(len(found), asked), *lacking), len(np.unique(np.concatenate(held))))


def allowed(support: int, buffer: int | None) -> list[SmoothedConfig]:
    """Those of FILTERS that read, beyond `support`, no pixel further away than `buffer`; all if there is none."""
    if buffer is None:
        return list(FILTERS)
    return [one for one in FILTERS if one.smoothing_reach == 0 or support + one.smoothing_reach <= buffer]


def _buffer(split: Split) -> int | None:
    """Between the deciding folds and what trains: `fixed` has one there too."""
    return split.spec.squares.buffer if split.spec.protocol == "fixed" else split.buffer


class Evidence:
    """Scores on the deciding folds, of models and of their means."""

    def __init__(self, work: Work, of_folds: Folds, folder: Path) -> None:
        self._buffer, self._objective = _buffer(work.split), work.run_config.objective
        self._data, self._folder = of_folds.data, folder / OUT_OF_FOLD
        self._guides: dict[tuple[int, str], Projection | None] = {}
        self._asked: dict[tuple[int, int], Pixels] = {}
        self._read: dict[tuple[str, int], _Told | None] = {}

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of the deciding folds."""
        return tuple(self._data)

    def asked(self, support: int, fold: int) -> Pixels:
        """Where a model tells its probabilities: at validation pixels, and as far around them as a filter may read."""
        return self._around(fold, max(one.smoothing_reach for one in self._allowed(support)))

    def _allowed(self, support: int) -> list[SmoothedConfig]:
        """`allowed`, less what would ask for more than MOST_ASKED pixels of a fold."""
        return [
            one
            for one in allowed(support, self._buffer)
            if one.smoothing_reach == 0
            or all(len(self._around(fold, one.smoothing_reach)) <= MOST_ASKED for fold in self._data)
        ]

    def _around(self, fold: int, reach: int) -> Pixels:
        """The validation pixels of `fold`, and those with data at most `reach` away from one."""
        if (fold, reach) not in self._asked:
            data = self._data[fold]
            mask = np.zeros(data.valid.shape, bool)
            mask.ravel()[data.val_pixels] = True
            self._asked[fold, reach] = np.flatnonzero(mask | (near(mask, reach) & data.valid))
        return self._asked[fold, reach]

    def keep(self, trial: TrialState, fold: int, p_NK: out_of_fold.Half) -> None:
        """Keep what `trial` told of `asked`."""
        out_of_fold.save(self._path(trial, fold), self.asked(trial.support, fold), p_NK)

    def scores(self, models: Sequence[Filtered]) -> dict[int, float]:
        """Fold -> objective of the mean of `models`; without the folds on which one of them has told nothing."""
        found = {}
        for fold, p_NK in self._means(models).items():
            data = self._data[fold]
            of_fold = scores(data.val_labels, p_NK.argmax(axis=1), data.n_classes)
            found[fold] = float(getattr(of_fold, self._objective))
        return found

    def calibration_error(self, models: Sequence[Filtered]) -> float | None:
        """That of the mean of `models` on the pixels of all folds; None if they have told nothing."""
        told = self._means(models)
        if not told:
            return None
        right = [p_NK.argmax(axis=1) == self._data[fold].val_labels for fold, p_NK in told.items()]
        confidence = [p_NK.max(axis=1) for p_NK in told.values()]
        return calibration_error(np.concatenate(right), np.concatenate(confidence))

    def _means(self, models: Sequence[Filtered]) -> dict[int, npt.NDArray[np.float32]]:
        """Fold -> mean probabilities (N, n_classes), without the folds on which one of `models` has told nothing."""
        found = {}
        for fold in self._data:
            p_MNK = [self._filtered(trial, smoothing, fold) for trial, smoothing in models]
            told = [p_NK for p_NK in p_MNK if p_NK is not None]
            if len(told) == len(models):
                found[fold] = np.mean(told, axis=0)
        return found

    def best_filter(self, trial: TrialState) -> tuple[SmoothedConfig, dict[int, float]]:
        """Of the filters that the buffer holds, the one with the best mean over the folds, and what it scores there;
        none in a tie. No scores if `trial` has told nothing."""
        tried = [(one, self.scores([(trial, one)])) for one in self._allowed(trial.support)]
        return max(tried, key=lambda one: fmean(one[1].values()) if one[1] else 0.0)

    def _filtered(self, trial: TrialState, smoothing: SmoothedConfig, fold: int) -> npt.NDArray[np.float32] | None:
        """(N, n_classes) at the validation pixels of `fold`; None if `trial` has told nothing."""
        if (told := self._told(trial, fold)) is None:
            return None
        data, (known, p_NK) = self._data[fold], told
        seen = trial.config.get("fitted_on", "training")
        if smoothing.smoothing == "guided" and (fold, seen) not in self._guides:
            self._guides[fold, seen] = guide_for(smoothing, data.cube, data.pixels_of(seen))

        guide = self._guides.get((fold, seen))

        def filtered(
            cube: npt.NDArray[np.generic],
            valid: npt.NDArray[np.bool_],
            pixels: Pixels,
            in_scene: Callable[[Pixels], Pixels],
        ) -> npt.NDArray[np.float32]:
            def model(some: Pixels) -> npt.NDArray[np.float32]:
                return p_NK[np.searchsorted(known, in_scene(some))].astype(np.float32)

            return smooth(smoothing, guide, model, cube, valid, pixels)

        return by_boxes(smoothing, data.cube, data.valid, data.val_pixels, filtered)

    def _told(self, trial: TrialState, fold: int) -> _Told | None:
        key = (trial.trial_id, fold)
        if key not in self._read:
            pixels = self.asked(trial.support, fold)
            p_NK = out_of_fold.load(self._path(trial, fold), pixels, self._data[fold].n_classes)
            self._read[key] = None if p_NK is None else (pixels, p_NK)
        return self._read[key]

    def _path(self, trial: TrialState, fold: int) -> Path:
        return self._folder / str(fold) / f"{trial.trial_id}.npz"

"""HSIClassifier: a search that scikit-learn can fit, clone and cross-validate."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from hsiauto.config import RunConfig, run_config_from
from hsiauto.errors import UserError
from hsiauto.estimator.layout import by_coordinates, by_groups
from hsiauto.estimator.preset import fit_preset
from hsiauto.models.bundle import load_bundle
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.predict import on_fastest_device, predict_scene
from hsiauto.runs import folder as folders
from hsiauto.runs.board import Leaderboard
from hsiauto.scene.bands import ModelBands
from hsiauto.scene.label_map import unlabelled_value
from hsiauto.scene.opening import image_of
from hsiauto.scene.readers.stored import Stored
from hsiauto.search.events.transient import OnEvent
from hsiauto.settings import typed_path
from hsiauto.space import Space

_OWN = ("budget", "time-limit", "families", "seed", "dataset", "labels", "groups", "layout")
"""Settings that have a parameter, or that `fit` makes of its arguments."""


class _Given(NamedTuple):
    """What `fit` was given, as a scene."""

    cube: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    settings: dict[str, Any]
    groups: npt.NDArray[Any] | None
    classes: npt.NDArray[Any] | None
    """Class k of spectra is `classes[k - 1]`; None: label values are the classes."""


class HSIClassifier(ClassifierMixin, BaseEstimator):
    """The best classifier that a search finds for a hyperspectral scene, or for loose spectra.

    `fit` searches as `hsiauto.search` does, and keeps the winner: trained on what the search trains and validates on,
    scored once on the test part that it sets aside, which stands in `leaderboard_`.

    budget: trials. 0: no search, and no Ray; the paper preset of the one family in `families` is trained on everything
    that is given, and nothing is compared or scored. time_limit: of the whole fit, in seconds or as "30m"; None: none.
    families: names; None: all of the space, of loose spectra those that read one spectrum. settings: further settings
    by the names that run.yaml has, e.g. {"winner-seeds": 1}. seed: of sampler, weights and batches. folder: a new or
    empty one that keeps what is given and the run; None: a temporary one, and nothing stays on disk. on_event: hears
    the events of the run, e.g. `hsiauto.live_progress()`.

    classes_: label values of a scene, or values of `y`, that the model knows. model_: the trained model.
    leaderboard_: a `Leaderboard`; absent after a fit with budget 0.
    """

    def __init__(
        self,
        budget: int = 24,
        time_limit: float | str | None = None,
        families: Sequence[str] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self.budget = budget
        self.time_limit = time_limit
        self.families = families
        self.settings = settings
        self.seed = seed
        self.folder = folder
        self.on_event = on_event

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        groups: npt.ArrayLike | None = None,
        coordinates: npt.ArrayLike | None = None,
    ) -> Self:
        """Search on a scene (H, W, C) with its label map (H, W), where 0 is unlabelled; or on spectra (N, C) with their
        classes (N,).

        groups (N,): spectra that are alike, such as those of one plant or one day: each group trains, validates or
        tests as a whole. None: spectra are drawn at random. coordinates (N, 2): row and column of each spectrum, of
        which blocks are made. Spectra without coordinates say nothing about distance, or about a map. Raises UserError
        (a ValueError) for bad input.
        """
        self.__dict__.pop("leaderboard_", None)  # of an earlier fit
        spectra = not _is_scene(X)
        given = self._spectra(X, y, groups, coordinates) if spectra else self._scene(X, y, groups, coordinates)
        with self._opened() as folder:
            config = self._config(given, folder)
            if self.budget == 0:
                model, values, self._bands = fit_preset(config, windows=not spectra)
            else:
                model, values, self._bands = self._searched(config, folder / "run")
        self.model_ = on_fastest_device(model)
        known = np.asarray(values)
        self.classes_ = known if given.classes is None else given.classes[known - 1]
        self._source, self._unlabelled = config.scene, unlabelled_value(config.scene.background)
        if given.classes is not None and len(known) < len(given.classes):
            left_out = np.setdiff1d(given.classes, self.classes_).tolist()
            warnings.warn(f"no model of {left_out}: too few groups of theirs to train, and to test", stacklevel=2)
        return self

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """The class of each spectrum (N,), or of each pixel of a scene (H, W); there 0, or what else means unlabelled,
        if it has no data."""
        check_is_fitted(self)
        if _is_scene(X):
            values = np.array([self._unlabelled, *self.classes_], self.classes_.dtype)
            return values[self._drawn(X).classes]
        return self.classes_[self._of_spectra(X).argmax(axis=1)]

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[np.floating]:
        """The probability of each of `classes_`: (N, K) of spectra; of a scene (H, W, K), 0 if a pixel has no data."""
        check_is_fitted(self)
        if not _is_scene(X):
            return self._of_spectra(X)
        probabilities_KHW = self._drawn(X, keep_probabilities=True).probabilities
        assert probabilities_KHW is not None
        return np.moveaxis(probabilities_KHW, 0, -1)

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """The share of spectra, or of labelled pixels of a scene, that is predicted right."""
        predicted, truth = self.predict(X), np.asarray(y)
        if truth.shape != predicted.shape:
            raise UserError("a score compares with a class for each prediction", truth.shape, f"{predicted.shape}")
        labelled = truth != self._unlabelled if _is_scene(X) else np.ones(len(truth), bool)
        weight = None if sample_weight is None else np.asarray(sample_weight)[labelled]
        return float(np.average((predicted == truth)[labelled], weights=weight))

    def _scene(self, X: Any, y: Any, groups: Any, coordinates: Any) -> _Given:
        cube, labels = np.asarray(X), np.asarray(y)
        if groups is not None or coordinates is not None:
            received = "groups" if groups is not None else "coordinates"
            raise UserError("`groups` and `coordinates` belong to spectra (N, C)", received, "A scene has its own.")
        if labels.shape != cube.shape[:2]:
            shapes = f"{cube.shape} with {labels.shape}"
            raise UserError("a scene (H, W, C) is fitted with a label map (H, W)", shapes, "Order the axes so.")
        self.n_features_in_ = cube.shape[2]
        return _Given(cube, labels, {}, None, None)

    def _spectra(self, X: Any, y: Any, groups: Any, coordinates: Any) -> _Given:
        spectra_NC, y_N = validate_data(self, X, y)
        check_classification_targets(y_N)
        classes, place_N = np.unique(y_N, return_inverse=True)
        if len(classes) < 2:
            raise UserError("a classifier needs two classes", f"one class, {classes[0]}", "Give labels of more.")
        if groups is not None and coordinates is not None:
            raise UserError("spectra are divided by groups or by coordinates", "both", "Give the one that is alike.")
        if groups is not None and np.shape(groups) != y_N.shape:
            raise UserError(f"groups has a value for each of {len(y_N)} spectra", np.shape(groups), "Give one each.")
        if coordinates is not None:
            laid_out = by_coordinates(spectra_NC, place_N + 1, np.asarray(coordinates))
        else:
            laid_out = by_groups(spectra_NC, place_N + 1, None if groups is None else np.asarray(groups))
        return _Given(*laid_out, classes)

    def _config(self, given: _Given, folder: Path) -> RunConfig:
        """The run, of which cube and labels are written into `folder`."""
        further = {name.replace("_", "-"): value for name, value in (self.settings or {}).items()}
        if taken := sorted({*further} & {*_OWN, *given.settings}):
            raise UserError("`settings` has what nothing else says", ", ".join(taken), "Leave it out.")
        arrays = {"cube": given.cube, "labels": given.labels}
        if given.groups is not None:
            arrays["groups"] = given.groups
        files = {name: folder / f"{name}.npy" for name in arrays}
        for name, path in files.items():
            np.save(path, arrays[name], allow_pickle=False)
        own = {
            "dataset": str(files["cube"]),
            "labels": str(files["labels"]),
            "groups": str(files["groups"]) if "groups" in files else None,
            "layout": "HWC",
            "budget": max(1, self.budget),
            "time-limit": self.time_limit,
            "families": self.families if given.classes is None else self._of_one_spectrum(further),
            "seed": self.seed,
        }
        return run_config_from(
            "search", {**further, **given.settings, **{name: value for name, value in own.items() if value is not None}}
        )

    def _of_one_spectrum(self, further: Mapping[str, Any]) -> tuple[str, ...]:
        """The families that read one spectrum. Raises UserError for others that were asked for."""
        asked = Space.load(further.get("space", RunConfig.model_fields["space"].default), self.families, {})
        kept = asked.of_spectra().families
        if self.families is not None and (others := sorted({*asked.families} - {*kept})):
            received = ", ".join(others)
            raise UserError("spectra have no neighbours, which these families read", received, "Leave them out.")
        return kept

    def _searched(self, config: RunConfig, folder: Path) -> tuple[Fitted, tuple[int, ...], ModelBands]:
        from hsiauto.runs.run import search  # and Ray, which budget 0 does without

        result = search(config, folder, on_event=self.on_event)
        self.leaderboard_ = Leaderboard(result.table)
        if not (folder / folders.BUNDLE).is_dir():
            if result.interrupted and not result.lost:
                raise KeyboardInterrupt
            received = "; ".join(filter(None, (result.lost, *result.warnings))) or "no model"
            raise UserError("a fit needs a model that was trained to its end", received, "Allow more `time_limit`.")
        bundle = load_bundle(folder / folders.BUNDLE)
        known = bundle.provenance
        bands = ModelBands(bundle.fitted.n_bands, known.wavelengths_nm, known.dropped_bands)
        return bundle.fitted, known.label_values, bands

    @contextmanager
    def _opened(self) -> Iterator[Path]:
        """The folder that holds what is given, and the run."""
        if self.folder is None:
            with tempfile.TemporaryDirectory(prefix="hsiauto-") as name:
                yield Path(name)
            return
        folder: Path = typed_path(self.folder)
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise UserError("`folder` is new or empty", folder, "Choose another one.")
        folder.mkdir(parents=True, exist_ok=True)
        yield folder

    def _of_spectra(self, X: Any) -> npt.NDArray[np.floating]:
        """(N, K) probabilities."""
        if self.model_.support:
            rule = f"{self.model_.config.family} reads {self.model_.support} pixels around each, so it predicts scenes"
            raise UserError(rule, f"spectra, {np.shape(X)}", "Give a scene (H, W, C), or fit on spectra.")
        spectra_NC = validate_data(self, X, reset=False)[:, self._bands.kept]
        valid, pixels = np.ones((len(spectra_NC), 1), bool), np.arange(len(spectra_NC))
        return self.model_.probabilities(spectra_NC[:, None], valid, pixels)

    def _drawn(self, X: Any, **options: Any) -> Any:
        """The prediction of a whole scene."""
        image = image_of(Stored(np.asarray(X), axes_known=True), "X", self._source, self._bands)
        return predict_scene(self.model_, image.cube, image.valid, **options)


def _is_scene(X: Any) -> bool:
    return np.asarray(X).ndim == 3

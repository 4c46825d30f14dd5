"""Which bands of a scene are those that a model was trained on: by wavelength if both know theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.memory import require
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.scan import strips
from hsiauto.scene.source import MatchBands

SAME_NM = 0.51
"""Wavelengths that differ by no more are the same, written with fewer digits."""
FARTHEST_NM = 25.0
"""A band that is further off shows something else, and stands for no other."""


@dataclass(frozen=True)
class ModelBands:
    """The bands of a model, as its bundle says."""

    n_bands: int
    wavelengths_nm: tuple[float, ...] | None = None
    dropped: tuple[int, ...] = ()
    """Bands of the training scene's file, 0-based, that are not the model's."""

    @property
    def kept(self) -> list[int]:
        """The model's bands in that file."""
        return sorted(set(range(self.n_bands + len(self.dropped))) - set(self.dropped))


@dataclass(frozen=True)
class Match:
    """For each band of the model, the bands of the scene that make it."""

    lower: npt.NDArray[np.intp]
    upper: npt.NDArray[np.intp]
    weight: npt.NDArray[np.float32]
    """That of the upper one; 0 throughout unless bands are interpolated."""
    note: str = ""

    def of(self, cube: npt.NDArray[np.generic], nodata: Sequence[float] = ()) -> npt.NDArray[np.generic]:
        """The model's bands of `cube` (H, W, C): a view if they are evenly spaced, so that a mapped file stays mapped.

        An interpolated band is NaN if one of its two has no data.
        """
        if not self.weight.any():
            return taken(cube, self.lower.tolist(), axis=2)
        pixels = cube.shape[0] * cube.shape[1]
        require(4 * pixels * len(self.lower), "a copy of the scene with interpolated bands")
        out = np.empty((*cube.shape[:2], len(self.lower)), np.float32)
        for top, strip in strips(cube):
            low, high = strip[..., self.lower].astype(np.float32), strip[..., self.upper].astype(np.float32)
            blended = low + self.weight * (high - low)
            for value in map(np.float32, nodata):
                blended[(low == value) | (high == value)] = np.nan
            out[top : top + len(strip)] = blended
        return out


def taken(cube: npt.NDArray[np.generic], bands: Sequence[int], axis: int) -> npt.NDArray[np.generic]:
    """`bands` of an array along an axis; evenly spaced ones as a view."""
    steps = {after - before for before, after in pairwise(bands)}
    if len(steps) > 1 or 0 in steps:
        require(cube.nbytes // cube.shape[axis] * len(bands), "a copy of the scene with the model's bands")
        return np.take(cube, bands, axis)
    step = steps.pop() if steps else 1
    stop = bands[-1] + step
    place = slice(bands[0], None if stop < 0 else stop, step)
    view: npt.NDArray[np.generic] = cube[(slice(None),) * axis + (place,)]
    return view


def with_model_bands(
    stored: Stored, model: ModelBands, how: MatchBands, layout: str | None, nodata: Sequence[float] = ()
) -> Stored:
    """The cube of a file with the model's bands only, in the model's order, and a note about what could be checked.

    `bbl` does not matter then: which bands were dropped in training does. Raises UserError for bands that do not match.
    """
    if stored.wavelengths_nm is not None and model.wavelengths_nm is not None:
        match = match_bands(model.wavelengths_nm, stored.wavelengths_nm, how, stored.good_bands)
        found = match.of(stored.array, nodata)
        used = {*match.lower.tolist(), *match.upper.tolist()}
        bad = [band for band, good in enumerate(stored.good_bands or ()) if not good and band in used]
        calls = f"{len(bad)} of the model's bands are bad by the scene's header, e.g. band {bad[0] + 1}" if bad else ""
        notes = tuple(note for note in (match.note, calls) if note)
        return replace(
            stored,
            array=found,
            wavelengths_nm=model.wavelengths_nm,
            good_bands=None,
            notes=(*stored.notes, *notes),
        )
    stored = replace(stored, notes=(*stored.notes, unchecked(model, stored.wavelengths_nm is not None, how)))
    axis = _axis_of_bands(stored, model, layout)
    if not model.dropped or axis is None:
        return stored
    return replace(stored, array=taken(stored.array, model.kept, axis), wavelengths_nm=None, good_bands=None)


def match_bands(
    model_nm: Sequence[float], scene_nm: Sequence[float], how: MatchBands, good: Sequence[bool] | None = None
) -> Match:
    """The bands of a scene at `scene_nm` that are those of a model at `model_nm`.

    exact: the same wavelengths, in whatever order, among others. nearest, interpolate: among the `good` bands; the note
    has the largest shift. Raises UserError, which names the first band that differs.
    """
    model, scene = np.asarray(model_nm, float), np.array(scene_nm, float)
    if how != "exact" and good is not None and any(good):
        scene[~np.asarray(good)] = np.inf
    n_bands = len(model)
    if len(scene) == n_bands and (np.abs(model - scene) <= SAME_NM).all():
        nearest = np.arange(n_bands)
    else:
        nearest = np.abs(model[:, None] - scene).argmin(axis=1)
    shift = np.abs(model - scene[nearest])
    largest = f"the largest shift is {shift.max():.3g} nm"
    none = np.zeros(n_bands, np.float32)
    if shift.max() <= SAME_NM and len(set(nearest.tolist())) == n_bands:
        note = "" if shift.max() < 0.05 else f"wavelengths agree; {largest}"
        if (nearest != np.arange(n_bands)).any() or len(scene) != n_bands:
            which = "in another order" if len(scene) == n_bands else f"{n_bands} of {len(scene)}"
            note = f"bands taken by their wavelengths, {which}; {largest}"
        return Match(nearest, nearest, none, note)
    limit = SAME_NM if how == "exact" else FARTHEST_NM
    wrong = shift > limit
    if how == "exact":  # two bands of the model at one wavelength cannot be told apart
        wrong |= np.array([nearest[:band].tolist().count(one) > 0 for band, one in enumerate(nearest)])
    if how == "interpolate":
        wrong |= (model < scene.min() - SAME_NM) | (model > scene[np.isfinite(scene)].max() + SAME_NM)
    if wrong.any():
        first = int(wrong.argmax())
        remedies = {
            "exact": ", or set `match_bands` to nearest or interpolate",
            "interpolate": ", or set `match_bands` to nearest: interpolated are bands within the scene's wavelengths",
            "nearest": f": a band that is more than {FARTHEST_NM:g} nm away stands for no other",
        }
        raise UserError(
            "the scene must have the bands that the model was trained on",
            f"band {first + 1} of the model at {model[first]:.6g} nm, the scene's nearest at "
            f"{scene[nearest[first]]:.6g} nm ({int(wrong.sum())} of {n_bands} bands differ)",
            f"Give a scene of the same sensor{remedies[how]}.",
        )
    if how == "nearest":
        return Match(nearest, nearest, none, f"bands taken by the nearest wavelengths; {largest}")
    order = scene.argsort(kind="stable")
    place = np.clip(np.searchsorted(scene[order], model), 1, max(len(scene) - 1, 1))
    lower, upper = order[place - 1], order[np.minimum(place, len(scene) - 1)]
    width = np.maximum(scene[upper] - scene[lower], 1e-9)
    weight = np.clip((model - scene[lower]) / width, 0, 1).astype(np.float32)
    lower, upper = np.where(weight == 1, upper, lower), np.where(weight == 0, lower, upper)  # a band alone counts alone
    return Match(lower, upper, weight, f"bands interpolated between wavelengths; {largest} from a band of the scene")


def unchecked(model: ModelBands, scene_knows: bool, how: MatchBands) -> str:
    """The note that no wavelengths could be compared. Raises UserError if `how` needs them."""
    who = "the model has no" if scene_knows else "the scene has no"
    if not scene_knows and model.wavelengths_nm is None:
        who = "neither model nor scene has"
    if how != "exact":
        rule = f"`match_bands` {how} compares the wavelengths of model and scene"
        raise UserError(rule, f"none: {who} wavelengths", "Leave it out, or give a file with wavelengths.")
    return f"{who} wavelengths: whether the bands are those of the training could not be checked"


def _axis_of_bands(stored: Stored, model: ModelBands, layout: str | None) -> int | None:
    """The axis along which the file has the bands of the training scene's file; None if that is open."""
    n_file = model.n_bands + len(model.dropped)
    axes = {"HWC": (2,), "CHW": (0,), None: (2, 0)}["HWC" if stored.axes_known else layout]
    found = [axis for axis in axes if stored.array.shape[axis] == n_file]
    return found[0] if len(found) == 1 else None

"""The bands that several scenes have in common: by wavelength if all know theirs, else by their number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.bands import SAME_NM
from hsiauto.scene.model import Scene

_LEAST = 3
"""Fewer common bands are no spectrum."""


@dataclass(frozen=True)
class CommonBands:
    """What the scenes share, in the order of the first scene's bands."""

    places: tuple[list[int], ...]
    """For each scene the places of the common bands in its cube."""
    wavelengths_nm: tuple[float, ...] | None
    """Those of the first scene."""
    dropped: tuple[int, ...]
    """Bands of the first scene's file, 0-based, that are not common to all."""
    notes: tuple[str, ...]


def common_bands(scenes: Sequence[Scene]) -> CommonBands:
    """Match the bands of `scenes` with those of the first.

    With wavelengths a band stands for the nearest one of another scene, if that is no further off than half the
    distance to the next band; nothing is resampled. Without, the files must have the same number of bands.
    Raises UserError if fewer than three bands are common.
    """
    if all(scene.wavelengths_nm is not None for scene in scenes):
        return _by_wavelength(scenes)
    counts = {scene.name: scene.n_bands + len(scene.dropped_bands) for scene in scenes}
    if len(set(counts.values())) > 1:
        without = [scene.name for scene in scenes if scene.wavelengths_nm is None]
        raise UserError(
            "scenes without wavelengths must have the same number of bands",
            ", ".join(f"{name} {n}" for name, n in counts.items()) + f" (without wavelengths: {', '.join(without)})",
            "Give files with wavelengths, or scenes of one sensor.",
        )
    kept = [_in_file(scene) for scene in scenes]
    common = sorted(set(kept[0]).intersection(*kept[1:]))
    wavelengths = scenes[0].wavelengths_nm
    return _checked(
        scenes,
        CommonBands(
            tuple([bands.index(band) for band in common] for bands in kept),
            None if wavelengths is None else tuple(wavelengths[kept[0].index(band)] for band in common),
            tuple(sorted(set(range(next(iter(counts.values())))) - set(common))),
            ("scenes without wavelengths: whether their bands are the same could not be checked",),
        ),
    )


def _by_wavelength(scenes: Sequence[Scene]) -> CommonBands:
    reference = np.asarray(scenes[0].wavelengths_nm)
    half = np.maximum(_spacing(reference) / 2, SAME_NM)
    nearest, common, largest = [], np.ones(len(reference), np.bool_), np.zeros(len(reference))
    for scene in scenes:
        shift = np.abs(reference[:, None] - np.asarray(scene.wavelengths_nm))
        place = np.arange(len(reference)) if scene is scenes[0] else shift.argmin(axis=1)
        off = shift[np.arange(len(reference)), place]
        for band in np.unique(place):  # a band stands for one alone, the nearer one
            same = np.flatnonzero(place == band)
            common[np.setdiff1d(same, same[off[same].argmin()])] = False
        common &= off <= half
        largest = np.maximum(largest, off)
        nearest.append(place)
    bands = np.flatnonzero(common)
    notes: tuple[str, ...] = ()
    if len(bands) and (len({scene.n_bands for scene in scenes} | {len(bands)}) > 1 or largest[bands].max() > SAME_NM):
        most = max(scene.n_bands for scene in scenes)
        notes = (
            f"{len(bands)} of up to {most} bands are common to all scenes, by the nearest wavelength within half a "
            f"band's width; the largest shift is {largest[bands].max():.3g} nm",
        )
    file = _in_file(scenes[0])
    lost = sorted({*scenes[0].dropped_bands, *(file[band] for band in np.flatnonzero(~common))})
    places = tuple([int(band) for band in place[bands]] for place in nearest)
    return _checked(scenes, CommonBands(places, tuple(reference[bands].tolist()), tuple(lost), notes))


def _spacing(wavelengths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(C,) distance from each to the nearest other one."""
    apart = np.abs(wavelengths[:, None] - wavelengths)
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1, initial=np.inf)


def _in_file(scene: Scene) -> list[int]:
    """The bands of its cube, 0-based, as its file counts them."""
    return sorted(set(range(scene.n_bands + len(scene.dropped_bands))) - set(scene.dropped_bands))


def _checked(scenes: Sequence[Scene], found: CommonBands) -> CommonBands:
    if len(found.places[0]) >= _LEAST:
        return found
    ranges = [
        scene.name + ("" if (nm := scene.wavelengths_nm) is None else f" {min(nm):.0f}-{max(nm):.0f} nm")
        for scene in scenes
    ]
    raise UserError(
        f"several scenes need {_LEAST} bands in common, by wavelengths that differ by half a band's width at most",
        f"{len(found.places[0])} ({', '.join(ranges)})",
        "Give scenes of one sensor, or resample them to one list of bands.",
    )

"""SceneSource: the origin of a scene, as a user names it."""

import os
import re
from glob import has_magic
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hsiauto.errors import UserError, shown
from hsiauto.scene.registry.known import known_scenes
from hsiauto.settings import AbsolutePath, Label, Seed, Setting, Settings, WholeNumbers, absolute, whole_numbers

SIMULATED = "simulated:"
VECTOR = (".geojson", ".json", ".gpkg", ".shp", ".zip")
"""Suffixes of files of polygons and points."""
SPECTRA = (".csv", ".parquet", ".sli")
"""Tables of spectra, which have no place."""
MatchBands = Literal["exact", "nearest", "interpolate"]
_MOST_BANDS, _MOST_PARTS = 100_000, 1000
_GROUP, _COMMANDS = "Scene", ("search", "train", "study", "estimate", "split")
_OF_FILES = (*_COMMANDS, "upload")


def _found_from_anywhere(dataset: str) -> str:
    """`dataset` with the path in it, if there is one, absolute."""
    if dataset.startswith(SIMULATED):
        return f"{SIMULATED}{absolute(dataset.removeprefix(SIMULATED))}"
    is_path = dataset not in known_scenes() and (is_glob(dataset) or os.path.exists(os.path.expanduser(dataset)))
    return str(absolute(dataset)) if is_path else dataset


def is_glob(dataset: str) -> bool:
    """Whether it names files by a pattern."""
    return has_magic(dataset) and not os.path.exists(os.path.expanduser(dataset))


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _ranges(value: Any) -> Any:
    """`104-108,150` -> its numbers, counted from 1."""
    if isinstance(value, str):
        given, number = shown(value), "([0-9]{1,6})"
        parts = [re.fullmatch(f"{number}(?:-{number})?", part.strip()) for part in value.split(",", _MOST_PARTS)]
        value = [n for part in parts if part for n in range(int(part[1]), int(part[2] or part[1]) + 1)]
        if not all(parts) or not value or len(value) > _MOST_BANDS:
            raise UserError("`drop_bands` lists bands, counted from 1", given, "Write for example 104-108,150.")
    return value


_Dataset = Annotated[str, AfterValidator(_found_from_anywhere)]


class SceneSource(Settings):
    """The origin of a scene: a registry name, `simulated:PATH`, or a file with its labels."""

    dataset: Annotated[_Dataset, Setting(_GROUP, _COMMANDS, repeated=True)] = "demo"
    """A known scene (see `hsiauto datasets`), demo, simulated:LABELS, or a file, also one of spectra (.csv, .parquet,
    .sli). Several scenes are one data set: given again, a folder or pattern of tiles, or a .yaml that lists cube,
    labels and name of each."""
    data_dir: Annotated[
        AbsolutePath | None,
        Setting(
            _GROUP, (*_COMMANDS, "predict"), default="the variable HSIAUTO_DATA, else ~/.cache/hsiauto", on_resume=True
        ),
    ] = None
    """Folder in which scenes lie and into which they are downloaded."""
    labels: Annotated[AbsolutePath | None, Setting(_GROUP, _OF_FILES, repeated=True)] = None
    """Label map of a scene that is a file; of several scenes one each, or a folder or pattern, matched by the names of
    the files; or polygons or points of classes (.geojson, .gpkg, .shp, .zip of a shapefile). `hsiauto train` also takes
    the word active."""
    more: tuple[tuple[_Dataset, AbsolutePath | None], ...] = ()
    """Further scenes of the data set, each with its label map: `dataset` and `labels` given again."""
    label_field: Annotated[str | None, Setting(_GROUP, _OF_FILES)] = None
    """Field of the polygons or points, or column of the spectra, that holds their class, as text or a whole number."""
    label_layer: Annotated[str | None, Setting(_GROUP, _OF_FILES, default="the only one")] = None
    """Layer of the polygons or points."""
    all_touched: Annotated[bool, Setting(_GROUP, _OF_FILES)] = False
    """A pixel belongs to each polygon that touches it, instead of that which holds its centre."""
    group_field: Annotated[
        str | None, Setting(_GROUP, _OF_FILES, default="each polygon is a group; of spectra a few of a class")
    ] = None
    """Field of the polygons or points, or column of the spectra, whose values join them to groups, e.g. of one farm."""
    groups: Annotated[AbsolutePath | None, Setting(_GROUP, _COMMANDS)] = None
    """Map of the group of each labelled pixel, such as its field, beside a label map."""
    key: Annotated[str | None, Setting(_GROUP, (*_OF_FILES, "predict"))] = None
    """Name of the cube in a file of several arrays."""
    labels_key: Annotated[str | None, Setting(_GROUP, _OF_FILES)] = None
    """Name of the label map in a file of several arrays."""
    ignore_labels: Annotated[WholeNumbers, Setting(_GROUP, _OF_FILES, metavar="N,N")] = ()
    """Label values that mean unlabelled, e.g. 0,255."""
    background: Annotated[
        Label | Literal["none"] | None,
        BeforeValidator(_lower),
        Setting(_GROUP, _OF_FILES, default="0, unless it looks like a class", metavar="VALUE|none"),
    ] = None
    """Label value that means unlabelled; none: no value does, and 0 is a class."""
    nodata: Annotated[
        Annotated[float, Field(allow_inf_nan=False)] | Literal["none"] | None,
        BeforeValidator(_lower),
        Setting(
            _GROUP, (*_OF_FILES, "predict"), default="what the file says and what cannot be data", metavar="VALUE|none"
        ),
    ] = None
    """Value of the cube that means no data, beside the file's own; none: only NaN does."""
    on_nodata: Annotated[
        Literal["drop", "refuse"] | None,
        Setting(_GROUP, _OF_FILES, default="drop up to 10 % of either, else refuse"),
    ] = None
    """Labelled pixels without data in some bands: drop labels or bands, whichever loses less, or refuse."""
    drop_bands: Annotated[
        tuple[Annotated[int, Field(ge=1, le=_MOST_BANDS)], ...],
        BeforeValidator(whole_numbers),
        BeforeValidator(_ranges),
        Setting(_GROUP, _OF_FILES, metavar="N,N-N"),
    ] = ()
    """Bands to leave out, counted from 1 as in the file, e.g. 104-108,150. A bundle leaves them out by itself."""
    layout: Annotated[
        Literal["HWC", "CHW"] | None,
        BeforeValidator(_upper),
        Setting(_GROUP, (*_OF_FILES, "predict"), default="from the shape of the labels"),
    ] = None
    """Axis order of the cube in the file."""
    match_bands: Annotated[MatchBands, Setting(_GROUP, ("predict",))] = "exact"
    """Which bands of a scene with wavelengths stand for the model's: the same, the nearest, or those between."""
    seed: Annotated[Seed, Setting(_GROUP, _COMMANDS, name="simulator-seed")] = 0
    """Seed of the simulator."""

    @model_validator(mode="before")
    @classmethod
    def _given_again(cls, fields: Any) -> Any:
        """`dataset=["a.mat", "b.mat"], labels=["a_gt.mat", "b_gt.mat"]`: the first scene, and more."""
        if not isinstance(fields, dict):
            return fields
        datasets, labels = (
            list(given) if isinstance(given := fields.get(name), list | tuple) else [given] if given else []
            for name in ("dataset", "labels")
        )
        if max(len(datasets), len(labels)) < 2:
            return {**fields, **{n: v[0] for n, v in (("dataset", datasets), ("labels", labels)) if v}}
        if len(labels) == 1 and Path(labels[0]).suffix.lower() in VECTOR:
            labels *= len(datasets)
        if labels and len(labels) != len(datasets):
            rule = "`labels` is given once for each `dataset`, or not at all, or as one file of polygons for all"
            raise UserError(rule, f"{len(labels)} for {len(datasets)}", "Name each scene's, or list them in a .yaml.")
        pairs = list(zip(datasets, labels or [None] * len(datasets), strict=True))
        return {**fields, "dataset": pairs[0][0], "labels": pairs[0][1], "more": pairs[1:]}

    @property
    def polygons(self) -> bool:
        """Whether the labels are polygons or points."""
        return self.labels is not None and self.labels.suffix.lower() in VECTOR

    @property
    def spectra(self) -> bool:
        """Whether it is a table of spectra."""
        return not self.more and Path(self.dataset).suffix.lower() in SPECTRA

    @property
    def protocol(self) -> Literal["blocks", "groups", "spectra"]:
        """How it is split if nobody says: groups, if its labels have them, are held out as a whole."""
        if self.spectra:
            return "spectra"
        return "groups" if self.polygons or self.groups is not None else "blocks"

    @model_validator(mode="after")
    def _labels_of_one_kind(self) -> Self:
        if self.spectra:
            of_image = ("labels", "labels_key", "groups", "label_layer", "all_touched", "key", "layout")
            if given := [f"`{field}`" for field in of_image if getattr(self, field)]:
                raise UserError(f"{', '.join(given)} belongs to images", f"{self.dataset}, a table", "Leave it out")
            return self
        of_map, of_polygons = ("labels_key", "groups"), ("label_field", "label_layer", "all_touched", "group_field")
        given = [f"`{field}`" for field in (of_map if self.polygons else of_polygons) if getattr(self, field)]
        if given:
            kind = "a label map" if self.polygons else f"labels that are polygons or points ({', '.join(VECTOR)})"
            raise UserError(f"{', '.join(given)} belongs to {kind}", self.labels or self.dataset, "Leave it out")
        return self

"""What a family is: one frozen, typed config that knows its bounds, its sources and how to build itself.

The hyperparameters that every torch family shares are declared here, once.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, model_validator
from torch import nn

from hsiauto.families import tiling
from hsiauto.families.hyperparameters import Above, AtLeast, allows, hyperparameter, in_words

Kind = Literal["torch", "classical", "reference", "ensemble"]
SEARCHED: tuple[Kind, ...] = ("torch", "classical")
"""Kinds that a space holds, a study compares and an ensemble takes its members from."""
Input = Literal["pixel", "patch", "tile", "features", "coordinates", "members"]
Reduction = Literal["pca", "mnf"]
"""Principal components, or the minimum noise fraction (Green et al., TGRS 26(1), 1988)."""
Border = Literal["reflect", "zeros"]
"""What stands beyond the scene's border: its pixels mirrored, the border pixel not repeated; or zeros after scaling."""
Seen = Literal["training", "scene"]
"""Pixels whose spectra a training sees: training pixels, or every pixel of the scene that holds data. No label beyond
those of the training pixels in either case."""

SEES_UNLABELLED = ("fitted_on", "context")
"""The hyperparameters, of type `Seen`, that may show unlabelled ground to a training."""


def hash_of(active: Mapping[str, Any]) -> str:
    """`FamilyConfig.hash` of the config whose active fields are `active`, as JSON has them."""
    canonical = json.dumps(active, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class FamilyConfig(BaseModel):
    """Base of all families' configs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    kind: ClassVar[Kind]
    input: ClassVar[Input]
    source: ClassVar[str]
    """The paper and section, or why the family is here."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    """Named settings. Every family has `paper`, the family's first trial; empty = all defaults."""
    search_space: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """The block of a family from outside in the space `unified`, {hyperparameter: {"low": ..., "high": ...}} or
    {"choices": [...]}, as in a space file. The built-in families have theirs in unified.yaml."""
    published_parameters: ClassVar[Mapping[tuple[int, int], int]] = {}
    """The counts that the source prints for the `paper` preset: (bands of the scene, classes) -> parameters;
    `hsiauto.testing` compares."""

    @classmethod
    def preset(cls, name: str = "paper") -> Self:
        return cls(**cls.presets[name])

    @classmethod
    def when(cls, field: str) -> Mapping[str, object]:
        """The condition under which `field` is active; empty: always."""
        extra = cls.model_fields[field].json_schema_extra
        condition = extra.get("when", {}) if isinstance(extra, dict) else {}
        return condition if isinstance(condition, dict) else {}

    @classmethod
    def is_active(cls, field: str, values: Mapping[str, object]) -> bool:
        """Whether `field` is active, given the values of the fields before it (a missing one has its default)."""
        conditions = _conditions(cls)[field]
        return not conditions or all(
            cls.is_active(parent, values) and allows(wanted, values.get(parent, default))
            for parent, wanted, default in conditions
        )

    @model_validator(mode="after")
    def _sets_nothing_inactive(self) -> Self:
        values = dict(self)
        for name in sorted(self.model_fields_set):
            if not self.is_active(name, values) and values[name] != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} is inactive in this config: it needs {in_words(self.when(name))}; leave it out"
                )
        return self

    def active(self) -> dict[str, Any]:
        """The active fields, in order of declaration, `family` first. JSON values."""
        values = dict(self)
        dump = self.model_dump(mode="json")
        return {name: dump[name] for name in type(self).model_fields if self.is_active(name, values)}

    def hash(self) -> str:
        """Identifies what the config does: 16 hex digits over `active()`."""
        return hash_of(self.active())

    @property
    def parts(self) -> "tuple[FamilyConfig, ...]":
        """The configs that are trained for it, each once: itself, or the members of an ensemble."""
        return (self,)

    @property
    def reads(self) -> str:
        """`input`; of an ensemble those of its members, joined by ` + `."""
        return " + ".join(sorted({part.input for part in self.parts}))

    @property
    def transductive(self) -> bool:
        """Whether training sees spectra of unlabelled ground: a hyperparameter in `SEES_UNLABELLED` is `scene`."""
        return any(getattr(part, name, None) == "scene" for part in self.parts for name in SEES_UNLABELLED)

    def blind(self) -> Self:
        """The nearest config whose training sees no unlabelled ground."""
        seen = [name for name in SEES_UNLABELLED if getattr(self, name, None) == "scene"]
        return self.model_copy(update=dict.fromkeys(seen, "training")) if seen else self

    def unsmoothed(self) -> Self:
        """The config without its filter over space: configs that differ in it alone are one training."""
        return self

    @property
    def support(self) -> int:
        """Radius in pixels of the input that one prediction reads (Chebyshev), with what smoothing adds."""
        return self.model_support + self.smoothing_reach

    @property
    def model_support(self) -> int:
        """Radius in pixels of the input that the model itself reads for one pixel."""
        return 0

    @property
    def smoothing_reach(self) -> int:
        """Radius in pixels of the model's answers that one prediction reads."""
        return 0

    def rows_read(self, start: int, stop: int, height: int) -> tuple[int, int]:
        """(first row, row after the last) of a scene of `height` rows that are needed to predict rows start .. stop - 1
        as in the whole scene."""
        reach = self.smoothing_reach
        return self.model_rows_read(max(0, start - reach), min(height, stop + reach), height)

    def model_rows_read(self, start: int, stop: int, height: int) -> tuple[int, int]:
        """The rows that the model reads, as `rows_read` without smoothing.

        At the scene's edge more is read on the inner side: a model that reads 2 * model_support + 1 rows gets as many.
        """
        least = 2 * self.model_support + 1
        top = max(0, min(start - self.model_support, height - least))
        return top, min(height, max(stop + self.model_support, least))

    def bounded(self, n_bands: int, n_pixels: int) -> Self:
        """The nearest config that a scene with `n_bands` and `n_pixels` training pixels can feed."""
        most = min(n_bands, n_pixels - 1)
        if self.active().get("components", 0) > most:
            values = {**self.active(), "components": max(1, most)}
            return type(self)(**{name: value for name, value in values.items() if self.is_active(name, values)})
        return self


@cache
def _conditions(config: type[FamilyConfig]) -> dict[str, tuple[tuple[str, object, Any], ...]]:
    """Field -> its `when` as (parent, wanted, the parent's default). Cached: a search reads it a million times."""
    fields = config.model_fields
    return {
        name: tuple((parent, wanted, fields[parent].default) for parent, wanted in config.when(name).items())
        for name in fields
    }


class SmoothedConfig(FamilyConfig):
    """A family that may win: its class probabilities may be filtered over space (`hsiauto.models.smoothing`)."""

    smoothing: Literal["none", "majority", "guided"] = hyperparameter(
        "none",
        "filter of the class probabilities over space: votes of a window, or the guided filter; trades on position",
        source="guided: Kang et al., TGRS 52(5), 2014",
    )
    smoothing_radius: int = hyperparameter(
        2,
        "the filter's window has (2 radius + 1)^2 pixels",
        source="hsiauto",
        unit="pixels",
        ge=1,
        le=16,
        when={"smoothing": ("majority", "guided")},
    )

    def unsmoothed(self) -> Self:
        return self.model_copy(update={"smoothing": "none"})

    @property
    def smoothing_reach(self) -> int:
        """The guided filter takes the mean over windows of what windows say, so it reads twice the radius."""
        return {"none": 0, "majority": 1, "guided": 2}[self.smoothing] * self.smoothing_radius


class TorchConfig(SmoothedConfig):
    """Hyperparameters that every torch family shares."""

    kind: ClassVar[Kind] = "torch"

    learning_rate: float = hyperparameter(1e-3, "peak learning rate", source="hsiauto", gt=0, le=1)
    weight_decay: float = hyperparameter(1e-4, "decoupled weight decay", source="AdamW, arXiv 1711.05101", ge=0, le=1)
    optimizer: Literal["adam", "adamw"] = hyperparameter(
        "adamw", "Adam (L2 decay) or AdamW (decoupled)", source="hsiauto"
    )
    schedule: Literal["constant", "cosine", "onecycle"] = hyperparameter(
        "cosine", "learning rate over the final epoch budget, set per step", source="hsiauto"
    )
    batch_size: int = hyperparameter(64, "labelled pixels a step", source="hsiauto", unit="pixels", ge=1, le=4096)
    label_smoothing: float = hyperparameter(
        0.0, "mass moved from the label to all classes", source="arXiv 1512.00567", ge=0, lt=1
    )
    band_dropout: float = hyperparameter(
        0.0, "probability that an input channel of a sample is zeroed", source="hsiauto", ge=0, lt=1
    )
    class_weighting: Literal["none", "balanced"] = hyperparameter(
        "none", "weights in the cross-entropy: balanced = inverse class frequency", source="scikit-learn's formula"
    )
    components: int = hyperparameter(
        0,
        "principal components; 0 = all bands, standardised",
        source="hsiauto",
        ge=0,
        le=512,
    )
    whiten: bool = hyperparameter(
        True,
        "scale each component to unit variance, else all by one factor",
        source="hsiauto",
        when={"components": AtLeast(1)},
    )
    reduction: Reduction = hyperparameter(
        "pca",
        "components: principal ones, or those of the minimum noise fraction, noise taken from neighbouring pixels",
        source="mnf: Green et al., TGRS 26(1), 1988",
        when={"components": AtLeast(1)},
    )
    fitted_on: Seen = hyperparameter(
        "training",
        "pixels that components and the guide of smoothing are fitted on: training ones (mnf: with neighbours), or all",
        source="hsiauto",
        when={"components": AtLeast(1)},
    )

    @classmethod
    def when(cls, field: str) -> Mapping[str, object]:
        """Adds the condition of `optimizer`: without decay Adam and AdamW are the same, whatever the default."""
        condition = super().when(field)
        return {**condition, "weight_decay": Above(0)} if field == "optimizer" else condition

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        """The untrained module. `n_bands` counts the channels after preprocessing (bands or components).

        Input (B, n_bands) for `pixel`, (B, n_bands, P, P) for `patch` with the labelled pixel at [P // 2, P // 2],
        (B, n_bands, H, W) for `tile`. Output: logits (B, n_classes), for `tile` (B, n_classes, H, W).
        """
        raise NotImplementedError


class PixelConfig(TorchConfig):
    """A torch family that reads one spectrum: no spatial context, so no way to learn positions."""

    input: ClassVar[Input] = "pixel"


class PatchConfig(TorchConfig):
    """A torch family that reads a square patch around the labelled pixel."""

    input: ClassVar[Input] = "patch"

    patch: int = hyperparameter(9, "side of the input patch", source="hsiauto", unit="pixels", ge=1, le=65)
    augmentation: Literal["none", "flip", "dihedral"] = hyperparameter(
        "dihedral", "per sample: none, random flips, or one of the 8 symmetries of the square", source="hsiauto"
    )
    border: Border = hyperparameter("reflect", "what a patch holds beyond the scene's border", source="hsiauto")
    noise: float = hyperparameter(
        0.0,
        "deviation of the noise added to half of the samples, relative to each channel's own",
        source="arXiv 2511.12346",
        ge=0,
        le=1,
    )

    @property
    def model_support(self) -> int:
        return self.patch // 2


class TileConfig(TorchConfig):
    """A torch family that labels every pixel of a tile at once; trained on the labelled pixels of the tile."""

    input: ClassVar[Input] = "tile"

    tile: int = hyperparameter(64, "side of the square tile", source="hsiauto", unit="pixels", ge=4, le=4096)
    context: Seen = hyperparameter(
        "scene",
        "pixels that the tiles of training show: all of the scene, or training pixels alone; the loss is on these",
        source="scene: the published code of MambaHSI, arXiv 2501.04944",
    )

    @property
    def model_support(self) -> int:
        """The tile, as the protocol declares it: no pixel of the tiles that cover another lies further away."""
        return self.tile

    def model_rows_read(self, start: int, stop: int, height: int) -> tuple[int, int]:
        return tiling.reach(start, stop, height, self.tile)


class ClassicalConfig(SmoothedConfig):
    """A scikit-learn family: trained once, at full fidelity, on one row of features a pixel."""

    kind: ClassVar[Kind] = "classical"
    input: ClassVar[Input] = "features"

    features: Literal["spectra", "multiscale"] = hyperparameter(
        "spectra",
        "standardised bands, or principal components smoothed over space by Gaussians of several widths",
        source="hsiauto; extended morphological profiles play this role in the literature",
    )
    components: int = hyperparameter(
        30,
        "principal components before smoothing, whitened",
        source="hsiauto",
        ge=1,
        le=512,
        when={"features": "multiscale"},
    )
    reduction: Reduction = hyperparameter(
        "pca",
        "components: principal ones, or those of the minimum noise fraction, noise taken from neighbouring pixels",
        source="mnf: Green et al., TGRS 26(1), 1988",
        when={"features": "multiscale"},
    )
    fitted_on: Seen = hyperparameter(
        "training",
        "pixels that components and the guide of smoothing are fitted on: training ones (mnf: with neighbours), or all",
        source="hsiauto",
        when={"features": "multiscale"},
    )
    sigma: float = hyperparameter(
        4.0,
        "widest Gaussian; the scales are 0 and sigma, halved as long as one pixel is left",
        source="hsiauto",
        unit="pixels",
        gt=0,
        le=32,
        when={"features": "multiscale"},
    )

    def fit(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], seed: int, n_jobs: int) -> "Estimator":
        """(N, F) features and 0-based labels -> a fitted scikit-learn estimator."""
        raise NotImplementedError

    def probabilities(self, estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(N, F) features -> (N, len(estimator.classes_)); a row depends on its own features alone."""
        raise NotImplementedError

    def why_foreign(self, estimator: Any, n_features: int) -> str:
        """Why `fit` cannot have made `estimator`, which comes from a file; empty: it can.

        `classes_`, `n_features_in_` and the finiteness of its arrays have been checked. A family checks the type, and
        what a prediction follows without a look: shapes, indices, sizes.
        """
        return ""

    @property
    def model_support(self) -> int:
        return math.ceil(4 * self.sigma) if self.features == "multiscale" else 0


class ReferenceConfig(FamilyConfig):
    """A reference: it stands on every leaderboard, is never searched and never exported."""

    kind: ClassVar[Kind] = "reference"


class Criterion(Protocol):
    """Cross-entropy with the config's label smoothing and class weights: (logits, labels) -> scalar."""

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor: ...


class Estimator(Protocol):
    """A fitted scikit-learn classifier: nothing of ours, so that a bundle holds no code."""

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """The labels that it saw, sorted."""
        ...

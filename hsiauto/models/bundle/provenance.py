"""Where a model comes from, and what its inputs and outputs mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from hsiauto.models.applicability import Applicability
from hsiauto.models.fitted.base import Fitted


class Provenance(BaseModel):
    """The origin of a model and the meaning of its outputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: dict[str, str]
    """hsiauto, Python and the packages that can change a number."""
    git_commit: str | None
    dataset: str
    data_hash: str
    split_hash: str
    protocol: str
    seed: int
    class_names: tuple[str, ...] = Field(min_length=1)
    """Names of the model's outputs, in order."""
    label_values: tuple[Annotated[int, Field(ge=0)], ...]
    """The value of each class in the user's label map; maps are written in these."""
    class_colours: tuple[Annotated[str, Field(pattern="^[0-9a-f]{6}$")], ...] = ()
    """The colour of each class, red, green and blue in hexadecimal digits; empty: those of the palette."""
    wavelengths_nm: tuple[FiniteFloat, ...] | None = None
    """Those of the model's bands."""
    dropped_bands: tuple[Annotated[int, Field(ge=0)], ...] = Field((), max_length=100_000)
    """Bands of the training scene's file, 0-based, that the model does not have."""
    value_range: tuple[tuple[FiniteFloat, ...], tuple[FiniteFloat, ...]] | None = None
    """0.1 % and 99.9 % of the values of each band at the training pixels."""
    rgb_bands: tuple[int, int, int] | None = None
    """0-based bands for a false-colour picture."""
    test_scores: dict[str, float] = Field(default_factory=dict)
    """Test scores of this very model, e.g. {"oa": 0.98, "oa_low": 0.96, "oa_high": 0.99, "aa": 0.97, "kappa": 0.98};
    low and high: the leaderboard's `test_oa_low` and `test_oa_high`."""
    test_pixels: int | None = None
    """Pixels that it was scored on."""
    canary_oa: float | None = None
    """Test OA on the same split of a model that sees row and column alone; None: it was not scored."""
    oa_by_distance: dict[str, float | None] = Field(default_factory=dict)
    """{pixels from the nearest training pixel, such as "8-15": test OA there}, as the leaderboard has it."""
    transductive: bool | None = None
    """Whether it was trained with spectra of unlabelled ground of its scene, test pixels among them; None: not said."""
    created_at: str
    """ISO 8601, UTC."""

    @model_validator(mode="after")
    def _tells_of_each_class(self) -> Self:
        n_classes = len(self.class_names)
        if len(set(self.label_values)) != n_classes or len(self.label_values) != n_classes:
            raise ValueError("each class has a label value of its own")
        if len(self.class_colours) not in (0, n_classes):
            raise ValueError("each class has a colour, or none has one")
        return self


@dataclass(frozen=True)
class Bundle:
    """A model that its user can trace."""

    fitted: Fitted
    provenance: Provenance
    applicability: Applicability | None = None
    """None: the bundle was saved without."""
    folder: Path | None = None
    """Where it was loaded from."""

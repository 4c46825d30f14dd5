"""`ensemble`: the mean of the class probabilities of several configs, each trained by itself.

Models of different families err on different pixels, so their mean errs less than the best of them. A config that
stands twice counts twice, as in Caruana et al. (ICML 2004), and is trained once. Every member has its own preprocessing
and its own smoothing; the smoothing of the ensemble filters the mean.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, field_serializer

from hsiauto.errors import UserError
from hsiauto.families.base import SEARCHED, FamilyConfig, Input, Kind, SmoothedConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.lda import LdaConfig
from hsiauto.families.svm import SvmConfig

MOST_MEMBERS = 10
"""Different ones: each is trained, kept and asked for every pixel."""


def _member(value: Any) -> Any:
    """A config, or its fields as JSON has them. Raises UserError for one that is no member."""
    from hsiauto.families import FAMILIES, config_from  # which register this family

    family: Any = value
    if isinstance(value, Mapping):
        family = FAMILIES.get(str(value.get("family")), FamilyConfig)
    if getattr(family, "kind", SEARCHED[0]) not in SEARCHED:
        raise UserError("a member is a config of a torch or a classical family", family.kind)
    return config_from(value) if isinstance(value, Mapping) else value


def _in_order(members: tuple[FamilyConfig, ...]) -> tuple[FamilyConfig, ...]:
    """The same members are one config, in whatever order they came."""
    if (n := len(set(members))) > MOST_MEMBERS:
        raise UserError(f"an ensemble has at most {MOST_MEMBERS} different members", n)
    return tuple(sorted(members, key=lambda member: (member.family, member.hash())))


class EnsembleConfig(SmoothedConfig):
    """The mean of its members. It stands in no space: members are chosen when their scores are known."""

    family: Literal["ensemble"] = "ensemble"
    kind: ClassVar[Kind] = "ensemble"
    input: ClassVar[Input] = "members"
    source: ClassVar[str] = "Caruana et al., ICML 2004; of a few good families the plain mean does as well"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}

    members: Annotated[tuple[Annotated[FamilyConfig, BeforeValidator(_member)], ...], AfterValidator(_in_order)] = (
        hyperparameter(
            (
                SvmConfig(features="multiscale", reduction="mnf", C=10.0),
                LdaConfig(features="multiscale", reduction="mnf"),
                ForestConfig(features="multiscale", reduction="mnf"),
            ),
            "configs whose probabilities are averaged; one that stands twice counts twice",
            source="hsiauto",
            min_length=2,
            max_length=100,
        )
    )

    @field_serializer("members")
    def _active_members(self, members: tuple[FamilyConfig, ...]) -> list[dict[str, Any]]:
        return [member.active() for member in members]

    @property
    def counted(self) -> Mapping[FamilyConfig, int]:
        """Different member -> how often it counts."""
        return Counter(self.members)

    @property
    def parts(self) -> tuple[FamilyConfig, ...]:
        return tuple(self.counted)

    @property
    def model_support(self) -> int:
        return max(member.support for member in self.parts)

    def model_rows_read(self, start: int, stop: int, height: int) -> tuple[int, int]:
        """The whole scene, of which each member is given the rows that it reads: tiles of two families begin at
        different rows."""
        return 0, height

    def blind(self) -> Self:
        members = tuple(member.blind() for member in self.members)
        return self if members == self.members else self.with_members(members)

    def bounded(self, n_bands: int, n_pixels: int) -> Self:
        members = tuple(member.bounded(n_bands, n_pixels) for member in self.members)
        return self if members == self.members else self.with_members(members)

    def with_members(self, members: tuple[FamilyConfig, ...]) -> Self:
        """The same of other members."""
        return type(self)(**{**self.active(), "members": members})

"""The scenes that hsiauto knows by name: one YAML each in `datasets/`, checked by the models here."""

from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hsiauto.errors import UserError, refusal
from hsiauto.files import parse_yaml

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegisteredFile(_Facts):
    """One file of a scene."""

    file: str
    also: tuple[str, ...] = ()
    """Other names under which the file is distributed."""
    key: str | None = None
    """Name of the array; None: the only one of fitting shape."""
    sha256: Sha256 | None = None
    """None: unknown, the shape alone is checked."""
    urls: tuple[str, ...] = ()
    """Sources, tried in turn. Empty: the file is given out on request only."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.file, *self.also)

    @model_validator(mode="after")
    def _downloads_have_checksums(self) -> "RegisteredFile":
        if self.urls and self.sha256 is None:
            raise ValueError(f"{self.file}: a file that is downloaded needs a sha256")
        return self


class Variant(_Facts):
    """Another version of the cube, whose results must not be mixed with the original's."""

    name: Name
    """Results carry it as the name of the dataset."""
    note: str
    cube: RegisteredFile


class RegisteredScene(_Facts):
    """The facts of a scene that are known before any of its files is read."""

    name: Name
    title: str
    simulated: bool = False
    shape: tuple[int, int, int] | None = None
    """H, W, C of the cube, as it is stored for classification."""
    labelled_pixels: int | None = None
    n_classes: int | None = None
    classes: tuple[str, ...] | None = None
    """Names in the order of the label values; None: the published names are not known to us."""
    class_values: tuple[int, ...] | None = None
    """Label value of each class; None: 1, 2, 3, ..."""
    sensor: str | None = None
    wavelength_range_nm: tuple[float, float] | None = None
    """The published range; the files carry no wavelength of the single bands."""
    rgb_bands: tuple[int, int, int] | None = None
    """0-based."""
    page: str | None = None
    """URL of the page that describes the scene or tells whom to ask for it."""
    terms: str
    cube: RegisteredFile | None = None
    labels: RegisteredFile | None = None
    variants: tuple[Variant, ...] = ()

    @property
    def downloadable(self) -> bool:
        return bool(self.cube and self.cube.urls)

    def class_name(self, value: int) -> str | None:
        """The published name of a label value; None if none is known."""
        if self.classes is None:
            return None
        values = self.class_values or tuple(range(1, len(self.classes) + 1))
        return dict(zip(values, self.classes, strict=True)).get(value)

    @model_validator(mode="after")
    def _facts_agree(self) -> "RegisteredScene":
        if self.simulated == (self.cube is not None) or (self.cube is None) != (self.labels is None):
            raise ValueError("a scene is simulated, or has a cube and labels")
        for names in (self.classes, self.class_values):
            if names is not None and (len(names) != self.n_classes or len(set(names)) != len(names)):
                raise ValueError(f"{len(names)} classes listed, n_classes is {self.n_classes}")
        if self.shape and self.rgb_bands and max(self.rgb_bands) >= self.shape[2]:
            raise ValueError(f"rgb_bands {self.rgb_bands} of {self.shape[2]} bands")
        return self


@cache
def known_scenes() -> dict[str, RegisteredScene]:
    """Name -> scene, in the order of the names. Raises UserError naming the YAML that does not validate."""
    scenes: dict[str, RegisteredScene] = {}
    folder = resources.files("hsiauto.scene") / "datasets"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".yaml"):
            continue
        try:
            scene = RegisteredScene.model_validate(parse_yaml(entry.read_text("utf-8"), f"datasets/{entry.name}"))
        except ValidationError as invalid:
            raise refusal(invalid, f"datasets/{entry.name}: ", "Correct the file.") from invalid
        if entry.name != f"{scene.name}.yaml":
            raise UserError("a scene's file bears its name", f"{scene.name} in {entry.name}", "Rename one of them")
        scenes[scene.name] = scene
    return scenes

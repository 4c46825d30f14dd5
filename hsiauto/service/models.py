"""What requests and answers hold."""

from collections.abc import Iterable
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hsiauto.service.requests import schema_of, settable
from hsiauto.service.scenes import OPTIONS
from hsiauto.service.users import Role

Item = TypeVar("Item")
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Options = dict[Annotated[str, Field(max_length=100)], Any]
PageNumber = Annotated[int, Field(ge=1, le=10**6, description="From 1 on.")]
PageSize = Annotated[int, Field(ge=1, le=200, description="Items of a page.")]


def order_of(columns: Iterable[str]) -> Any:
    """The parameter of a list that is sorted by one of `columns`, for the document of the API."""
    pattern = rf"^-?({'|'.join(columns)})$"
    return Query(description="A minus before it turns the order.", json_schema_extra={"pattern": pattern})


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""JSON has one kind of number: 7.0 is 7."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class _Told(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Broken(_Told):
    """Why a request is refused."""

    rule: str
    """What must hold."""
    received: str
    remedy: str


class Refusal(_Told):
    """The body of every answer that is no success."""

    error: Broken


class Page(_Told, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    total: int
    page: int
    page_size: int


class Me(_Told):
    """Whose token was sent."""

    name: str
    role: Role
    version: str
    """Of the service."""


class Family(_Told):
    """An architecture family."""

    name: str
    kind: str
    summary: str
    hyperparameters: int


class SettingOut(_Told):
    """A setting that a run may have or, in the group Scene, an uploaded scene."""

    field: str
    """Its key in `config`; of a scene, in `options`."""
    group: str
    meaning: str
    type: str
    default: Any
    default_words: str
    """The default, if it is not one value."""
    metavar: str
    choices: list[str]
    minimum: float | None
    maximum: float | None
    repeated: bool
    protocols: list[str]
    """The split protocols under which it acts; empty: all."""


class NewScene(_Asked):
    """A scene that will be uploaded."""

    name: Title
    options: Options = Field(default_factory=dict, json_schema_extra=schema_of(OPTIONS))
    """Settings of a scene that are no paths, as in run.yaml."""


class SceneChange(_Asked):
    shared: bool


class UploadedFile(_Told):
    filename: str
    bytes: int
    sha256: str


class Digest(_Told):
    bytes: int
    sha256: str


class SceneClass(_Told):
    name: str
    pixels: int | None = None
    """None: nobody has looked at the files yet."""


class SceneOut(_Told):
    """A scene."""

    id: str
    name: str
    owner: str
    """Empty: the operator."""
    mine: bool
    shared: bool
    source: Literal["upload", "registry", "folder"]
    state: Literal["uploading", "ready"]
    created: str | None
    options: dict[str, Any]
    files: dict[str, UploadedFile]
    height: int | None = None
    width: int | None = None
    bands: int | None = None
    classes: list[SceneClass] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class RunRequest(_Asked):
    """A search."""

    scene: Annotated[str, Field(max_length=64)]
    name: Title | None = None
    config: Options = Field(default_factory=dict, json_schema_extra=schema_of(settable()))
    """Settings, keyed as run.yaml is; `GET /api/settings` lists them."""


class RunChange(_Asked):
    shared: bool | None = None
    name: Title | None = None


class ResumeRequest(_Asked):
    """What a run that goes on takes anew."""

    budget: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    time_limit: Annotated[str, Field(min_length=1, max_length=20)] | Annotated[float, Field(gt=0, le=1e9)] | None = None


class PredictRequest(_Asked):
    scene: Annotated[str, Field(max_length=64)]


class ProgressOut(_Told):
    trials: int
    budget: int | None
    reevaluations: int
    refits: int
    """Of baselines too."""
    best: dict[str, Any] | None
    """Family and validation OA of the best full training."""
    phase: str
    seconds: float


class Winner(_Told):
    family: str
    test_oa: float | None


class RunOut(_Told):
    """A run."""

    id: str
    kind: Literal["search", "predict"]
    name: str
    owner: str
    mine: bool
    shared: bool
    scene: str
    state: Literal["queued", "running", "stopping", "succeeded", "stopped", "failed", "lost"]
    reason: str
    exit_code: int | None
    """Of its process; None: it has not ended, or had none."""
    created: str
    started: str | None
    ended: str | None
    config: dict[str, Any]
    command: str
    progress: ProgressOut
    winner: Winner | None
    artifacts: list[str]


class Estimate(_Told):
    """What presets cost on the service's machine."""

    rows: list[dict[str, Any]]
    text: str
    complete: bool
    """Whether all were measured in time."""

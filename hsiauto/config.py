"""RunConfig: everything that defines a study. Frozen, validated, stored as study.json in the run folder."""

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import ActiveLabels

Objective = Literal["kappa", "oa", "aa"]
SecondObjective = Literal["parameters", "macs", "pixels_per_second"]
"""What a model costs once it is trained. Seconds of training are no objective: limits of time bound them, and early
stopping makes those of two trials incomparable."""
AllocationName = Literal["elimination", "joint"]
SamplerName = Literal["auto", "tpe", "random", "gp", "cmaes", "qmc"]
SchedulerName = Literal["asha", "none"]


class RunConfig(BaseModel):
    """What a search is. Two studies with the same config, versions and one worker give the same journal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Literal["search", "train", "study"] = "search"
    """What made the run folder: a search or a study goes on, with its own command."""
    scene: SceneSource
    split: SplitSpec = SplitSpec()
    space: str = "unified"
    """A file, or the name of one that ships with hsiauto."""
    families: tuple[str, ...] | None = None
    """None: every family of the space."""
    pins: dict[str, Any] = Field(default_factory=dict)
    """`family.axis` -> value, from --set."""
    budget: int = Field(50, ge=1)
    """Trials."""
    time_limit_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds for the whole study: search at most 40 %, re-evaluation 20 %, refit 40 %."""
    max_gpu_hours: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Of all trials, over all sessions of the search."""
    trial_timeout_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds without a report after which a trial, or a later training, is ended as hung; None: never."""
    max_epochs: int = Field(60, ge=1)
    objective: Objective = "kappa"
    """Decides: rungs, allocation, ranking."""
    second_objective: SecondObjective | None = None
    """What samplers weigh against it, and the Pareto front is of."""
    max_parameters: int | None = Field(None, ge=1)
    max_macs: int | None = Field(None, ge=1)
    """Of one prediction."""
    min_pixels_per_second: float | None = Field(None, gt=0, allow_inf_nan=False)
    allocation: AllocationName = "elimination"
    warm_start: tuple[Path, ...] = ()
    """Run folders whose best configs are tried after the presets."""
    sampler: SamplerName = "auto"
    scheduler: SchedulerName = "asha"
    reduction: int = Field(4, ge=2)
    """ASHA keeps one in `reduction` at each rung."""
    grace_epochs: int = Field(4, ge=1)
    """ASHA's first rung."""
    seed: int = Field(0, ge=0)
    concurrency: int | None = Field(None, ge=1)
    """Trials at a time; None: from the machine."""
    cpus_per_trial: int | None = Field(None, ge=1)
    gpus_per_trial: float | None = Field(None, ge=0, allow_inf_nan=False)
    address: str | None = Field(None, exclude=True)
    """Of a running Ray cluster: `auto` or HOST:PORT; None: this machine. How a study runs, not what it is: in no file,
    and asked for anew at each resume."""
    storage: str | None = None
    """Folder or URI for the checkpoints and logs of trials; None: the run folder."""
    transductive: bool = False
    labels: ActiveLabels | None = None
    """Trainings ask for the labels of their pool; None: all are known. Not of a search, whose trials read them all."""
    random_control: bool = False
    """Train each seed on random labels too, from the same initial ones."""
    keep: Literal["top", "all"] = "top"
    """Which trials' weights stay on disk."""
    top_k: int = Field(3, ge=1)
    fresh_validations: int = Field(2, ge=0)
    winner_seeds: int = Field(5, ge=1)
    other_seeds: int = Field(3, ge=1)
    further_splits: int = Field(5, ge=0)

    @model_validator(mode="after")
    def _second_objective_is_possible(self) -> Self:
        if self.second_objective is not None and self.sampler == "cmaes":
            raise ValueError("--sampler cmaes has one objective; leave the second out, or take another sampler")
        if self.second_objective is not None and self.allocation == "joint":
            raise ValueError("--allocation joint has one objective; leave the second out")
        return self

    @property
    def times_inference(self) -> bool:
        """Whether trials are timed on a part of the scene."""
        return self.min_pixels_per_second is not None or self.second_objective == "pixels_per_second"


T = TypeVar("T", bound=BaseModel)


def validated(model: type[T], **fields: Any) -> T:
    """Build a pydantic model from options; the first broken rule becomes one line."""
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or model.__name__
        rule = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{name.replace('_', '-')}: {rule}", repr(first["input"]), "See --help.") from error

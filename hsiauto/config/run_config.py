"""RunConfig: everything that defines a run. Frozen, validated, stored as run.yaml in the run folder."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.settings import (
    MOST_REPEATS,
    AbsolutePath,
    Count,
    Epochs,
    FolderOrUri,
    NameOrFile,
    Names,
    Pins,
    Rate,
    Repeats,
    Seconds,
    Seed,
    Setting,
    Settings,
)
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import ActiveLabels

Objective = Literal["kappa", "oa", "aa"]
SecondObjective = Literal["parameters", "macs", "pixels_per_second"]
"""What a model costs once it is trained. Seconds of training are no objective: limits of time bound them, and early
stopping makes those of two trials incomparable."""
SamplerName = Literal["auto", "tpe", "random", "gp", "cmaes", "qmc"]
SchedulerName = Literal["asha", "none"]

_BUDGET, _SEARCH, _REFIT, _MACHINE = "Budget", "Search", "Refit", "Machine"
_ADVANCED = "Search, advanced"
_MOST_AT_ONCE = 10_000
"""Of what a machine or a cluster has: where trainings start, it is counted."""
_ONLY = ("search",)


class RunConfig(Settings):
    """What a run is. Two runs with the same config, versions and one worker give the same journal."""

    command: Literal["search", "train", "study"] = "search"
    """The command that made the run folder; a search or a study is resumed by its own."""
    scene: SceneSource
    split: SplitSpec = SplitSpec()
    budget: Annotated[Count, Field(le=1_000_000), Setting(_BUDGET, _ONLY, on_resume=True)] = 50
    """Trials."""
    time_limit_s: Annotated[
        Seconds | None,
        Setting(_BUDGET, ("search", "study"), name="time-limit", metavar="TIME", default="none", on_resume=True),
    ] = None
    """Limit of the whole run, e.g. 30m; of a search at most 40 % search, 20 % re-evaluation, 40 % refit."""
    max_gpu_hours: Annotated[
        float | None,
        Field(gt=0, le=1_000_000, allow_inf_nan=False),
        Setting(_BUDGET, _ONLY, default="no limit", on_resume=True),
    ] = None
    """GPU time of all trials over all sessions, each counted by its GPUs; not on a CPU."""
    max_epochs: Annotated[
        Epochs,
        Setting(
            _BUDGET,
            ("search", "train", "study", "estimate"),
            default="60, on the demo 15; a study may have its own",
        ),
    ] = 60
    """Epochs of a full training; with asked labels, of each cycle."""
    families: Annotated[Names | None, Setting(_SEARCH, _ONLY, metavar="NAME,NAME", default="all of the space")] = None
    """Only these families, e.g. cnn2d,svm (see `hsiauto families`)."""
    space: Annotated[NameOrFile, Setting(_SEARCH, ("search", "estimate"))] = "unified"
    """Search space: a YAML file, or the name of one that ships."""
    pins: Annotated[
        Pins, Setting(_SEARCH, ("search", "estimate"), name="set", metavar="FAMILY.NAME=VALUE", repeated=True)
    ] = Field(default_factory=dict)
    """Pin a hyperparameter, e.g. cpdgal.depth=6."""
    objective: Annotated[Objective, Setting(_SEARCH, _ONLY, repeated=True, metavar="NAME")] = "kappa"
    """kappa, oa or aa, on validation: it ranks. Given a second time, parameters, macs or pixels_per_second is weighed
    against it, and the Pareto front is marked."""
    second_objective: SecondObjective | None = None
    """The cost that samplers weigh against the objective, and that the Pareto front shows."""
    max_parameters: Annotated[Count | None, Setting(_SEARCH, _ONLY, default="no limit")] = None
    """No network with more parameters, e.g. 100k."""
    max_macs: Annotated[Count | None, Setting(_SEARCH, _ONLY, default="no limit")] = None
    """No network with more multiply-adds a prediction, e.g. 5M."""
    min_pixels_per_second: Annotated[Rate | None, Setting(_SEARCH, _ONLY, default="no limit")] = None
    """No model that draws a map more slowly: trials are timed with their first report."""
    sampler: Annotated[SamplerName, Setting(_SEARCH, _ONLY)] = "auto"
    """Optuna's sampler, one study per family. auto: tpe, and gp (Gaussian process) if a family has 10 to 200 trials and
    trains for some seconds or more."""
    scheduler: Annotated[SchedulerName, Setting(_SEARCH, _ONLY)] = "asha"
    """asha (one per family) stops trials early."""
    warm_start: Annotated[tuple[AbsolutePath, ...], Setting(_SEARCH, _ONLY, metavar="RUN", repeated=True)] = ()
    """Run folder whose best configs are tried after the presets; may be given again."""
    seed: Annotated[Seed, Setting(_SEARCH, ("search", "train", "study"))] = 0
    """Seed of sampler, weights and batches; several trainings count from it."""
    reduction: Annotated[int, Field(ge=2, le=1000), Setting(_ADVANCED, _ONLY)] = 4
    """ASHA keeps one in so many trials at each rung."""
    grace_epochs: Annotated[Epochs, Setting(_ADVANCED, _ONLY)] = 4
    """Epochs of ASHA's first rung."""
    unlabelled: Annotated[Literal["scene", "none"], Setting("Evaluation protocol", ("search", "train", "study"))] = (
        "scene"
    )
    """What configs may see beside training pixels: the spectra of the scene, for a map of this scene, never a label; or
    none, for maps of other scenes."""
    labels: ActiveLabels | None = None
    """Trainings ask for the labels of their pool; None: all are known. Not of a search, whose trials read them all."""
    random_control: Annotated[bool, Setting("Labels (active learning)", ("train",), name="control")] = False
    """Train each seed on as many random labels too, from the same initial ones."""
    top_k: Annotated[Repeats, Setting(_REFIT, _ONLY)] = 3
    """Families that are retrained."""
    further_folds: Annotated[int, Field(ge=0, le=MOST_REPEATS), Setting(_REFIT, ("search", "split"))] = 3
    """Validation folds beside the search's own, disjoint from it, on which each candidate is measured before the
    ranking; fewer if the pool bears no more."""
    ensemble: Annotated[bool, Setting(_REFIT, _ONLY)] = True
    """Average the best of several families, if validation says that it pays."""
    winner_seeds: Annotated[Repeats, Setting(_REFIT, _ONLY)] = 5
    """Retrainings of the winner."""
    other_seeds: Annotated[Repeats, Setting(_REFIT, _ONLY)] = 3
    """Retrainings of the others."""
    further_splits: Annotated[int, Field(ge=0, le=MOST_REPEATS), Setting(_REFIT, _ONLY)] = 5
    """Further splits on which the winner is measured; of scenes each other one is held out once, unless this is 0."""
    concurrency: Annotated[
        int | None,
        Field(ge=1, le=_MOST_AT_ONCE),
        Setting(_MACHINE, ("search", "study"), default="from the machine", on_resume=True),
    ] = None
    """Trainings at a time."""
    cpus_per_trial: Annotated[
        int | None, Field(ge=1, le=_MOST_AT_ONCE), Setting(_MACHINE, ("search", "estimate"), default="from the machine")
    ] = None
    """CPU cores of a trial."""
    gpus_per_trial: Annotated[
        float | None,
        Field(ge=0, le=_MOST_AT_ONCE, allow_inf_nan=False),
        Setting(_MACHINE, _ONLY, default="as many trials on a GPU as its memory holds"),
    ] = None
    """GPUs of a trial: a fraction shares one, 2 or more share each batch."""
    trial_timeout_s: Annotated[
        Seconds | None,
        Setting(_MACHINE, _ONLY, name="trial-timeout", metavar="TIME", default="never", on_resume=True),
    ] = None
    """End a trial, or a later training, as failed if it has not reported for so long, e.g. 10m."""
    keep: Annotated[Literal["top", "all"], Setting(_MACHINE, _ONLY)] = "top"
    """Which trials' weights stay on disk."""
    address: Annotated[
        str | None,
        Field(exclude=True),
        Setting(_MACHINE, ("search", "train", "study", "refit"), default="this machine", on_resume=True),
    ] = None
    """Running Ray cluster to join: auto, or HOST:PORT of its head (see cluster/). No run.yaml has it: give it
    to each resume."""
    storage: Annotated[FolderOrUri | None, Setting(_MACHINE, _ONLY, default="the run folder")] = None
    """Checkpoints and logs of trials: a shared folder, or a URI such as s3://bucket/run; new or empty."""

    @model_validator(mode="before")
    @classmethod
    def _two_objectives(cls, fields: Any) -> Any:
        """`objective=["kappa", "parameters"]` is the one that decides, and the cost that is weighed against it."""
        given = fields.get("objective") if isinstance(fields, dict) else None
        if not isinstance(given, list | tuple):
            return fields
        scores, costs = get_args(Objective), get_args(SecondObjective)
        if not 1 <= len(given) <= 2 or given[0] not in scores or any(name not in costs for name in given[1:]):
            raise UserError(
                f"`objective` is {_one_of(scores)}; given a second time it is {_one_of(costs)}",
                " and ".join(map(str, given)) or "none",
                "For example kappa and parameters.",
            )
        return {**fields, "objective": given[0], **({"second_objective": given[1]} if given[1:] else {})}

    @model_validator(mode="before")
    @classmethod
    def _whole_groups(cls, fields: Any) -> Any:
        """The protocol that the labels ask for, if nobody named one. Raises UserError for another one of spectra."""
        scene, split = (fields.get(name) for name in ("scene", "split")) if isinstance(fields, dict) else (None, None)
        if isinstance(scene, SceneSource) and isinstance(split, SplitSpec | None):
            split = split or SplitSpec()
            if "protocol" not in split.model_fields_set:
                return {**fields, "split": split.model_copy(update={"protocol": scene.protocol})}
            if scene.protocol == "spectra" and split.has_places:
                rule = "a table of spectra, which lie nowhere, has `protocol` spectra"
                raise UserError(rule, split.protocol, "Leave it out.")
        return fields

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.second_objective is not None and self.sampler == "cmaes":
            raise ValueError("`sampler` cmaes has one objective; leave the second out, or take another sampler")
        if self.random_control and self.labels is not None and self.labels.acquisition == "random":
            raise ValueError("`control` compares with `acquisition` random; leave one of them out")
        return self

    @property
    def times_inference(self) -> bool:
        """Whether trials are timed on a part of the scene."""
        return self.min_pixels_per_second is not None or self.second_objective == "pixels_per_second"


def _one_of(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"

"""RunConfig as flat settings, {"split-seed": 3, "time-limit": "2h"}: the options of the command line without their
dashes, and the keys of a run.yaml."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from hsiauto.config.run_config import RunConfig
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.scene.source import SceneSource
from hsiauto.settings import Setting, settings_of
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import RECIPES, ActiveLabels

Command = Literal["search", "train", "study", "estimate", "split"]
ACTIVE = "active"
"""As the value of `labels`, which is otherwise the label map of a scene that is a file."""
_PARTS: Mapping[str, type[BaseModel]] = {
    "scene": SceneSource,
    "split": SplitSpec,
    "": RunConfig,
    "labels": ActiveLabels,
}
_EXCLUSIVE = ("train-fraction", "train-per-class")
_DEMO_EPOCHS = 15
"""A first look at the demo takes minutes on two cores."""


@dataclass(frozen=True)
class Declared:
    """A setting, and the field that declares it."""

    name: str
    part: str
    """The field of RunConfig whose model has it: scene, split, labels; empty: RunConfig itself."""
    field: str
    info: FieldInfo
    setting: Setting

    def value_in(self, run_config: RunConfig) -> Any:
        """Its value; None also if the run has nothing of the kind, such as labels that are asked for."""
        owner = getattr(run_config, self.part) if self.part else run_config
        return getattr(owner, self.field, None)


@cache
def declared(command: str = "") -> Mapping[str, Declared]:
    """{name: setting} of those that `command` has; of all commands without one."""
    found = [
        Declared(setting.name or field.replace("_", "-"), part, field, model.model_fields[field], setting)
        for part, model in _PARTS.items()
        for field, setting in settings_of(model).items()
        if not command or command in setting.commands
    ]
    return {one.name: one for one in found}


def run_config_from(command: Command, given: Mapping[str, Any], recipe: str | None = None) -> RunConfig:
    """The run that `command` makes of flat settings; of those that are left out, the recipe's and then the defaults.

    Raises UserError for a name that the command does not have, a value out of bounds, and a setting that cannot act.
    """
    known = declared(command)
    for name in given:
        if name not in known:
            raise UserError(f"`hsiauto {command}` has no setting {shown(name)}", None, did_you_mean(name, known))
    published = _published(recipe, given)
    values = {**published, **given}
    asked = values.get("labels") in (ACTIVE, [ACTIVE])
    parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for name, value in values.items():
        if not (name == "labels" and asked):
            parts[known[name].part][known[name].field] = value
    scene = SceneSource(**parts["scene"])
    _refuse_idle(given, str(values.get("protocol", scene.protocol)))
    own = parts[""]
    if asked or parts["labels"] or own.get("random_control"):
        own["labels"] = ActiveLabels(**parts["labels"])
        _refuse_idle_rank(given, own["labels"])
    if scene.dataset == "demo":
        own.setdefault("max_epochs", _DEMO_EPOCHS)
    if command in ("train", "study"):
        own |= {"command": command, "budget": 1}
    return RunConfig(scene=scene, split=SplitSpec(**parts["split"]), **own)


def flat(run_config: RunConfig) -> dict[str, Any]:
    """The settings of which `run_config_from` makes `run_config` again, as YAML takes them; none that cannot act."""
    found = {}
    for name, one in declared(run_config.command).items():
        if not one.info.exclude and _acts(one, run_config.split.protocol):
            value = to_jsonable_python(one.value_in(run_config))
            if value is not None and value != [] and value != {}:
                found[name] = value
    if run_config.second_objective is not None:
        found["objective"] = [run_config.objective, run_config.second_objective]
    if more := run_config.scene.more:
        found["dataset"] = [found["dataset"], *(dataset for dataset, _ in more)]
        if "labels" in found:
            found["labels"] = [found["labels"], *(str(labels) for _, labels in more)]
    if run_config.labels is not None and run_config.labels.acquisition != "margin":
        found.pop("margin-rank", None)
    return found


def overlaid(above: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a file, `below`, with those typed, `above`, over them; what cannot act beside these gives way."""
    kept = dict(below)
    if any(name in above for name in _EXCLUSIVE):
        kept = {name: value for name, value in kept.items() if name not in _EXCLUSIVE}
    if "protocol" in above:
        known = declared()
        kept = {n: value for n, value in kept.items() if n not in known or _acts(known[n], str(above["protocol"]))}
    return {**kept, **above}


def _published(recipe: str | None, given: Iterable[str]) -> dict[str, Any]:
    """The settings of a published recipe: pool, epochs and labels."""
    if recipe is None:
        return {}
    if recipe not in RECIPES:
        raise UserError("unknown recipe", shown(recipe), f"Known: {', '.join(RECIPES)}.")
    found = RECIPES[recipe]
    own = {one.name: getattr(found.labels, one.field) for one in declared("train").values() if one.part == "labels"}
    pool = {} if any(name in given for name in _EXCLUSIVE) else {"train-fraction": found.pool}
    return {**own, **pool, "protocol": "random", "max-epochs": found.max_epochs}


def _acts(one: Declared, protocol: str) -> bool:
    return not one.setting.protocols or protocol in one.setting.protocols


def _refuse_idle(given: Iterable[str], protocol: str) -> None:
    """Raises UserError for a given setting that does nothing under the protocol."""
    known = declared()
    for name in given:
        if not _acts(known[name], protocol):
            *others, last = known[name].setting.protocols
            belongs = f"{', '.join(others)} and {last}" if others else last
            setting = name.replace("-", "_")
            raise UserError(f"`{setting}` belongs to `protocol` {belongs}", protocol, f"Leave `{setting}` out.")


def _refuse_idle_rank(given: Iterable[str], labels: ActiveLabels) -> None:
    if "margin-rank" in given and labels.acquisition != "margin":
        rule = "`margin_rank` belongs to `acquisition` margin"
        raise UserError(rule, labels.acquisition, "Leave `margin_rank` out.")

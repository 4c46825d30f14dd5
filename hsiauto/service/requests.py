"""What a run is asked to be: flat settings, as run.yaml has them, without a path."""

import json
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from hsiauto.config import RunConfig, declared, flat, run_config_from
from hsiauto.config.flat import Command, Declared
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.scene.source import SceneSource
from hsiauto.service.scenes import OPTIONS, is_path
from hsiauto.space import Space
from hsiauto.space.load import shipped
from hsiauto.split.model import SplitSpec

_NEVER = ("address", "storage")
"""Settings that name a machine, or a place that is no path."""
_PROTOCOLS = ("blocks", "random")
"""Split protocols of one scene that take no further file."""
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def settable(command: Command = "search") -> dict[str, Declared]:
    """{name: setting} of what a request may say of a run."""
    return {
        name: one
        for name, one in declared(command).items()
        if one.part != "scene" and name not in _NEVER and not is_path(one)
    }


def search_config(scene: Mapping[str, Any], asked: Mapping[str, Any]) -> RunConfig:
    """The search of `asked` settings on a scene of flat settings.

    Raises UserError for what no request may say, for what a search would refuse, and for a space, families and pins
    that do not go together.
    """
    run_config = run_config_from("search", {**scene, **checked(asked, "search")})
    Space.load(run_config.space, run_config.families, run_config.pins)
    return run_config


def checked(asked: Mapping[str, Any], command: Command) -> dict[str, Any]:
    """`asked` under the names of run.yaml. Raises UserError for a setting that a request does not have."""
    found = {name.replace("_", "-"): value for name, value in asked.items() if value is not None}
    known = settable("search")
    for name in found:
        if name not in known:
            raise UserError(
                "a run has no such setting here", shown(name), did_you_mean(name, known, "GET /api/settings")
            )
    if found.get("protocol", _PROTOCOLS[0]) not in _PROTOCOLS:
        raise UserError(
            f"`protocol` is {' or '.join(_PROTOCOLS)} here", shown(found["protocol"]), "Choose one of them."
        )
    if found.get("space", shipped()[0]) not in shipped():
        raise UserError("`space` is one that ships", shown(found["space"]), f"Known: {', '.join(shipped())}.")
    return {name: value for name, value in found.items() if name in settable(command)}


def command_line(run_config: RunConfig, scene: str, files: Mapping[str, str]) -> str:
    """The command that makes the same run elsewhere: files under the names that their owner gave."""
    defaults = flat(run_config_from("search", {"dataset": scene if scene == "demo" else "x"}))
    words = ["hsiauto", "search"]
    for name, value in flat(run_config).items():
        if name == "dataset":
            words += ["--dataset", files.get("cube", scene)]
        elif name == "labels":
            words += ["--labels", files.get("labels", "LABELS")]
        elif name != "data-dir" and value != defaults.get(name):
            words += _words(name, value)
    return shlex.join(words)


def _words(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, Mapping):
        return [word for pin, one in value.items() for word in (f"--{name}", f"{pin}={json.dumps(one)}")]
    if isinstance(value, list) and declared("search")[name].setting.repeated:
        return [word for one in value for word in (f"--{name}", str(one))]
    return [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]


@cache
def described() -> list[dict[str, Any]]:
    """Each setting of a run, then those of an uploaded scene, for whoever draws forms of them."""
    return [_described(name, one) for name, one in {**settable(), **OPTIONS}.items()]


def _described(name: str, one: Declared) -> dict[str, Any]:
    schema = _schema(name, one)
    schema = {**next((kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"), {}), **schema}
    return {
        "field": name,
        "group": one.setting.group,
        "meaning": _meaning(one),
        "type": schema.get("type", "string"),
        "default": to_jsonable_python(one.info.get_default(call_default_factory=True)),
        "default_words": one.setting.default,
        "metavar": one.setting.metavar,
        "choices": list(schema.get("enum", ())),
        "minimum": schema.get("minimum", schema.get("exclusiveMinimum")),
        "maximum": schema.get("maximum", schema.get("exclusiveMaximum")),
        "repeated": one.setting.repeated,
        "protocols": list(one.setting.protocols),
    }


def schema_of(settings: Mapping[str, Declared]) -> dict[str, Any]:
    """The JSON schema of an object that holds some of `settings`, null for none; what excludes what is not in it."""
    nothing = {"type": "null"}
    known = {
        name: {"anyOf": [*_kinds(_schema(name, one)), nothing], "description": _meaning(one)}
        for name, one in settings.items()
    }
    return {"properties": known, "additionalProperties": False}


def _kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What is taken for it: a list, as in a file, also as a text with commas, and one of numbers as its only one."""
    lists = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") == "array"]
    numbers = [kind["items"] for kind in lists if kind["items"].get("type") == "integer"]
    return [schema, *({"type": "string"} for _ in lists), *numbers]


def _schema(name: str, one: Declared) -> dict[str, Any]:
    models: dict[str, type[BaseModel]] = {"split": SplitSpec, "scene": SceneSource}
    found: dict[str, Any] = _properties(models.get(one.part, RunConfig))[one.field]
    choices = {"space": shipped(), "protocol": _PROTOCOLS}.get(name)
    kinds = [_with_bounds(kind) for kind in found.get("anyOf", ())]
    own = {
        key: value
        for key, value in _with_bounds(found).items()
        if key not in ("anyOf", "title", "default", "description")
    }
    return {**own, **({"anyOf": kinds} if kinds else {}), **({"enum": list(choices)} if choices else {})}


@cache
def _properties(model: type[BaseModel]) -> dict[str, Any]:
    """The schemas of a model's fields, which are not to be written to."""
    found: dict[str, Any] = model.model_json_schema()["properties"]
    return found


def _with_bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Of a type with a validator of its own pydantic writes the bounds under its own names."""
    return {_BOUNDS.get(key, key): value for key, value in schema.items()}


def _meaning(one: Declared) -> str:
    return " ".join((one.info.description or "").split())

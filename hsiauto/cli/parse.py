"""Text of the command line -> typed values."""

import os
import re
from pathlib import Path
from typing import Any, get_args

import yaml

from hsiauto.config import Objective, SecondObjective
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES, config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.scene.opening import SIMULATED
from hsiauto.scene.registry import known_scenes

_DURATION = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?")


def duration(text: str) -> float:
    """`90`, `90s`, `30m`, `1h30m` -> seconds."""
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = 0.0
    if match:
        seconds = sum(float(match[unit] or 0) * factor for unit, factor in (("h", 3600), ("m", 60), ("s", 1)))
    if seconds <= 0:
        raise UserError("a time is a positive duration", repr(text), "Write 90s, 30m or 1h30m.")
    return seconds


_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kmg]?)")


def count(text: str | None) -> int | None:
    """`100000`, `100k`, `1.5M`, `2G` -> a whole number."""
    if text is None:
        return None
    match = _COUNT.fullmatch(text.strip().replace(",", "").replace("_", "").lower())
    number = round(float(match[1]) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[match[2]]) if match else 0
    if number < 1:
        raise UserError("a cap is a positive number", repr(text), "Write 100000, 100k, 1.5M or 2G.")
    return number


def objectives(given: list[str] | None) -> tuple[str, str | None]:
    """`["kappa", "parameters"]` -> the objective that decides, and the cost that is weighed against it."""
    scores, costs = get_args(Objective), get_args(SecondObjective)
    named = given or [scores[0]]
    if len(named) > 2 or named[0] not in scores or any(name not in costs for name in named[1:]):
        raise UserError(
            f"--objective is {_one_of(scores)}; given a second time it is {_one_of(costs)}",
            " and ".join(named),
            "For example --objective kappa --objective parameters.",
        )
    return named[0], named[1] if len(named) == 2 else None


def _one_of(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def pins(settings: list[str]) -> dict[str, Any]:
    """`["cpdgal.depth=6"]` -> `{"cpdgal.depth": 6}`."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name.count(".") != 1 or not all(name.split(".")):
            raise UserError("--set takes family.axis=value", repr(setting), "For example --set cpdgal.depth=6.")
        found[name.strip()] = scalar(value)
    return found


def scalar(text: str) -> Any:
    """A YAML scalar, and 1e-4 as the number that everybody but YAML 1.1 reads."""
    try:
        return float(text) if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text.strip()) else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError("a value is a number, true, false or a word", repr(text), "Quote it for the shell.") from error


def names(text: str | None) -> tuple[str, ...] | None:
    """`a,b` -> `("a", "b")`."""
    if text is None:
        return None
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise UserError(
            "a list holds at least one name", repr(text), "Write names with commas, for example svm,forest."
        )
    return found


def numbers(text: str | None) -> tuple[int, ...]:
    """`0,255` -> `(0, 255)`."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise UserError(
            "a list of labels holds whole numbers", repr(text), "For example --ignore-labels 0,255."
        ) from error


def absolute(path: Path | None) -> Path | None:
    """`path` as it is found from any folder; a link stays a link, for what lies beside it."""
    return None if path is None else Path(os.path.abspath(path.expanduser()))


def storage(text: str | None) -> str | None:
    """--storage: a URI as it is, a folder absolute."""
    return text if text is None or "://" in text else str(absolute(Path(text)))


def dataset(text: str) -> str:
    """--dataset with the path in it, if there is one, absolute."""
    if text.startswith(SIMULATED):
        return f"{SIMULATED}{absolute(Path(text.removeprefix(SIMULATED)))}"
    is_file = text not in known_scenes() and Path(text).expanduser().exists()
    return str(absolute(Path(text))) if is_file else text


def family_config(
    family: str, preset: str | None, path: Path | None, settings: list[str]
) -> tuple[FamilyConfig, frozenset[str]]:
    """The config of `hsiauto train`: a preset or a file, with single axes changed; and the axes that the user set."""
    if family not in FAMILIES:
        raise UserError("unknown family", repr(family), f"Known: {', '.join(FAMILIES)}.")
    if preset is not None and path is not None:
        raise UserError("--preset and --config exclude each other", f"{preset} and {path}", "Give one of them.")
    presets = FAMILIES[family].presets
    if preset is not None and preset not in presets:
        raise UserError(f"unknown preset of {family}", repr(preset), f"Known: {', '.join(presets)}.")
    own = _read_mapping(path) if path is not None else {}
    if own.get("family", family) != family:
        raise UserError(
            f"{path} must hold axes of {family}", f"family: {own['family']}", "Name the family of the file."
        )
    for setting in settings:
        axis, equals, value = setting.partition("=")
        if not equals or not axis:
            raise UserError("--set takes axis=value", repr(setting), "For example --set depth=6.")
        own[axis.strip()] = scalar(value)
    start = {} if path is not None else presets[preset or "paper"]
    return config_from({**start, **own, "family": family}), frozenset(own)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError("--config is a YAML or JSON file of axes", path, str(error).splitlines()[0]) from error
    if not isinstance(fields, dict):
        raise UserError("--config holds a mapping of axes to values", type(fields).__name__, "See `hsiauto families`.")
    return fields

"""What the field of a config says of itself, once, for the command line, run.yaml and Python; and how it may be spelt.

time_limit_s: Annotated[Seconds | None, Setting("Budget", ("search",), name="time-limit")] = None
\"\"\"Help, as every interface prints it.\"\"\"
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hsiauto.errors import UserError, did_you_mean, refusal, shown
from hsiauto.files import parse_yaml


@dataclass(frozen=True)
class Setting:
    """What makes an option and a key of run.yaml of a field; type, bounds, default and help are the field's own."""

    group: str
    commands: tuple[str, ...]
    name: str = ""
    """With dashes; empty: the field's own name."""
    default: str = ""
    """The default in words, if the field's own does not tell it."""
    metavar: str = ""
    on_resume: bool = False
    """Whether a resumed run takes another value."""
    protocols: tuple[str, ...] = ()
    """The split protocols under which it acts; empty: all."""
    repeated: bool = False
    """Whether its option may be given again."""


class Settings(BaseModel):
    """A config whose fields are settings. A broken rule is a UserError that names the setting."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __init__(self, **fields: Any) -> None:
        known = type(self).model_fields
        if unknown := [name for name in fields if name not in known]:
            rule = f"`{unknown[0]}` is no field of {type(self).__name__}"
            raise UserError(rule, None, did_you_mean(unknown[0], known, f"Its fields: {', '.join(known)}."))
        try:
            super().__init__(**fields)
        except ValidationError as invalid:
            names = {field: setting_name(type(self), field) for field in known}
            raise refusal(invalid, names=names) from invalid


@cache
def settings_of(model: type[BaseModel]) -> Mapping[str, Setting]:
    """{field: its setting}, of the fields that have one."""
    marks = {field: [m for m in info.metadata if isinstance(m, Setting)] for field, info in model.model_fields.items()}
    return {field: mark[0] for field, mark in marks.items() if mark}


def setting_name(model: type[BaseModel], field: str) -> str:
    """The name of a field in messages: that of its setting, with underscores."""
    setting = settings_of(model).get(field)
    return (setting and setting.name.replace("-", "_")) or field


_DURATION = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?")
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kmg]?)")
_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


def duration(value: Any) -> Any:
    """`90`, `90s`, `30m`, `1h30m` -> seconds."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    seconds = 0.0
    if match:
        seconds = sum(float(match[unit] or 0) * factor for unit, factor in (("h", 3600), ("m", 60), ("s", 1)))
    if seconds <= 0:
        raise UserError("a time is a positive duration", shown(value), "Write 90s, 30m or 1h30m.")
    return seconds


def count(value: Any) -> Any:
    """`100000`, `100k`, `1.5M`, `2G` -> a whole number."""
    if not isinstance(value, str):
        return value
    match = _COUNT.fullmatch(value.strip().replace(",", "").replace("_", "").lower())
    number = round(float(match[1]) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[match[2]]) if match else 0
    if number < 1:
        raise UserError("a count is a positive number", shown(value), "Write 100000, 100k, 1.5M or 2G.")
    return number


def names(value: Any) -> Any:
    """`a,b` -> `("a", "b")`."""
    found = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    if isinstance(found, tuple | list) and not found:
        raise UserError("a list holds at least one name", shown(value), "Write names with commas, e.g. svm,forest.")
    return found


def whole_numbers(value: Any) -> Any:
    """`0,255` -> `(0, 255)`; one number is a list of one."""
    if isinstance(value, int):
        return (value,)
    try:
        return tuple(int(part) for part in value.split(",")) if isinstance(value, str) else value
    except ValueError as error:
        raise UserError("a list of labels holds whole numbers", shown(value), "Write for example 0,255.") from error


def pins(value: Any) -> Any:
    """`["cpdgal.depth=6"]` -> `{"cpdgal.depth": 6}`; a mapping may nest: `{"cpdgal": {"depth": 6}}`."""
    if isinstance(value, Mapping):
        flat: dict[str, Any] = {}
        for name, given in value.items():
            inner = given if isinstance(given, Mapping) else {"": given}
            flat |= {f"{name}.{last}" if last else str(name): v for last, v in inner.items()}
    elif isinstance(value, list | tuple):
        flat = dict(assigned(text, "family.hyperparameter=value", "cpdgal.depth=6") for text in value)
    else:
        return value
    for name in flat:
        if name.count(".") != 1 or not all(name.split(".")):
            rule = "takes family.hyperparameter=value"
            raise UserError(rule, shown(name), "Write for example cpdgal.depth=6.")
    return flat


def assigned(text: str, form: str, example: str) -> tuple[str, Any]:
    """`depth=6` -> `("depth", 6)`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"takes {form}", shown(text), f"Write for example {example}.")
    return name.strip(), scalar(value)


def scalar(text: str) -> Any:
    """A YAML scalar, and 1e-4 as the number that everybody but YAML 1.1 reads."""
    if _EXPONENT.fullmatch(text.strip()):
        return float(text)
    try:
        found = parse_yaml(f"value: {text}", "a value")
    except UserError:
        found = {}
    if found.keys() != {"value"} or not isinstance(found["value"], bool | int | float | str | None):
        raise UserError("a value is a number, true, false or a word", shown(text), "Quote it for the shell.")
    return found["value"]


_ELSEWHERE = re.compile(r"[A-Za-z][\w+.-]+:/|/vsi[a-z0-9]\w*(/|$)")
"""An address, of which `Path` leaves one slash, and the file systems of GDAL."""


def local(path: Path) -> Path:
    """`path`, if it is one of this machine. Raises UserError for an address."""
    if _ELSEWHERE.match(str(path)):
        raise UserError("files are read and written on this machine", shown(str(path)), "Download it, or mount it.")
    return path


def absolute(path: Path) -> Path:
    """`path` as it is found from any folder; a link stays a link, for what lies beside it."""
    return Path(os.path.abspath(local(path).expanduser()))


LARGEST_SEED = 2**31 - 1
"""Below 2**32, at which NumPy's seeds end, to leave room for the seeds that are counted from it."""

Seconds = Annotated[float, BeforeValidator(duration), Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(count), Field(ge=1)]
Rate = Annotated[float, BeforeValidator(count), Field(gt=0, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], BeforeValidator(names)]
WholeNumbers = Annotated[tuple[int, ...], BeforeValidator(whole_numbers)]
NameOrFile = Annotated[str, AfterValidator(lambda text: str(absolute(Path(text))) if Path(text).is_file() else text)]
FolderOrUri = Annotated[str, AfterValidator(lambda text: text if "://" in text else str(absolute(Path(text))))]
AbsolutePath = Annotated[Path, AfterValidator(absolute)]
Pins = Annotated[dict[str, Any], BeforeValidator(pins)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]

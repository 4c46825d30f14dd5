"""What the field of a config says of itself, once, for the command line, run.yaml and Python; and how it may be spelt.

time_limit_s: Annotated[Seconds | None, Setting("Budget", ("search",), name="time-limit")] = None
\"\"\"Help, as every interface prints it.\"\"\"
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args

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
        for name, value in fields.items():
            _require_switch_or_value(setting_name(type(self), name), known[name].annotation, value)
        try:
            super().__init__(**fields)
        except ValidationError as invalid:
            names = {field: setting_name(type(self), field) for field in known}
            raise refusal(invalid, names=names) from invalid


def _require_switch_or_value(name: str, kind: Any, value: Any) -> None:
    """Raise UserError for yes or no where a value is meant, and the other way round: pydantic takes 1 for yes."""
    is_switch = bool in (kind, *get_args(kind))
    given = value if isinstance(value, list | tuple) else (value,)
    if not is_switch and (said := [one for one in given if isinstance(one, bool)]):
        remedy = "Give its value; YAML reads yes, no, on and off as true and false."
        raise UserError(f"`{name}` is no matter of yes and no", said[0], remedy)
    if is_switch and isinstance(value, int | float) and not isinstance(value, bool):
        raise UserError(f"`{name}` is yes or no", value, "Write true or false.")


@cache
def settings_of(model: type[BaseModel]) -> Mapping[str, Setting]:
    """{field: its setting}, of the fields that have one."""
    marks = {field: [m for m in info.metadata if isinstance(m, Setting)] for field, info in model.model_fields.items()}
    return {field: mark[0] for field, mark in marks.items() if mark}


def setting_name(model: type[BaseModel], field: str) -> str:
    """The name of a field in messages: that of its setting, with underscores."""
    setting = settings_of(model).get(field)
    return (setting and setting.name.replace("-", "_")) or field


_DURATION = re.compile(
    r"(?:(?P<h>[0-9]+(?:\.[0-9]+)?)h)?(?:(?P<m>[0-9]+(?:\.[0-9]+)?)m)?(?:(?P<s>[0-9]+(?:\.[0-9]+)?)s?)?"
)
_AMOUNT = re.compile(r"([0-9]+|[0-9]{1,3}(?:[,_][0-9]{3})+)(\.[0-9]+)?([kmg]?)")
"""Digits, which `,` and `_` may group in threes, and a unit: 1,500,000 and 1.5M, and no 1,5M."""
_WHOLE_NUMBERS = re.compile(r" *[+-]?[0-9]+ *(, *[+-]?[0-9]+ *)*")
_EXPONENT = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+")


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


def amount(value: Any, what: str = "an amount") -> Any:
    """`100000`, `1,000`, `100k`, `1.5M`, `2G` -> a number."""
    if not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value.strip().lower())
    number = Decimal(0)
    if match:
        digits = re.sub("[,_]", "", match[1]) + (match[2] or "")
        number = Decimal(digits) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[3]]
    if number <= 0:
        raise UserError(f"{what} is a positive number", shown(value), "Write 100000, 100k, 1.5M or 2G.")
    return int(number) if number == number.to_integral_value() else float(number)


def count(value: Any) -> Any:
    """An `amount` that is a whole number."""
    number = amount(value, "a count")
    if isinstance(value, str) and not isinstance(number, int):
        raise UserError("a count is a whole number", shown(value), "Write 100000, 100k, 1.5M or 2G.")
    return number


def names(value: Any) -> Any:
    """`a,b` -> `("a", "b")`."""
    found = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    if isinstance(found, tuple | list) and not found:
        raise UserError("a list holds at least one name", shown(value), "Write names with commas, e.g. svm,forest.")
    return found


def whole_numbers(value: Any) -> Any:
    """`0,255` -> `("0", "255")`, which pydantic reads; one number is a list of one."""
    if isinstance(value, int):
        return (value,)
    if isinstance(value, str) and not _WHOLE_NUMBERS.fullmatch(value):
        raise UserError("a list of labels holds whole numbers", shown(value), "Write for example 0,255.")
    return tuple(value.split(",")) if isinstance(value, str) else value


def pins(value: Any) -> Any:
    """`["cpdgal.depth=6"]` -> `{"cpdgal.depth": 6}`; a mapping may nest: `{"cpdgal": {"depth": 6}}`."""
    if isinstance(value, Mapping):
        flat: dict[str, Any] = {}
        for name, given in value.items():
            inner = given if isinstance(given, Mapping) else {"": given}
            _add(flat, ((f"{name}.{last}" if last else str(name), v) for last, v in inner.items()))
    elif isinstance(value, list | tuple):
        flat = assignments(value, "family.hyperparameter=value", "cpdgal.depth=6")
    else:
        return value
    for name in flat:
        if name.count(".") != 1 or not all(name.split(".")):
            rule = "takes family.hyperparameter=value"
            raise UserError(rule, shown(name), "Write for example cpdgal.depth=6.")
    return flat


def assignments(texts: Iterable[str], form: str, example: str, *, with_lists: bool = False) -> dict[str, Any]:
    """`["depth=6"]` -> `{"depth": 6}`; `with_lists` a value may be a list too, as YAML has it in a line.

    Raises UserError for a text of another form and for a name that stands twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = str(text).partition("=")
        if not equals or not name.strip():
            raise UserError(f"takes {form}", shown(text), f"Write for example {example}.")
        _add(found, [(name.strip(), scalar(value, or_list=with_lists))])
    return found


def _add(values: dict[str, Any], more: Iterable[tuple[str, Any]]) -> None:
    for name, value in more:
        if name in values:
            both = f"{shown(values[name])} and {shown(value)}"
            raise UserError(f"takes one value for {shown(name)}", both, "Leave one of them out.")
        values[name] = value


def scalar(text: str, *, or_list: bool = False) -> Any:
    """A YAML scalar, and 1e-4 as the number that everybody but YAML 1.1 reads; if asked, also a list."""
    if _EXPONENT.fullmatch(text.strip()):
        return float(text)
    try:
        found = parse_yaml(f"value: {text}", "a value")
    except UserError:
        found = {}
    allowed = bool | int | float | str | list | None if or_list else bool | int | float | str | None
    if found.keys() != {"value"} or not isinstance(found["value"], allowed):
        raise UserError("a value is a number, true, false or a word", shown(text), "Quote it for the shell.")
    return found["value"]


_ELSEWHERE = re.compile(r"[A-Za-z][\w+.-]+:/|/vsi[a-z0-9]\w*(/|$)")
"""An address, of which `Path` leaves one slash, and the file systems of GDAL."""


def local(path: Path) -> Path:
    """`path`, if it is one of this machine. Raises UserError for an address."""
    if _ELSEWHERE.match(str(path)):
        raise UserError("files are read and written on this machine", shown(str(path)), "Download it, or mount it.")
    return path


def typed_path(value: Any) -> Any:
    """A path as it was typed; `~` is the home folder. Raises UserError for a name that no file can have."""
    if not isinstance(value, str | Path):
        return value
    text = os.path.expanduser(value)
    longest = max((len(os.fsencode(part)) for part in text.split("/")), default=0)
    if not text or "\0" in text or longest > _LONGEST_NAME or len(text) > _LONGEST_PATH:
        rule = f"a path has 1 to {_LONGEST_PATH:,} characters, and at most {_LONGEST_NAME} bytes in each name"
        raise UserError(rule, shown(str(value)), "Fix the path.")
    return Path(text)


def absolute(path: Any) -> Any:
    """`path` as it is found from any folder; a link stays a link, for what lies beside it."""
    found = typed_path(path)
    return Path(os.path.abspath(local(found))) if isinstance(found, Path) else found


def absolute_if_file(text: str) -> str:
    """`text`, or if it is the path of a file, this absolute; nothing else is a path."""
    return str(absolute(text)) if os.path.isfile(os.path.expanduser(text)) else text


LARGEST_SEED = 2**31 - 1
"""Below 2**32, at which NumPy's seeds end, to leave room for the seeds that are counted from it."""
LARGEST_LABEL = 2**53
"""Up to which a float, too, holds every whole number."""
MOST_REPEATS = 1000
"""Seeds, splits and the like: each is a training."""
MOST_EPOCHS = 1_000_000
MOST_PIXELS = 10**9
"""Of a scene, and along each of its sides."""
_MOST_SECONDS = 10**9
_LARGEST_COUNT = 10**15
_LONGEST_NAME, _LONGEST_PATH = 255, 4000

Seconds = Annotated[float, BeforeValidator(duration), Field(gt=0, le=_MOST_SECONDS, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(count), Field(ge=1, le=_LARGEST_COUNT)]
Rate = Annotated[float, BeforeValidator(amount), Field(gt=0, le=_LARGEST_COUNT, allow_inf_nan=False)]
Repeats = Annotated[int, Field(ge=1, le=MOST_REPEATS)]
Pixels = Annotated[int, Field(ge=1, le=MOST_PIXELS)]
Requests = Annotated[int, Field(ge=1, le=10**6)]
Port = Annotated[int, Field(ge=0, le=65535)]
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Label = Annotated[int, Field(ge=-LARGEST_LABEL, le=LARGEST_LABEL)]
WholeNumbers = Annotated[tuple[Label, ...], BeforeValidator(whole_numbers)]
Names = Annotated[tuple[str, ...], BeforeValidator(names)]
NameOrFile = Annotated[str, AfterValidator(absolute_if_file)]
FolderOrUri = Annotated[str, AfterValidator(lambda text: text if "://" in text else str(absolute(text)))]
TypedPath = Annotated[Path, BeforeValidator(typed_path)]
AbsolutePath = Annotated[Path, BeforeValidator(absolute)]
Pins = Annotated[dict[str, Any], BeforeValidator(pins)]

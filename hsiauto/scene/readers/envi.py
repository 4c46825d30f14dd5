"""ENVI headers: keys in any case; each field that changes values has its default or is refused by its name.

https://www.nv5geospatialsoftware.com/docs/enviheaderfiles.html
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hsiauto.errors import UserError, shown
from hsiauto.scene.readers.beside import is_tiff

_MAX_BYTES = 16 << 20
_DTYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_FILE_TYPES = ("envi standard", "envi classification", "standard", "classification", "")


@dataclass(frozen=True)
class EnviHeader:
    """The fields of a header: {name in lower case with single spaces: value}."""

    path: Path
    fields: dict[str, str]

    def refusal(self, field: str, rule: str) -> UserError:
        """The error for a broken rule about one field."""
        value = self.fields.get(field)
        received = "none" if value is None else shown(value)
        return UserError(f"`{field}` {rule}", f"{received} in {self.path}", "Correct the header")

    def whole(self, field: str, default: int | None, lowest: int = 0) -> int:
        """A whole number; `default` None: the field is required."""
        text = self.fields.get(field, "").strip()
        if not text and default is not None:
            return default
        if not re.fullmatch(r"[+-]?[0-9]{1,15}", text) or int(text) < lowest:
            raise self.refusal(field, f"must be a whole number of at least {lowest}")
        return int(text)

    def items(self, field: str) -> list[str]:
        """The items of a list, `{a, b}`; empty ones are left out."""
        text = self.fields.get(field, "").strip()
        return [item.strip() for item in text.strip("{}").split(",") if item.strip()]

    def numbers(self, field: str, count: int | None = None) -> list[float]:
        """The numbers of a list, none if the field is absent. Raises UserError unless there are `count` of them."""
        try:
            numbers = [float(item) for item in self.items(field)]
        except ValueError:
            raise self.refusal(field, "must hold numbers") from None
        if numbers and count is not None and len(numbers) != count:
            raise self.refusal(field, f"must have one number for each of the {count} bands, not {len(numbers)},")
        return numbers

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the values with its byte order."""
        code = self.whole("data type", None, 1)
        if code not in _DTYPES:
            raise self.refusal("data type", f"must be real numbers, one of {', '.join(map(str, _DTYPES))}:")
        dtype = np.dtype(_DTYPES[code])
        order = self.whole("byte order", 0 if dtype.itemsize == 1 else None)
        if order > 1:
            raise self.refusal("byte order", "must be 0 or 1")
        return dtype.newbyteorder(">" if order else "<")

    @property
    def interleave(self) -> str:
        """bsq, bil or bip."""
        text = self.fields.get("interleave", "").strip().lower()
        if not text and self.whole("bands", None, 1) == 1:
            return "bsq"  # one band lies the same in all three
        if text not in ("bsq", "bil", "bip"):
            raise self.refusal("interleave", "must be bsq, bil or bip")
        return text

    def check(self) -> None:
        """Raise UserError for a header that ENVI would refuse, or that asks for what we do not do."""
        for field in ("samples", "lines", "bands"):
            self.whole(field, None, 1)
        self.whole("header offset", 0)
        _ = self.dtype, self.interleave
        if self.fields.get("file type", "").strip().lower() not in _FILE_TYPES:
            raise self.refusal(
                "file type", "must be ENVI Standard or ENVI Classification: an image, no table of spectra,"
            )
        for field in ("major frame offsets", "minor frame offsets"):
            if any(self.numbers(field)):
                raise self.refusal(field, "must be 0: gaps between frames are not read")
        bands = self.whole("bands", None, 1)
        for field in ("bbl", "wavelength"):
            self.numbers(field, bands)
        ignored = self.fields.get("data ignore value", "").strip()
        if ignored and not _is_number(ignored):
            raise self.refusal("data ignore value", "must be a number")

    def unapplied_scale(self) -> list[str]:
        """The fields that turn the values into reflectance or radiance, if they change anything."""
        neutral = {"reflectance scale factor": 1.0, "data gain values": 1.0, "data offset values": 0.0}
        neutral |= {"data reflectance gain values": 1.0, "data reflectance offset values": 0.0}
        found = []
        for field, nothing in neutral.items():
            numbers = self.numbers(field)
            if any(number != nothing for number in numbers):
                found.append(f"{field} {numbers[0]:g}{' and others' if len(set(numbers)) > 1 else ''}")
        return found


def header_of(data: Path, named: Path | None = None) -> EnviHeader | None:
    """The header of a data file, `named` or beside it; None if there is none. Raises UserError for a broken one."""
    if named is None and is_tiff(data):
        return None
    stems = (data.with_suffix(""), data)
    beside = [stem.with_name(stem.name + suffix) for stem in stems for suffix in (".hdr", ".HDR", ".Hdr")]
    for path in (named,) if named else beside:
        if path.is_file() and (text := _text(path)) is not None:
            return EnviHeader(path, _fields(path, text))
    if named:
        raise UserError(f"{named} must start with the word ENVI", "something else", "Give an ENVI header")
    return None


def _text(path: Path) -> str | None:
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES or raw[:4].upper() != b"ENVI":
        return None
    return raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _fields(path: Path, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    lines = (line for line in text.split("\n") if not line.startswith(";"))
    for line in lines:
        key, equals, value = line.partition("=")
        name, value = re.sub(r"[\s_]+", " ", key).strip().lower(), value.strip()
        if not (equals and name) or re.search("[;{}]", key):
            continue
        if value.startswith("{"):
            listed = [value]
            while "}" not in listed[-1]:
                if (further := next(lines, None)) is None:
                    raise UserError(f"`{name}` must end with a brace", f"an open list in {path}", "Correct the header")
                listed.append(further)
            value = "\n".join(listed).partition("}")[0] + "}"
        value = re.sub(r"\s+", " ", value)
        if found.setdefault(name, value) != value:
            raise UserError(f"`{name}` must stand once in {path}", "two values", "Correct the header")
    return found


def _is_number(text: str) -> bool:
    try:
        return not math.isinf(float(text))
    except ValueError:
        return False

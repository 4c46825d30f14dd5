"""ENVI headers."""

import os
from collections.abc import Iterator, Mapping

import numpy as np

from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import classify, file, reads, several
from tests.hostile.template import BANDS, HEIGHT, WIDTH, cube

FIELDS = {
    **{"samples": str(WIDTH), "lines": str(HEIGHT), "bands": str(BANDS), "header offset": "0"},
    **{"file type": "ENVI Standard", "data type": "12", "interleave": "bip", "byte order": "0"},
}
_AXES = {"bip": (0, 1, 2), "bil": (0, 2, 1), "bsq": (2, 0, 1)}


def text(changes: Mapping[str, str | None] | None = None, end: str = "\n") -> str:
    """A header; None takes a field out."""
    fields = {name: value for name, value in {**FIELDS, **(changes or {})}.items() if value is not None}
    return end.join(["ENVI", *(f"{name} = {value}" for name, value in fields.items()), ""])


def data(dtype: str = "<u2", interleave: str = "bip", offset: int = 0) -> bytes:
    return bytes(offset) + cube().transpose(_AXES[interleave]).astype(dtype).tobytes()


def pair(header: str | bytes, content: bytes | None = None, name: str = "scene.hdr", image: str = "scene.img") -> Make:
    return several(file(name, header), file(image, data() if content is None else content))


def with_field(field: str, value: str | None) -> Make:
    return pair(text({field: value}))


def cases() -> Iterator[Case]:
    yield from _legal()
    for field in ("samples", "lines", "bands", "data type"):
        for value in (None, "", "-1", "0", "abc", "1.5", "9" * 20, "٣", "1e3", "{3}"):
            shown = "missing" if value is None else repr(value)
            yield classify(f"{field} {shown}", with_field(field, value), "scene.hdr", words=field.replace(" ", "."))
    for value in ("-1", "abc", str(10**9), str(10**14), "9" * 30, "1.0", "0x10"):
        yield classify(f"header offset {value}", with_field("header offset", value), "scene.hdr")
    for value in (None, "2", "-1", "little", "1 0"):
        yield classify(f"byte order {value}", with_field("byte order", value), "scene.hdr", words="byte order")
    for value in (None, "", "bxq", "bip, bil", "\x1b[31mbip"):
        yield classify(f"interleave {value!r}", with_field("interleave", value), "scene.hdr", words="interleave")
    for code in (0, 6, 7, 8, 9, 10, 11, 16, 99):
        yield classify(f"data type {code}", with_field("data type", str(code)), "scene.hdr", words="data type")
    for name, fields in {
        "sizes whose product overflows": {"samples": str(2**22), "lines": str(2**21), "bands": str(2**21)},
        "sizes of petabytes": {"samples": "1000000", "lines": "1000000", "bands": "1000"},
        "one line too many": {"lines": str(HEIGHT + 1)},
        "one band more than the model": {"bands": str(BANDS + 1), "lines": "12"},
        "one band": {"bands": "1"},
        "a spectral library": {"file type": "ENVI Spectral Library"},
        "a file type of control characters": {"file type": "\x1b]0;title\x07"},
        "frame offsets": {"major frame offsets": "{0, 16}"},
        "a wavelength too few": {"wavelength": "{1, 2, 3, 4, 5}"},
        "wavelengths of words": {"wavelength": "{a, b, c, d, e, f}"},
        "bad bands for other bands": {"bbl": "{1, 1}"},
        "all bands bad": {"bbl": "{0, 0, 0, 0, 0, 0}"},
        "an ignore value of words": {"data ignore value": "none at all"},
        "file compression": {"file compression": "1"},
    }.items():
        yield classify(name, pair(text(fields)), "scene.hdr")
    yield classify("two values of one key", pair(text() + "Bands = 5\n"), "scene.hdr", words="bands")
    yield classify("an open brace", pair(text() + "wavelength = {1, 2,\n"), "scene.hdr", words="wavelength")
    for name, header in {
        "empty": b"",
        "another first word": text().replace("ENVI", "ENVY", 1).encode(),
        "noise": np.random.default_rng(1).bytes(3000),
        "zeros": bytes(4000),
        "only the word": b"ENVI\n",
        "UTF-16": text().encode("utf-16"),
        "of 20 MB": text().encode() + b";" + b"x" * (20 << 20),
        "one line of 5 MB without an end": b"ENVI\nsamples = " + b"1" * (5 << 20),
        "a hundred thousand braces": text().encode() + b"description = " + b"{" * 100_000,
    }.items():
        yield classify(f"header {name}", pair(header), "scene.hdr")
    yield classify("data cut in half", pair(text(), data()[: HEIGHT * WIDTH * BANDS]), "scene.hdr", words="hold")
    yield classify("data one byte short", pair(text(), data()[:-1]), "scene.hdr", words="hold")
    yield classify("data empty", pair(text(), b""), "scene.hdr")
    yield classify("no data", file("scene.hdr", text()), "scene.hdr", words="data file")
    both = several(pair(text()), file("scene.dat", data()))
    yield classify("two data files", both, "scene.hdr", words="several")
    header_folder = several(lambda f: (f / "scene.hdr").mkdir(), file("scene.img", data()))
    yield classify("a header that is a folder", header_folder, "scene.hdr")
    image_folder = several(file("scene.hdr", text()), lambda f: (f / "scene.img").mkdir())
    yield classify("data that is a folder", image_folder, "scene.hdr")
    pipe = several(lambda f: os.mkfifo(f / "scene.hdr"), file("scene.img", data()))
    yield classify("a header that is a pipe", pipe, "scene.img")
    pipe = several(file("scene.hdr", text()), lambda f: os.mkfifo(f / "scene.img"))
    yield classify("data that is a pipe", pipe, "scene.hdr")
    yield classify("a header without an end", several(_link("/dev/zero"), file("scene.img", data())), "scene.img")
    yield from _places()


def _link(target: str, name: str = "scene.hdr") -> Make:
    return lambda folder: (folder / name).symlink_to(target)


def _legal() -> Iterator[Case]:
    for interleave in _AXES:
        for order, sign in (("0", "<"), ("1", ">")):
            made = pair(text({"interleave": interleave, "byte order": order}), data(f"{sign}u2", interleave))
            yield reads(f"{interleave}, byte order {order}", made, "scene.hdr")
    for code, dtype in ((2, "i2"), (3, "i4"), (4, "f4"), (5, "f8"), (13, "u4"), (14, "i8"), (15, "u8")):
        made = pair(text({"data type": str(code), "byte order": "1"}), data(f">{dtype}"))
        yield reads(f"data type {code}, big-endian", made, "scene.hdr")
    upper = "\n".join(line.upper() for line in text().splitlines())
    title = "\n".join(line.title() if place else line for place, line in enumerate(text().splitlines()))
    for name, header in {
        "capitals": upper,
        "keys with capitals": title,
        "spaces around": text().replace(" = ", "   =\t "),
        "no spaces": text().replace(" = ", "="),
        "Windows line ends": text(end="\r\n"),
        "old Macintosh line ends": text(end="\r"),
        "comments": text().replace("ENVI\n", "ENVI\n; bands = 99\n;;\n"),
        "a description with keys in it": text({"description": "{\n bands = 99\n samples = 1 }"}),
        "unknown keys": text({"sensor": "none", "x start": "1", "colour = of": "{a}"}),
    }.items():
        yield reads(name, pair(header), "scene.hdr")
    yield reads("a header offset", pair(text({"header offset": "128"}), data(offset=128)), "scene.hdr")
    yield reads("data longer than said", pair(text(), data() + bytes(1000)), "scene.hdr")
    yield reads("data without a suffix", pair(text(), image="scene"), "scene")
    yield reads("a header of the whole name", pair(text(), name="scene.img.hdr"), "scene.img")
    capitals = pair(text(), name="scene.HDR", image="scene.IMG")
    yield reads("suffixes of capitals", capitals, "scene.HDR")
    swapped = pair(text({"byte order": "1"}))
    yield Case(
        "the wrong byte order is warned about",
        ("predict", "bundle", "scene.hdr", "--out", "map.npy"),
        swapped,
        codes=EITHER,
        told="warning: ",
        writes=("map.npy",),
    )


def _places() -> Iterator[Case]:
    """Map info that says nothing: it may be ignored or refused, but never turns the picture."""
    yield classify("a byte order mark", pair("\ufeff" + text()), "scene.hdr", codes=EITHER)
    for name, value in {
        "empty": "{}",
        "a word": "{UTM}",
        "words for numbers": "{UTM, 1, 1, a, b, 20, 20, 16, North}",
        "not numbers": "{Arbitrary, nan, nan, nan, nan, nan, nan}",
        "infinite": "{UTM, 1, 1, 1e400, 1e400, 1e400, 1e400, 16, North}",
        "pixels of no size": "{UTM, 1, 1, 500000, 4000000, 0, 0, 16, North}",
        "zone 10**9": "{UTM, 1, 1, 500000, 4000000, 20, 20, 1000000000, North}",
        "a thousand items": "{" + ", ".join(["1"] * 1000) + "}",
        "an open brace": "{UTM, 1, 1",
    }.items():
        yield classify(f"map info {name}", with_field("map info", value), "scene.hdr", codes=EITHER)
    wkt = "{PROJCS[" * 2000 + "}"
    yield classify("a nested coordinate system", with_field("coordinate system string", wkt), "scene.hdr", codes=EITHER)

"""Files that make GDAL open other files, other formats or the network."""

import os
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import classify, file, reads, several
from tests.hostile.kinds.geotiff_cases import tif
from tests.hostile.template import BANDS, HEIGHT, WIDTH, cube

_SOURCE = "<SimpleSource><SourceFilename{}>{}</SourceFilename><SourceBand>{}</SourceBand></SimpleSource>"


def vrt(source: str, about: str = ' relativeToVRT="1"', inside: str = "", size: str = "") -> str:
    size = size or f'rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}"'
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{n}">{inside or _SOURCE.format(about, source, n)}</VRTRasterBand>'
        for n in range(1, BANDS + 1)
    )
    return f"<VRTDataset {size}>{bands}</VRTDataset>"


def _server(name: str, text: str) -> Make:
    """`text` with the port of a server that counts who connects."""
    return lambda folder: (folder / name).write_text(text.replace("PORT", os.environ["HOSTILE_PORT"]))


def _other(folder: Path) -> None:
    """A raster in a folder beside `own`, in which the scene lies."""
    (folder / "other").mkdir()
    (folder / "own").mkdir()
    tif(name="other/secret.tif")(folder)
    (folder / "other" / "secret.bin").write_bytes(cube().transpose(2, 0, 1).tobytes())


_PYTHON = (
    "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
    "<PixelFunctionCode><![CDATA[\ndef f(*a):\n  open('executed', 'w')\n]]></PixelFunctionCode>"
    + _SOURCE.format(' relativeToVRT="1"', "source.tif", 1)
)
_RAW = (
    '<SourceFilename relativetoVRT="1">{}</SourceFilename><ImageOffset>0</ImageOffset>'
    "<PixelOffset>2</PixelOffset><LineOffset>40</LineOffset>"
)


def cases() -> Iterator[Case]:
    source = tif(name="source.tif")
    for suffix in ("tif", "img", "dat", "bin", "raw", "hdr"):
        made = several(source, file(f"scene.{suffix}", vrt("source.tif")))
        yield classify(f"a VRT with the name .{suffix}", made, f"scene.{suffix}")
    yield classify(
        "a VRT of its own folder", several(source, file("scene.vrt", vrt("source.tif"))), "scene.vrt", codes=EITHER
    )
    texts = {
        "of another folder": vrt("../other/secret.tif"),
        "of another folder by a detour": vrt("detour/../../other/secret.tif"),
        "of another folder by a link": vrt("link/secret.tif"),
        "of an absolute path": vrt("/etc/passwd", ""),
        "of an absolute path of a raster": vrt("/tmp/secret.tif", ""),
        "of itself": vrt("scene.{}"),
        "of raw values of a system file": vrt("", inside=_RAW.format("../../../../../etc/passwd")),
        "of raw values elsewhere": vrt("", inside=_RAW.format("../other/secret.bin")),
        "with Python": vrt("", inside=_PYTHON).replace(
            "<VRTRasterBand", '<VRTRasterBand subClass="VRTDerivedRasterBand"'
        ),
        "of terabytes": vrt("source.tif", size='rasterXSize="1000000" rasterYSize="1000000"'),
        "of no size": vrt("source.tif", size='rasterXSize="0" rasterYSize="-1"'),
        "of a missing file": vrt("missing.tif"),
        "in another VRT": vrt("&lt;VRTDataset rasterXSize=&quot;1&quot; rasterYSize=&quot;1&quot;/&gt;", ""),
        "of a zip": vrt("/vsizip/archive.zip/scene.tif", ""),
        "of the console": vrt("/vsistdin/", ""),
        "of memory": vrt("MEM:::DATAPOINTER=4096,PIXELS=20,LINES=24", ""),
        "with entities": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + vrt("&x;"),
        "with a billion laughs": _laughs() + vrt("&l9;"),
        "that nests": "<VRTDataset>" * 20_000,
        "cut": vrt("source.tif")[:200],
        "empty": "<VRTDataset/>",
        "of zeros": "\0" * 4000,
    }
    for name, text in texts.items():
        for suffix in ("tif", "vrt"):
            link = several(_other, lambda folder: (folder / "own" / "link").symlink_to("../other"))
            made = several(link, tif(name="own/source.tif"), file(f"own/scene.{suffix}", text.replace("{}", suffix)))
            yield classify(f"a VRT {name}, as .{suffix}", made, f"own/scene.{suffix}")
    for way in ("/vsicurl/http://127.0.0.1:PORT/x.tif", "http://127.0.0.1:PORT/x.tif", "WMS:http://127.0.0.1:PORT/"):
        for suffix in ("tif", "vrt"):
            made = _server(f"scene.{suffix}", vrt(way, ""))
            yield classify(f"a VRT of {way.split(':')[0]}, as .{suffix}", made, f"scene.{suffix}")
    service = "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:PORT/${z}</ServerUrl></Service></GDAL_WMS>"
    yield classify("a web service with the name .tif", _server("scene.tif", service), "scene.tif")
    for name in (
        *("/vsizip/archive.zip/a.tif", "/vsistdin/", "/vsimem/a.tif", "/vsicurl/http://127.0.0.1:1/a.tif"),
        *("http://127.0.0.1:1/scene.tif", "s3://bucket/scene.tif", "GTIFF_DIR:1:source.tif", "NETCDF:a.nc:b"),
        *("ZARR:a", "MEM:::DATAPOINTER=4096,PIXELS=2,LINES=2", "GTI:/vsistdin/", "vrt://source.tif?bands=1"),
        *("file:///etc/passwd", "/dev/stdin", "/dev/zero", "/dev/random", "/proc/self/mem", "/proc/self/environ"),
    ):
        yield classify(f"the path {name}", source, name)
    outside = several(source, file("source.tif.aux.xml", "<PAMDataset><Metadata><MDI key='a'>" + "x" * 99))
    yield classify("broken metadata beside", outside, "source.tif", codes=EITHER)
    mask = several(source, _other, file("source.tif.msk", vrt("other/secret.tif")))
    yield classify("a mask that is a VRT", mask, "source.tif", codes=EITHER)
    overview = several(source, _other, file("source.tif.ovr", vrt("other/secret.tif")))
    yield classify("an overview that is a VRT", overview, "source.tif", codes=EITHER)
    world = several(tif(name="source.tif", crs=None, transform=None), file("source.tfw", "nan\n" * 6))
    yield classify("a world file of nan", world, "source.tif", codes=EITHER)
    yield reads("a link to a scene", several(source, lambda f: (f / "link.tif").symlink_to("source.tif")), "link.tif")


def _laughs() -> str:
    lines = ['<!DOCTYPE a [<!ENTITY l0 "lol">']
    lines += [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    return "".join(lines) + "]>"

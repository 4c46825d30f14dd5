"""A shapefile that is sent as one file: a zip archive of it, looked at before anything of it is unpacked."""

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hsiauto.errors import UserError, shown
from hsiauto.files import writing
from hsiauto.scene.readers.stored import unreadable

_READ = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_BESIDE = (".sbn", ".sbx", ".qix", ".qpj", ".qmd", ".cst", ".shp.xml")
"""Indices and notes that other programs put beside them, which nobody reads here."""
_OF_FINDER = "__MACOSX/"
_MOST, _LARGEST = 50, 2**30
"""Files of an archive, and bytes that they unpack to."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)
_RULE = "a .zip of labels holds one shapefile and nothing else"


@contextmanager
def shapefile(archive: Path) -> Iterator[Path]:
    """The .shp of the shapefile in `archive`, with what belongs to it, in a folder that is there within.

    Raises UserError for what is no whole archive, for other members than files of one shapefile, for folders, links and
    encrypted files in it, and for more than a gigabyte; errors raised within name the archive instead of the folder.
    """
    with TemporaryDirectory(prefix="hsiauto-labels-") as folder:
        try:
            yield _unpacked(archive, Path(folder))
        except UserError as error:
            said = (error.rule, error.received, error.remedy)
            rule, received, remedy = (str(text or "").replace(folder, str(archive)) for text in said)
            raise UserError(rule, received or None, remedy) from error


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(archive) as content, writing(folder):
            members = [one for one in content.infolist() if not one.filename.startswith(_OF_FINDER)]
            stem = _stem(members)
            if (size := sum(one.file_size for one in members)) > _LARGEST:
                received = f"{size / 1e9:,.1f} GB in {archive}"
                raise UserError(f"{_RULE}, of at most {_LARGEST / 1e9:.1f} GB", received, "Export a part of the layer")
            for one in members:
                if (suffix := one.filename[len(stem) :].lower()) in _READ:
                    with content.open(one) as source, (folder / f"{stem}{suffix}").open("wb") as target:
                        shutil.copyfileobj(source, target)
    except _BROKEN as error:
        rule, received = "a .zip of labels is whole, and has no password", unreadable(archive, "such archive", error)
        raise UserError(rule, received, "Zip the files of the shapefile again") from error
    return folder / f"{stem}.shp"


def _stem(members: list[zipfile.ZipInfo]) -> str:
    """What the files of the one shapefile are called, without their suffixes. Raises UserError."""
    names = [one.filename for one in members]
    stems = {name[: -len(".shp")] for name in names if name.lower().endswith(".shp")}
    suffixes = [name[len(stem) :].lower() for stem in stems for name in names if name.startswith(stem)]
    plain = all(re.fullmatch(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,99}", name) for name in names)
    known = set(suffixes) <= {*_READ, *_BESIDE} and len(set(suffixes)) == len(suffixes) == len(names)
    if len(names) > _MOST or len(stems) != 1 or not (plain and known):
        listed = ", ".join(map(shown, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        remedy = "Zip the .shp, .shx, .dbf and .prj of one layer, without their folder"
        raise UserError(_RULE, listed or "nothing", remedy)
    return stems.pop()

"""The lookup table of an ENVI image in the sensor's geometry: AVIRIS deliver it as another image, `<flight>..._glt`."""

from collections.abc import Callable
from dataclasses import replace
from glob import escape
from pathlib import Path

from hsiauto.scene.lookup import GeometryLookup
from hsiauto.scene.readers.stored import Stored

_ENDING = "_glt"


def placed(image: Path, stored: Stored, read: Callable[[Path], Stored]) -> Stored:
    """`stored` with its place by the table beside the image, if there is one; `read` is how images are read.

    Raises UserError for a table that cannot be read.
    """
    header = _beside(image)
    if header is None:
        return stored
    table, (height, width) = read(header), stored.array.shape[:2]
    lookup, note = None, f"{header.name} beside it is no lookup table with a place: not used"
    if table.geo is not None and table.array.shape[2] == 2 and table.array.dtype.kind in "iu":
        lookup = GeometryLookup.of_tables(table.array[..., 0], table.array[..., 1], (height, width))
        note = f"maps are written through {header.name}"
        if lookup is None:
            note = f"{header.name} beside it leads to rows and columns that the image does not have: not used"
    geo = None if table.geo is None or lookup is None else replace(table.geo, lookup=lookup)
    return replace(stored, geo=geo, notes=(*stored.notes, note))


def _beside(image: Path) -> Path | None:
    """The header of the only table of the flight line, whose name goes up to the first underscore."""
    flight, underscore, _ = image.name.partition("_")
    if not underscore or _ENDING in image.name.lower():
        return None
    names = image.absolute().parent.glob(f"{escape(flight)}_*")
    found = [path for path in names if path.suffix.lower() == ".hdr" and path.stem.lower().endswith(_ENDING)]
    return found[0] if len(found) == 1 else None

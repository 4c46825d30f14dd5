"""The kinds of hostile input, a module each."""

from importlib import import_module

from tests.hostile.case import Case, of_kind

KINDS = (
    *("envi", "matlab", "hdf5", "numpy", "geotiff", "virtual", "products", "labels", "polygons"),
    *("yaml", "spaces", "studies", "configs", "options", "paths"),
    *("bundles", "runs", "maps", "boards"),
)


def every_case() -> list[Case]:
    """All cases, kind by kind."""
    return [
        case for kind in KINDS for case in of_kind(kind, import_module(f"tests.hostile.kinds.{kind}_cases").cases())
    ]

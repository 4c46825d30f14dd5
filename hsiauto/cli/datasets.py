"""`hsiauto datasets`: list the known scenes, fetch and verify them."""

from typing import Annotated

from cyclopts import App, Parameter

from hsiauto.cli.console import errors, output, say
from hsiauto.cli.options import Json, PathName
from hsiauto.cli.tables import Column, print_rows
from hsiauto.scene import registry

app = App(name="datasets", help="Known scenes: list, fetch, verify.", help_format="plaintext", version_flags=())

Name = Annotated[str, Parameter(help="A scene of `hsiauto datasets`.")]
DataDir = Annotated[
    PathName | None,
    Parameter(help="Folder of the scenes. [default: the variable HSIAUTO_DATA, else ~/.cache/hsiauto]"),
]


@app.default
def datasets(*, data_dir: DataDir = None, json: Json = False) -> None:
    """List the known scenes and what is present."""
    columns = [Column("name"), Column("scene", prose=True), Column("H x W x C"), Column("classes", number=True)]
    rows = [
        (
            row.name,
            row.title,
            " x ".join(map(str, row.shape)) if row.shape else None,
            row.n_classes or None,
            row.present,
            row.sources or None,
        )
        for row in registry.list_datasets(data_dir)
    ]
    print_rows([*columns, Column("here", prose=True), Column("sources", prose=True)], rows, as_json=json)


_FETCH = "Download a scene: each source in turn, resumed where it broke off, checked against its sha256."
"""As a text, and no docstring: Python leaves those away if it is told to (PYTHONOPTIMIZE=2)."""


@app.command(help=_FETCH)
def fetch(name: Name, /, *, data_dir: DataDir = None) -> None:
    from hsiauto.cli.progress import download_bars

    console = errors()
    with download_bars(console) as advance:
        for path in registry.fetch(name, data_dir, progress=advance):
            say(str(path), console, whole=True)


@app.command(help="Check the sha256 of a scene's files.")
def verify(name: Name, /, *, data_dir: DataDir = None) -> None:
    for path in registry.verify(name, data_dir):
        say(f"{path}: sha256 is right", output(), whole=True)

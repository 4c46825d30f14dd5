"""`hsiauto datasets`: list the known scenes, fetch and verify them."""

from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from hsiauto.cli.options import DataDir
from hsiauto.cli.progress import download_bars
from hsiauto.scene import registry

app = typer.Typer(help="Known scenes: list, fetch, verify.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="A scene of `hsiauto datasets`.")]


@app.callback()
def datasets(context: typer.Context, data_dir: DataDir = None) -> None:
    """List the known scenes and what is present."""
    if context.invoked_subcommand is not None:
        return
    table = Table("name", "scene", "H x W x C", "classes", "here", box=box.SIMPLE_HEAD)
    for row in registry.list_datasets(data_dir):
        shape = " x ".join(str(n) for n in row.shape) if row.shape else "-"
        table.add_row(row.name, row.title, shape, str(row.n_classes or "-"), row.present)
    Console().print(table)


@app.command()
def fetch(name: Name, data_dir: DataDir = None) -> None:
    """Download a scene: each source in turn, resumed where it broke off, checked against its sha256."""
    console = Console(stderr=True)
    with download_bars(console) as advance:
        for path in registry.fetch(name, data_dir, progress=advance):
            console.print(path, soft_wrap=True)


@app.command()
def verify(name: Name, data_dir: DataDir = None) -> None:
    """Check the sha256 of a scene's files."""
    for path in registry.verify(name, data_dir):
        typer.echo(f"{path}: sha256 is right")

"""`hsiauto bundle`: what an exported model is, and whether its files are those that were exported."""

from typing import Annotated

from cyclopts import App, Parameter

from hsiauto.cli.console import output, say
from hsiauto.cli.options import Json, PathName
from hsiauto.cli.tables import print_json

app = App(name="bundle", help="Exported models: show, verify.", help_format="plaintext", version_flags=())

Folder = Annotated[PathName, Parameter(help="A bundle that a search or a training left.")]


@app.command(help="The model card: input, classes, scores and origin.")
def show(folder: Folder, /, *, json: Json = False) -> None:
    from hsiauto.models.bundle import load_bundle, readme

    bundle = load_bundle(folder)
    if json:
        print_json({"config": bundle.fitted.config.active(), **bundle.provenance.model_dump(mode="json")})
        return
    say(readme(bundle.fitted, bundle.provenance), output(), whole=True)


@app.command(help="Check the sha256 of each file, and that the model is whole and hsiauto's own.")
def verify(folder: Folder, /) -> None:
    from hsiauto.models.bundle import load_bundle

    bundle = load_bundle(folder)
    say(f"{folder}: {bundle.fitted.config.family}, as it was exported", output(), whole=True)

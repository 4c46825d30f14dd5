"""`hsiauto remote`: runs on the machine of a service, as if they ran here."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from hsiauto import remote
from hsiauto.cli.console import errors, output, say
from hsiauto.cli.options import Config, Given, Json, PathName, with_settings
from hsiauto.cli.tables import Column, print_rows
from hsiauto.config import declared, run_config_from
from hsiauto.errors import UserError
from hsiauto.scene.several import scenes_of
from hsiauto.scene.source import SceneSource

_HELP = "Runs on a service: log in, upload, run, follow, stop, resume, download."
app = App(name="remote", help=_HELP, help_format="plaintext", version_flags=())

At = Annotated[str | None, Parameter(name="--service", help="Its address. [default: that of the latest login]")]
RunId = Annotated[str, Parameter(help="A run of `hsiauto remote runs`.")]
Name = Annotated[str | None, Parameter(help="What it is called there. [default: as the scene]")]


@app.command(help="Remember the token of a service, which is asked for, or read from a pipe.")
def login(address: Annotated[str, Parameter(help="https://HOST, or http://127.0.0.1:8765.")], /) -> None:
    address = remote.service_address(address)
    asked = sys.stdin.isatty()
    token = (getpass.getpass(f"token of {address}: ") if asked else sys.stdin.readline()).strip()
    if not (token and token.isascii() and token.isprintable()):
        raise UserError("a token is one line of letters and digits", None, "It is told where it is made.")
    found = remote.Login(address, token)
    user = remote.Service(found).user()
    path = remote.save_login(found)
    say(f"{address}: you are {user['name']}, {user['role']}; the token is in {path}", output(), whole=True)


@app.command(help="List the scenes of a service.")
def scenes(*, service: At = None, json: Json = False) -> None:
    columns = [Column("id"), Column("name"), Column("owner"), Column("state"), Column("H x W x C")]
    rows = (
        (*(scene.get(column.name) for column in columns[:-1]), remote.size_of(scene))
        for scene in _service(service).items("scenes")
    )
    print_rows(columns, rows, as_json=json)


@app.command(help="List the runs of a service, the latest first.")
def runs(*, service: At = None, json: Json = False) -> None:
    columns = [Column(name) for name in ("id", "name", "owner", "kind", "scene", "state", "created")]
    columns.append(Column("reason", prose=True))
    rows = ([run.get(column.name) for column in columns] for run in _service(service).items("runs", sort="-created"))
    print_rows(columns, rows, as_json=json)


@app.command(help="Upload a scene, which is read and checked there.")
@with_settings("upload")
def upload(
    given: Given,
    cube: Annotated[PathName, Parameter(help="A file of this machine.")],
    /,
    *,
    name: Name = None,
    service: At = None,
) -> None:
    from hsiauto.cli.remote_run import uploaded

    fields = {declared("upload")[option].field: value for option, value in given.settings.items()}
    uploaded(_service(service), SceneSource(dataset=str(cube), **fields), name)


@app.command(help="Search on the machine of a service and follow it as if it ran here, with the options of `search`.")
@with_settings("search")
def run(given: Given, *, name: Name = None, service: At = None, config: Config = None) -> int:
    from hsiauto.cli.remote_run import follow_to_its_end, uploaded

    source = run_config_from("search", given.settings).scene
    of_scene = {one.name for one in declared("search").values() if one.part == "scene"}
    if several := scenes_of(source):
        raise UserError("a run of a service is on one scene", f"{len(several.scenes)}", "Give one as `dataset`.")
    lies_here = Path(source.dataset).is_file()
    acting = {"dataset", *(declared("upload") if lies_here else ())}
    if idle := [f"`{one.replace('-', '_')}`" for one in given.settings if one in of_scene - acting]:
        rule = f"{', '.join(idle)} belongs to a scene that is uploaded, or to this machine"
        raise UserError(rule, source.dataset, "Leave it out.")
    if lies_here:
        from hsiauto.scene.opening import has_labels

        if not has_labels(source):
            remedy = "Give the path of one as `labels` (and `labels_key`)."
            raise UserError("a search needs a label map", f"{source.dataset} without one", remedy)
    there = _service(service)
    scene = uploaded(there, source, None) if lies_here else remote.find_scene(there, source.dataset)
    settings = {one: value for one, value in given.settings.items() if one not in of_scene}
    return follow_to_its_end(there, remote.start_run(there, scene["id"], settings, name))


@app.command(help="Follow a run to its end; the exit code is the run's.")
def follow(run: RunId, /, *, service: At = None) -> int:
    from hsiauto.cli.remote_run import follow_to_its_end

    there = _service(service)
    return follow_to_its_end(there, there.get(f"runs/{remote.run_id(run)}"))


@app.command(help="Stop a run as Ctrl-C does: what was done is kept.")
def stop(run: RunId, /, *, service: At = None) -> None:
    found = _service(service).post(f"runs/{remote.run_id(run)}/stop")
    say(f"run {run}: {found['state']}", output())


@app.command(help="Let a run that has ended go on, and follow it; a larger budget extends it.")
def resume(
    run: RunId,
    /,
    *,
    budget: Annotated[str | None, Parameter(help="Trials. [default: as before]")] = None,
    time_limit: Annotated[str | None, Parameter(help="Counts anew, e.g. 30m. [default: as before]")] = None,
    service: At = None,
) -> int:
    from hsiauto.cli.remote_run import follow_to_its_end

    given = {name: text for name, text in (("budget", budget), ("time-limit", time_limit)) if text is not None}
    made = run_config_from("search", given)
    values = {"budget": made.budget, "time-limit": made.time_limit_s}
    there = _service(service)
    changes = {name.replace("-", "_"): values[name] for name in given}
    return follow_to_its_end(there, there.post(f"runs/{remote.run_id(run)}/resume", changes))


@app.command(help="Download a run, for `hsiauto show` and `hsiauto compare`: journal, leaderboard, report, map, model.")
def download(
    run: RunId,
    names: Annotated[tuple[str, ...], Parameter(help="Only these, e.g. bundle.zip.", negative="")] = (),
    /,
    *,
    out: Annotated[PathName | None, Parameter(help="Folder to write into. [default: runs/<id>]")] = None,
    service: At = None,
) -> None:
    from hsiauto.cli.progress import download_bars

    there = _service(service)
    found = there.get(f"runs/{remote.run_id(run)}")
    with download_bars(errors()) as advance:
        for path in remote.fetch_files(there, found, names, out or Path("runs") / run, advance):
            say(str(path), output(), whole=True)


def _service(address: str | None) -> remote.Service:
    """The service of a login, which knows its token and has this version."""
    there = remote.Service(remote.read_login(address))
    there.user()
    return there

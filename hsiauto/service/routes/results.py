"""What runs tell: events while they go on, leaderboard, report, artifacts."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import FileResponse, Response, StreamingResponse

from hsiauto import leaderboard as boards
from hsiauto.errors import UserError
from hsiauto.runs import folder as folders
from hsiauto.service.access import Served, Viewer
from hsiauto.service.errors import Refused, not_found
from hsiauto.service.events import EVENT_ID
from hsiauto.service.models import Page, PageNumber, PageSize, order_of
from hsiauto.service.results import PICTURES, TEXTS, Artifact, Part, artifact, leaderboard, report, text_of
from hsiauto.service.routes.runs import run_out
from hsiauto.service.runs import ENDED

router = APIRouter(prefix="/api/runs", tags=["results"])

_TYPES = {
    "report.html": "text/html",
    "bundle.zip": "application/zip",
    "model.onnx": "application/octet-stream",
    "map.tif": "image/tiff",
    "map.tif.aux.xml": "application/xml",
    "leaderboard.parquet": "application/vnd.apache.parquet",
    "split.npz": "application/octet-stream",
}


def _stream(
    run: str,
    served: Served,
    user: Viewer,
    after: Annotated[str, Query(pattern=EVENT_ID, description="Lines of journal.jsonl, or an event's id.")] = "0",
    last: Annotated[str | None, Header(alias="Last-Event-ID", pattern=EVENT_ID)] = None,
) -> AsyncIterator[bytes]:
    """Everything that can be refused is refused here: what comes later would stand below a 200."""
    served.runs.find(run, user)
    served.streams.require_room()

    def ended() -> str | None:
        row = served.runs.get(run)
        return run_out(served, row, user).model_dump_json() if row is not None and row["state"] in ENDED else None

    def may() -> bool:
        row, now = served.runs.get(run), served.users.named(user.name)
        return row is not None and now is not None and now.sees(row)

    journal, _, refits = (after if last is None else last).partition("-")
    return served.streams.follow(served.runs.path(run), (int(journal), int(refits or 0)), ended, may)


@router.get("/{run}/events", response_class=StreamingResponse)
async def events(stream: Annotated[AsyncIterator[bytes], Depends(_stream)]) -> StreamingResponse:
    """The run's journal and its refits as server-sent events, from the first or after `Last-Event-ID`, to its end."""
    headers = {"X-Accel-Buffering": "no"}  # a proxy would keep events back
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


@router.get("/{run}/leaderboard")
def show_leaderboard(
    run: str,
    served: Served,
    user: Viewer,
    page: PageNumber = 1,
    page_size: PageSize = 50,
    sort: Annotated[str, order_of(column.name for column in boards.COLUMNS)] = "rank",
    kind: Annotated[str | None, Query(max_length=20)] = None,
) -> Page[dict[str, Any]]:
    """Rows of the leaderboard, under the names of its columns; none before there is one."""
    folder = served.runs.path(served.runs.find(run, user)["id"])
    try:
        rows, total = leaderboard(folder, sort, kind, page, page_size)
    except UserError as error:
        raise served.scenes.without_paths(error) from error
    return Page(items=rows, total=total, page=page, page_size=page_size)


@router.get("/{run}/leaderboard.parquet", response_class=FileResponse)
def download_leaderboard(run: str, served: Served, user: Viewer) -> FileResponse:
    """The leaderboard as Parquet."""
    path = served.runs.path(served.runs.find(run, user)["id"]) / folders.LEADERBOARD
    if not path.is_file():
        raise not_found("file of this run", folders.LEADERBOARD)
    return FileResponse(path, media_type="application/vnd.apache.parquet", filename=f"{run}-{folders.LEADERBOARD}")


@router.get("/{run}/report", responses={200: {"model": dict[str, Any]}})
def show_report(run: str, served: Served, user: Viewer, part: Part | None = None) -> Response:
    """What report.html holds, as far as the run went. 409 before there is a leaderboard, of `search` a journal."""
    folder = served.runs.path(served.runs.find(run, user)["id"])
    needed = folder / (folders.JOURNAL if part == "search" else folders.LEADERBOARD)
    if not (needed.is_file() and needed.stat().st_size):
        raise Refused(409, f"a report needs {needed.name}", "none yet", "Wait until the search is so far.")
    try:
        return Response(report(folder, part, served.without), media_type="application/json")
    except UserError as error:
        raise served.scenes.without_paths(error) from error


@router.get("/{run}/artifacts/{name}", response_class=FileResponse)
def download(run: str, name: Artifact, served: Served, user: Viewer) -> Response:
    """A file that the run left; `bundle.zip` and `model.onnx` are made when they are first asked for."""
    found = artifact(served.runs.path(served.runs.find(run, user)["id"]), name, served.config.root)
    if found is None:
        raise not_found("file of this run", name)
    if name in TEXTS:
        headers = {"Content-Disposition": f'attachment; filename="{run}-{name}"'}
        return StreamingResponse(text_of(found, served.without), media_type="text/plain", headers=headers)
    if name in PICTURES:
        return FileResponse(found, media_type="image/png")
    return FileResponse(found, media_type=_TYPES[name], filename=f"{run}-{name}")

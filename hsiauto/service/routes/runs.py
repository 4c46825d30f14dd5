"""Runs: asked for, listed, stopped, resumed, deleted."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response

from hsiauto.service.access import Runner, Served, Viewer
from hsiauto.service.core import Service
from hsiauto.service.database import unpacked
from hsiauto.service.jobs import exit_code
from hsiauto.service.models import (
    Page,
    PageNumber,
    PageSize,
    PredictRequest,
    ResumeRequest,
    RunChange,
    RunOut,
    RunRequest,
    order_of,
)
from hsiauto.service.names import without
from hsiauto.service.progress import as_json
from hsiauto.service.results import artifacts, winner
from hsiauto.service.runs import ENDED, SORTED
from hsiauto.service.users import User

router = APIRouter(prefix="/api/runs", tags=["runs"])

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="Sent again, it finds the first run."),
]

_FOUND_AGAIN: dict[int | str, dict[str, Any]] = {200: {"model": RunOut, "description": "The key was seen before."}}


@router.get("")
def list_runs(
    served: Served,
    user: Viewer,
    page: PageNumber = 1,
    page_size: PageSize = 50,
    sort: Annotated[str, order_of(SORTED)] = "-created",
    state: Annotated[str | None, Query(max_length=20)] = None,
    kind: Literal["search", "predict"] | None = None,
    scene: Annotated[str | None, Query(max_length=64)] = None,
    owner: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[RunOut]:
    """Runs that the user sees."""
    asked = {"state": state, "kind": kind, "scene": scene, "owner": owner}
    filters = {name: value for name, value in asked.items() if value is not None}
    rows, total = served.runs.list(user, filters, sort, page, page_size)
    return Page(items=[run_out(served, row, user) for row in rows], total=total, page=page, page_size=page_size)


@router.post("", status_code=201, responses=_FOUND_AGAIN)
def create_run(asked: RunRequest, response: Response, served: Served, user: Runner, key: Key = None) -> RunOut:
    """A search, which waits for its turn."""
    scene = served.scenes.labelled(asked.scene, user)
    row, new = served.runs.search(user, scene, asked.name, asked.config, key)
    return _created(served, user, row, new, response)


@router.get("/{run}")
def show_run(run: str, served: Served, user: Viewer) -> RunOut:
    """One run."""
    return run_out(served, served.runs.find(run, user), user)


@router.patch("/{run}")
def change_run(run: str, change: RunChange, served: Served, user: Viewer) -> RunOut:
    """Name a run, share it with every user, or no longer."""
    row = served.runs.find(run, user, to_change=True)
    fields: dict[str, Any] = {}
    if change.name is not None and change.name != row["name"]:
        fields["name"] = change.name
        served.audit.note(user.name, "run named", run, name=change.name)
    if change.shared is not None:
        fields["shared"] = int(change.shared)
        served.audit.note(user.name, "run shared" if change.shared else "run no longer shared", run)
    return run_out(served, served.runs.change(row, **fields) if fields else row, user)


@router.delete("/{run}", status_code=204)
def delete_run(run: str, served: Served, user: Viewer) -> Response:
    """Delete a run that has ended, and its folder."""
    served.runs.delete(served.runs.find(run, user, to_change=True))
    served.audit.note(user.name, "run deleted", run)
    return Response(status_code=204)


@router.post("/{run}/stop")
def stop_run(run: str, served: Served, user: Runner) -> RunOut:
    """End a run as Ctrl-C does: what was done is kept."""
    row = served.runs.stop(served.runs.find(run, user, to_change=True))
    served.queue.wake()
    served.audit.note(user.name, "run stopped", run)
    return run_out(served, row, user)


@router.post("/{run}/resume")
def resume_run(run: str, asked: ResumeRequest, served: Served, user: Runner) -> RunOut:
    """Let a run that has ended go on; a larger budget extends it."""
    row = served.runs.find(run, user, to_change=True)
    row = served.runs.resume(row, asked.model_dump(exclude_none=True))
    served.queue.wake()
    served.audit.note(user.name, "run resumed", run)
    return run_out(served, row, user)


@router.post("/{run}/predict", status_code=201, responses=_FOUND_AGAIN)
def predict(
    run: str, asked: PredictRequest, response: Response, served: Served, user: Runner, key: Key = None
) -> RunOut:
    """A map of a scene by the model of a run: a run of its own, whose artifact is map.tif."""
    parent = served.runs.find(run, user)
    row, new = served.runs.predict(user, parent, served.scenes.ready(asked.scene, user), key)
    return _created(served, user, row, new, response)


def _created(served: Service, user: User, row: Mapping[str, Any], new: bool, response: Response) -> RunOut:
    if new:
        served.queue.wake()
        served.audit.note(user.name, f"{row['kind']} asked for", row["id"], scene=row["scene"])
    else:
        response.status_code = 200
    return run_out(served, row, user)


def run_out(served: Service, row: Mapping[str, Any], user: User) -> RunOut:
    """A run as `user` is told of it."""
    folder = served.runs.path(row["id"])
    same = ("id", "kind", "name", "owner", "scene", "state", "created", "started", "ended", "command")
    return RunOut.model_validate(
        {
            **{name: row[name] for name in same},
            "mine": row["owner"] == user.name,
            "shared": bool(row["shared"]),
            "reason": without(served.config.root, row["reason"]),
            "exit_code": exit_code(served.runs.path(row["id"], ".exit")) if row["state"] in ENDED else None,
            "config": unpacked(row["config"]),
            "progress": as_json(served.progress.of(folder)),
            "winner": winner(folder),
            "artifacts": artifacts(folder) if row["state"] not in ("queued", "lost") else [],
        }
    )

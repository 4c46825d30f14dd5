"""Scenes: uploaded file by file, checked, looked at, shared."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from hsiauto.errors import UserError
from hsiauto.service.access import Runner, Served, Viewer
from hsiauto.service.core import Service
from hsiauto.service.errors import Refused
from hsiauto.service.limits import require_disk
from hsiauto.service.look import look
from hsiauto.service.models import Digest, NewScene, Page, PageNumber, PageSize, SceneChange, SceneOut
from hsiauto.service.names import resolve
from hsiauto.service.scenes import ABOUT, PREVIEW, FileRole, StoredScene, stored_name
from hsiauto.service.uploads import receive
from hsiauto.service.users import User

router = APIRouter(prefix="/api/scenes", tags=["scenes"])

_RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("")
def list_scenes(served: Served, user: Viewer, page: PageNumber = 1, page_size: PageSize = 50) -> Page[SceneOut]:
    """Scenes that the user sees: uploads, newest first, then those of the operator."""
    found = served.scenes.list(user)
    some = found[(page - 1) * page_size :][:page_size]
    items = [scene_out(scene, user) for scene in some]
    return Page(items=items, total=len(found), page=page, page_size=page_size)


@router.post("", status_code=201)
def create_scene(asked: NewScene, served: Served, user: Runner) -> SceneOut:
    """A scene without files yet."""
    scene = served.scenes.create(user, asked.name, asked.options)
    served.audit.note(user.name, "scene created", scene.id)
    return scene_out(scene, user)


@router.get("/{scene}")
def show_scene(scene: str, served: Served, user: Viewer) -> SceneOut:
    """One scene."""
    return scene_out(served.scenes.find(scene, user), user)


@router.patch("/{scene}")
def change_scene(scene: str, change: SceneChange, served: Served, user: Viewer) -> SceneOut:
    """Share a scene with every user, or no longer."""
    found = served.scenes.find(scene, user, to_change=True)
    served.scenes.share(found, change.shared)
    served.audit.note(user.name, "scene shared" if change.shared else "scene no longer shared", scene)
    return scene_out(served.scenes.find(scene, user), user)


@router.delete("/{scene}", status_code=204)
def delete_scene(scene: str, served: Served, user: Viewer) -> Response:
    """Delete a scene and its files, unless a run reads it."""
    served.scenes.delete(served.scenes.find(scene, user, to_change=True))
    served.audit.note(user.name, "scene deleted", scene)
    return Response(status_code=204)


@router.put("/{scene}/files/{role}", openapi_extra=_RAW_BODY)
async def put_file(
    scene: str,
    role: FileRole,
    filename: Annotated[str, Query(min_length=1, max_length=255, description="Its suffix tells the type.")],
    request: Request,
    served: Served,
    user: Runner,
) -> Digest:
    """A file of a scene that was not checked yet, as the raw body."""
    found = await run_in_threadpool(_waits_for_files, served, scene, user)
    path = resolve(served.scenes.folder(scene), stored_name(role, filename))
    config = served.config
    require_disk(config.root, config.min_free_bytes)
    room = min(config.scene_bytes, config.total_bytes - await run_in_threadpool(served.scenes.bytes_kept))
    if room <= 0:
        rule = f"all scenes together have at most {config.total_bytes:,} bytes"
        raise Refused(413, rule, "more", "Delete scenes that are no longer needed.")
    length = request.headers.get("content-length")
    expected = int(length) if length is not None else None
    size, digest = await receive(request.stream(), path, room, config.min_free_bytes, expected)
    about = {"filename": filename, "bytes": size, "sha256": digest}
    await run_in_threadpool(served.scenes.keep_file, found, role, about)
    served.audit.note(user.name, "file uploaded", scene, role=role, bytes=size)
    return Digest(bytes=size, sha256=digest)


@router.post("/{scene}/check")
def check_scene(scene: str, served: Served, user: Runner) -> SceneOut:
    """Read the files as a run would. What cannot be read is deleted, and the answer is the reader's sentence."""
    found = _waits_for_files(served, scene, user)
    if "cube" not in found.files:
        raise Refused(409, "a scene has a cube before it is checked", None, "PUT its files first.")
    preview = served.scenes.folder(scene) / PREVIEW
    try:
        about = look(found.settings, preview, served.config.scene_bytes)
    except UserError as error:
        served.scenes.forget_files(found)
        served.audit.note(user.name, "scene refused", scene)
        raise served.scenes.without_paths(error) from error
    served.scenes.keep_about(found, about)
    served.audit.note(user.name, "scene checked", scene)
    return scene_out(served.scenes.find(scene, user), user)


@router.get("/{scene}/preview.png", response_class=FileResponse)
def show_preview(scene: str, served: Served, user: Viewer) -> FileResponse:
    """False colours, at most 512 pixels wide and high."""
    found = served.scenes.ready(scene, user)
    folder = served.scenes.folder(scene)
    preview = folder / PREVIEW
    if not ((folder / ABOUT).is_file() and preview.is_file()):  # one of the operator's, seen for the first time
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            served.scenes.keep_about(found, look(found.settings, preview, served.config.scene_bytes))
        except UserError as error:
            raise served.scenes.without_paths(error) from error
    return FileResponse(preview, media_type="image/png")


def _waits_for_files(served: Service, scene: str, user: User) -> StoredScene:
    found = served.scenes.find(scene, user, to_change=True)
    if found.state != "uploading":
        raise Refused(409, "a scene that was checked keeps its files", found.name, "Make another scene.")
    return found


def scene_out(scene: StoredScene, user: User) -> SceneOut:
    """A scene as `user` is told of it."""
    return SceneOut.model_validate(
        {
            "id": scene.id,
            "name": scene.name,
            "owner": scene.owner,
            "mine": scene.owner == user.name,
            "shared": scene.shared,
            "source": scene.source,
            "state": scene.state,
            "created": scene.created,
            "options": scene.options,
            "files": scene.files,
            **scene.about,
        }
    )

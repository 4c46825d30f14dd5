"""What there is to know before a run: health, metrics, the API itself, families, settings, costs."""

from importlib import metadata
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from hsiauto.families import FAMILIES
from hsiauto.service import metrics
from hsiauto.service.access import Runner, Served, Viewer
from hsiauto.service.errors import Refused
from hsiauto.service.estimate import estimate
from hsiauto.service.models import Estimate, Family, Me, RunRequest, SettingOut
from hsiauto.service.requests import described

router = APIRouter(tags=["about"])


@router.get("/healthz")
def health(served: Served) -> dict[str, str]:
    """Whether the service works; needs no token."""
    if not served.queue.works:
        raise Refused(503, "the queue must work", "it has ended", "Start the service anew; its log says why.")
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
def tell_metrics(served: Served, user: Viewer) -> PlainTextResponse:
    """What an operator watches, as Prometheus reads it."""
    return PlainTextResponse(metrics.text(served), media_type=metrics.CONTENT_TYPE)


@router.get("/api/openapi.json", include_in_schema=False)
def openapi(request: Request, user: Viewer) -> JSONResponse:
    schema: dict[str, Any] = request.app.openapi()
    return JSONResponse(schema)


@router.get("/api/me")
def me(user: Viewer) -> Me:
    """Whose token was sent."""
    return Me(name=user.name, role=user.role, version=metadata.version("hsiauto"))


@router.get("/api/families")
def families(user: Viewer) -> list[Family]:
    """The architecture families."""
    return [
        Family(name=name, kind=config.kind, summary=config.source, hyperparameters=len(config.model_fields) - 1)
        for name, config in FAMILIES.items()
    ]


@router.get("/api/settings")
def settings(user: Viewer) -> list[SettingOut]:
    """The settings that a run may have, and those of an uploaded scene."""
    return [SettingOut(**one) for one in described()]


@router.post("/api/estimate")
def tell_costs(asked: RunRequest, user: Runner, served: Served) -> Estimate:
    """What each family's preset would cost on this machine, of as many as a minute suffices for."""
    return estimate(served.config.root, served.scenes.labelled(asked.scene, user), asked.config)

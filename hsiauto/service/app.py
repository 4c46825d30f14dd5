"""The application: routes, what holds for all of them, and the thread of the queue."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

import hsiauto.report.page as report_page
import hsiauto.service.page as service_page
from hsiauto.service.access import LoginNeeded
from hsiauto.service.core import Service
from hsiauto.service.errors import answer_errors
from hsiauto.service.guard import Guard
from hsiauto.service.models import Refusal
from hsiauto.service.page import routes as page
from hsiauto.service.routes import about, compare, login, results, runs, scenes

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal} for status in (400, 401, 403, 404, 409, 413, 422, 429, 507)
}
ROUTERS = (about.router, scenes.router, runs.router, results.router, compare.router, login.router, page.router)
_log = logging.getLogger("hsiauto.service")


def make_app(service: Service) -> ASGIApp:
    """The service as an ASGI application, which works its queue as long as it is served."""
    app = inner_app(service)

    def told(scope: Scope, status: int, seconds: float) -> None:
        """Of the route, not of the path: a path may hold the code of a login, and names."""
        route = getattr(scope.get("route"), "path", "none")
        service.counts.add(scope["method"], route, status, seconds)
        user = scope.get("state", {}).get("user", "")
        said = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "user": user,
        }
        _log.info("request", extra=said)

    return Guard(app, service.config.hosts, service.config.scene_bytes, told)


def inner_app(service: Service) -> FastAPI:
    """The application within the guard. No route tells of the API without a token: that of /api/openapi.json does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.queue.start()
        yield
        service.streams.closing = True
        service.queue.close()

    app = FastAPI(title="hsiauto", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.service = service
    answer_errors(app, ROUTERS)

    @app.exception_handler(LoginNeeded)
    def to_login(request: Request, error: LoginNeeded) -> RedirectResponse:
        return RedirectResponse("/login", 303)

    for router in ROUTERS:
        app.include_router(router, responses=_REFUSALS)
    for name, room in (("/static/report", report_page), ("/static", service_page)):
        app.mount(name, StaticFiles(directory=Path(str(room.__file__)).parent / "static"), name=name)
    return app

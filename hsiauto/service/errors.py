"""Refusals and their status: every answer of the API that is no success has the body of `UserError`."""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from hsiauto.errors import UserError, one_line, shown


class Refused(UserError):  # noqa: N818 - as in "the request is refused"
    """A request that is refused with `status`; a UserError without one is a 422."""

    def __init__(
        self,
        status: int,
        rule: str,
        received: object = None,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(rule, received, remedy)
        self.status, self.headers = status, headers


def not_found(what: str, name: str) -> Refused:
    """Also for what belongs to somebody else: that it exists is not told."""
    return Refused(404, f"there must be such a {what}", shown(name))


def error_body(rule: str, received: object = None, remedy: str = "") -> dict[str, dict[str, str]]:
    texts = {"rule": rule, "received": "" if received is None else received, "remedy": remedy}
    return {"error": {name: one_line(text, 2000) for name, text in texts.items()}}


def answer_errors(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Give every refusal, also those of the framework, its status and body."""

    @app.exception_handler(UserError)
    def refused(request: Request, error: UserError) -> JSONResponse:
        status = error.status if isinstance(error, Refused) else 422
        headers = dict(error.headers or {}) if isinstance(error, Refused) else None
        return JSONResponse(error_body(error.rule, error.received, error.remedy), status, headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse(error_body(f"{where}: {first['msg']}", shown(first.get("input"))), 422)

    @app.exception_handler(HTTPException)
    def other(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of the first route of this path alone
            headers["Allow"] = ", ".join(sorted(_methods(request.scope["path"], routers)))
        return JSONResponse(error_body(str(error.detail)), error.status_code, headers)


def _methods(path: str, routers: Iterable[APIRouter]) -> set[str]:
    routes = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}

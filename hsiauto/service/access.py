"""Who may call a route: dependencies of the routers. No decision looks at a path."""

from typing import Annotated

from fastapi import Depends, Request

from hsiauto.service.core import Service
from hsiauto.service.errors import Refused
from hsiauto.service.users import Role, User

COOKIE = "hsiauto"


def service(request: Request) -> Service:
    """The service that a request came to."""
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


Served = Annotated[Service, Depends(service)]


def from_same_site(request: Request) -> None:
    """Raises 403 for a request that another site's page sent: a browser would add this site's cookie."""
    fetched = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same = origin is not None and origin.partition("://")[2] == request.headers["host"]
    if fetched is not None:
        allowed = fetched in ("same-origin", "none") and (origin is None or same)
    else:
        allowed = same or (origin is None and request.method in ("GET", "HEAD"))
    if not allowed:
        received = f"Sec-Fetch-Site {fetched}, Origin {origin}"
        raise Refused(
            403, "a request with a cookie comes from the service's own page", received, "Send a Bearer token."
        )


def _who(request: Request, served: Service) -> User | None:
    """The user of a Bearer token, else of a cookie. Raises 401 for credentials that do not hold."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(COOKIE)
    if scheme:
        user = served.users.of_token(token.strip()) if scheme.lower() == "bearer" else None
    elif cookie is not None:
        from_same_site(request)
        user = served.users.of_session(cookie)
    else:
        return None
    if user is not None:
        request.state.user = user.name
        served.rate.take(user.name)
    return user


class Needs:
    """A dependency: the user, who has at least `role`. Raises 401 without one, 403 for a lower role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def __call__(self, request: Request, served: Served) -> User:
        user = _who(request, served)
        if user is None:
            remedy = "Send `Authorization: Bearer TOKEN`; `hsiauto serve token add` makes one."
            raise Refused(401, "the API takes a token", None, remedy, {"WWW-Authenticate": "Bearer"})
        if not user.may(self.role):
            raise Refused(403, f"this takes the role {self.role}", user.role, "Ask the operator for it.")
        return user


Viewer = Annotated[User, Depends(Needs("viewer"))]
Runner = Annotated[User, Depends(Needs("runner"))]


class LoginNeeded(Exception):  # noqa: N818 - as in "a login is needed"
    """A page was asked for without a session: the answer is the form of the login."""


def _page_user(request: Request, served: Served) -> User:
    user = _who(request, served)
    if user is None:
        raise LoginNeeded
    return user


PageUser = Annotated[User, Depends(_page_user)]
"""Of a page: without a session the answer is a redirect to the login."""

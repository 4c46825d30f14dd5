"""Login of browsers: a link that works once, or a token pasted into a form, for a cookie."""

from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from hsiauto.service.access import COOKIE, Served, from_same_site
from hsiauto.service.core import Service
from hsiauto.service.errors import Refused
from hsiauto.service.page.routes import login_page
from hsiauto.service.users import SESSION_S, User

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login_by_link(served: Served, code: str | None = None) -> Response:
    """With the code of a link: a session. Without one: the form."""
    if code is None:
        return login_page()
    user = served.users.of_code(code)
    if user is None:
        remedy = "Paste a token at /login, or start the service anew for another link."
        return login_page(Refused(401, "a link logs in once, within a minute of its making", None, remedy))
    return _with_session(served, user)


@router.post("/login", dependencies=[Depends(from_same_site)])
async def login_by_token(request: Request, served: Served) -> Response:
    """With the form's field `token`: a session."""
    fields = parse_qs((await request.body()).decode(errors="replace"))
    user = served.users.of_token(fields.get("token", [""])[0].strip())
    if user is None:
        return login_page(
            Refused(401, "a login takes a token that holds", None, "`hsiauto serve token add` makes one.")
        )
    return _with_session(served, user)


@router.post("/logout", dependencies=[Depends(from_same_site)])
def logout(request: Request, served: Served) -> Response:
    """End the session of the cookie."""
    served.users.close_session(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=served.config.secure)
    return answer


def _with_session(served: Service, user: User) -> Response:
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE,
        served.users.open_session(user),
        max_age=int(SESSION_S),
        path="/",
        httponly=True,
        samesite="strict",
        secure=served.config.secure,
    )
    served.audit.note(user.name, "login")
    return answer

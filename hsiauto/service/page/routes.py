"""The pages. They are frames without data: their modules ask the API for it, with the rights of the same cookie."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from hsiauto.errors import UserError
from hsiauto.service.access import PageUser

SCREENS = {
    "/": ("runs", "Runs"),
    "/runs/new": ("new-run", "New run"),
    "/scenes": ("scenes", "Scenes"),
    "/compare": ("compare", "Compare"),
}
"""Path -> its module in `static/`, and its name: what the navigation lists."""
_TEMPLATES = Environment(
    loader=PackageLoader("hsiauto.service.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def _screen(path: str) -> Callable[[PageUser], HTMLResponse]:
    module, title = SCREENS[path]

    def show(user: PageUser) -> HTMLResponse:
        return _html("screen.html", user=user, path=path, module=module, title=title, id="")

    return show


for _path in SCREENS:
    router.add_api_route(_path, _screen(_path))


@router.get("/runs/{run}")
def show_run(run: str, user: PageUser) -> HTMLResponse:
    """The page of a run; its module says so if there is none of this id."""
    return _html("screen.html", user=user, path="", module="run", title="Run", id=run)


def login_page(refused: UserError | None = None) -> HTMLResponse:
    """The form that takes a token; status 401, and the reason, if the last one was refused."""
    return _html("login.html", 401 if refused else 200, user=None, path="", title="Log in", refused=refused)


def _html(template: str, status: int = 200, **values: object) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(template).render(screens=SCREENS, **values), status)

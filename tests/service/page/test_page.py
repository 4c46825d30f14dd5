"""Pages need a session, hold no script of their own, and ask for nothing that is not served and shipped."""

import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from hsiauto.service.app import make_app
from hsiauto.service.config import ServiceConfig
from hsiauto.service.core import TOKEN, Service, opened
from hsiauto.service.page.routes import SCREENS

PAGE = Path(str(files("hsiauto.service.page")))
MODULES = sorted(PAGE.glob("static/*.js"))
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
RUN = "/runs/0123456789abcdef"
ADDRESSES = [*SCREENS, RUN, "/login"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with opened(ServiceConfig(root=tmp_path_factory.mktemp("service"))) as service:
        service.users.first(service.config.root / TOKEN)
        yield service


@pytest.fixture
def visitor(service: Service) -> TestClient:
    """A browser that nobody has logged in with."""
    return TestClient(make_app(service), base_url="http://localhost", headers=SAME_SITE, follow_redirects=False)


@pytest.fixture
def user(visitor: TestClient, service: Service) -> TestClient:
    """A browser of the first user."""
    token = (service.config.root / TOKEN).read_text().strip()
    assert visitor.post("/login", data={"token": token}).status_code == 303
    return visitor


@pytest.mark.parametrize("address", [*SCREENS, RUN])
def test_a_page_needs_a_session(visitor: TestClient, address: str) -> None:
    answer = visitor.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("address", SCREENS)
def test_a_screen_names_itself_and_loads_its_module(user: TestClient, address: str) -> None:
    module, title = SCREENS[address]
    html = user.get(address).text
    assert f"<h1>{title}</h1>" in html
    assert f'src="/static/{module}.js"' in html
    assert re.findall(r'href="([^"]*)" aria-current="page"', html) == [address]
    assert 'data-role="admin"' in html


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_stands_inline_and_every_address_is_served(user: TestClient, address: str) -> None:
    answer = user.get(address)
    html = answer.text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    addresses = set(re.findall(r'(?:href|src|action)="([^"#]+)"', html)) - {"/logout"}
    assert len(addresses) > 4
    for one in addresses:
        assert user.get(one).status_code == 200, one


def test_what_comes_in_an_address_stays_text(user: TestClient) -> None:
    assert "<img" not in user.get('/runs/"><img src=x>').text


def test_a_token_that_does_not_hold_brings_the_form_again(visitor: TestClient) -> None:
    answer = visitor.post("/login", data={"token": "<b>nobody"})
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert 'name="token"' in answer.text
    assert "nobody" not in answer.text
    assert visitor.get("/login?code=old").status_code == 401


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_what_is_served_and_makes_no_markup(user: TestClient, module: Path) -> None:
    script = module.read_text(encoding="utf-8")
    for name in re.findall(r'from "(.*?)"', script):
        assert user.get(f"/static/{name.removeprefix('./')}").status_code == 200, name
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)


def test_what_a_module_imports_is_exported() -> None:
    report = Path(str(files("hsiauto.report.page"))) / "static"
    for module in MODULES:
        for names, where in re.findall(r'import \{ (.*?) \} from "\./(.*?)"', module.read_text(encoding="utf-8")):
            source = report / where.removeprefix("report/") if where.startswith("report/") else module.parent / where
            exported = re.findall(
                r"^export (?:async )?(?:function|const|class) (\w+)", source.read_text(), re.MULTILINE
            )
            assert set(names.split(", ")) <= set(exported), (module.name, where)


def test_every_file_is_used_and_shipped() -> None:
    sources = [*PAGE.glob("templates/*"), *MODULES]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    screens = {f"{module}.js" for module, _ in SCREENS.values()} | {"run.js"}
    for path in PAGE.glob("static/*"):
        used = path.name in screens or f"./{path.name}" in text or f"/static/{path.name}" in text
        assert used, path.name
    pyproject = tomllib.loads((PAGE.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = pyproject["tool"]["setuptools"]["package-data"]["hsiauto.service.page"]
    for path in [*PAGE.rglob("*.html"), *PAGE.glob("static/*")]:
        assert any(fnmatch(path.relative_to(PAGE).as_posix(), glob) for glob in shipped), path.name

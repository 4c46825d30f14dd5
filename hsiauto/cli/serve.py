"""`hsiauto serve`: the search as a service, and its users' tokens. Needs the extra `serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from hsiauto.cli.console import output, say
from hsiauto.cli.options import Json, PathName, PortNumber, SomeRequests, SomeRuns
from hsiauto.cli.tables import Column, print_rows
from hsiauto.errors import UserError
from hsiauto.settings import count

if TYPE_CHECKING:
    from hsiauto.service.core import Users

_ABOUT = """The search as a service: an API and a page for people who share this machine.

Searches are processes of their own, which go on when the service ends; the next one finds them. A link that logs in \
once, within a minute, is printed; ROOT/token has the administrator's token."""
app = App(name="serve", help=_ABOUT, help_format="plaintext", version_flags=())
token = App(name="token", help="Tokens of users: add, list, revoke.", help_format="plaintext", version_flags=())
app.command(token)

_ADDRESS, _LIMITS = Group("Address", sort_key=1), Group("Limits", sort_key=2)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
Root = Annotated[PathName, Parameter(help="Folder of everything that the service keeps.")]
UserName = Annotated[str, Parameter(help="Name of the user.")]


@app.default
def serve(
    *,
    root: Root,
    scenes: Annotated[PathName | None, Parameter(help="Folder of scenes that every user may read.")] = None,
    address: Annotated[str | None, Parameter(help="Running Ray cluster that searches join. [default: none]")] = None,
    port: Annotated[PortNumber, Parameter(group=_ADDRESS, help="0: any that is free.")] = 8765,
    host: Annotated[str, Parameter(group=_ADDRESS, help="Address to listen at.")] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None,
        Parameter(group=_ADDRESS, negative="", help="Name under which it is called; may be given again."),
    ] = None,
    tls_cert: Annotated[PathName | None, Parameter(group=_ADDRESS, help="Certificate, for https.")] = None,
    tls_key: Annotated[PathName | None, Parameter(group=_ADDRESS, help="Key of the certificate.")] = None,
    behind_proxy: Annotated[
        bool, Parameter(group=_ADDRESS, negative="", show_default=False, help="A proxy before it speaks https.")
    ] = False,
    demo: Annotated[
        bool, Parameter(negative="", show_default=False, help="Ask for a search of the demo scene if there is no run.")
    ] = False,
    runs_at_once: Annotated[SomeRuns, Parameter(group=_LIMITS, help="Runs at a time.")] = 1,
    queue: Annotated[SomeRuns, Parameter(group=_LIMITS, help="Runs that may wait.")] = 50,
    max_scene: Annotated[str, Parameter(group=_LIMITS, help="Bytes of a file, and of a cube.")] = "4G",
    max_scenes: Annotated[str, Parameter(group=_LIMITS, help="Bytes of all uploaded scenes.")] = "50G",
    min_free: Annotated[str, Parameter(group=_LIMITS, help="Free bytes of disk below which nothing starts.")] = "2G",
    requests_per_minute: Annotated[SomeRequests, Parameter(group=_LIMITS, help="Of a user.")] = 1200,
) -> None:
    """Serve ROOT until Ctrl-C."""
    _check_address(host, allowed_host or [], tls_cert, tls_key, behind_proxy)
    _require_extra()
    from hsiauto.service.config import LOOPBACK_NAMES, ServiceConfig
    from hsiauto.service.run import serve as run

    secure = tls_cert is not None or behind_proxy
    config = ServiceConfig(
        root=root,
        scenes=scenes,
        address=address,
        hosts=(*LOOPBACK_NAMES, *(allowed_host or ())),
        secure=secure,
        runs_at_once=runs_at_once,
        queue=queue,
        scene_bytes=count(max_scene),
        total_bytes=count(max_scenes),
        min_free_bytes=count(min_free),
        requests_per_minute=requests_per_minute,
    )
    name = allowed_host[0] if allowed_host else "localhost"

    def ready(port: int, code: str) -> None:
        place = f"https://{name}" if behind_proxy else f"{'https' if secure else 'http'}://{name}:{port}"
        say(f"log in, once, within a minute: {place}/login?code={code}", output(), whole=True)
        say(f"the administrator's token is in {config.root / 'token'}", output(), whole=True)

    certificate = None if tls_cert is None or tls_key is None else (tls_cert, tls_key)
    run(config, host, port, certificate, ready, demo=demo)
    say("the service has ended; searches go on, and the next start finds them", output())


@token.command(help="Print a new user's token, which is told once.")
def add(
    name: UserName,
    /,
    *,
    root: Root,
    role: Annotated[str, Parameter(help="viewer, runner (uploads and runs) or admin (sees all).")] = "runner",
) -> None:
    say(_users(root).add(name, role), output(), whole=True)


@token.command(name="list", help="List users and their roles.")
def list_(*, root: Root, json: Json = False) -> None:
    rows = [tuple(row.values()) for row in _users(root).list()]
    print_rows([Column("name"), Column("role"), Column("created")], rows, as_json=json)


@token.command(help="End a user's token and sessions at once; what is theirs stays.")
def revoke(name: UserName, /, *, root: Root) -> None:
    _users(root).revoke(name)


def _users(root: Path) -> "Users":
    _require_extra()
    from hsiauto.service.config import ServiceConfig
    from hsiauto.service.core import users_of

    return users_of(ServiceConfig(root=root))


def _require_extra() -> None:
    try:
        import fastapi
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError("serve needs the extra `serve`", f"no {error.name}", "pip install 'hsiauto[serve]'") from error
    del fastapi


def _check_address(host: str, allowed: list[str], cert: Path | None, key: Path | None, behind_proxy: bool) -> None:
    """Raises UserError for an address that others reach without TLS, or without a name that they call it by."""
    if (cert is None) != (key is None):
        raise UserError("--tls-cert and --tls-key go together", "one of them", "Give both.")
    if host in _LOOPBACK:
        return
    if cert is None and not behind_proxy:
        remedy = "Give --tls-cert and --tls-key, or --behind-proxy if a proxy on this machine speaks https."
        raise UserError("an address that others reach needs TLS", f"--host {host}", remedy)
    if not allowed:
        remedy = "Give --allowed-host NAME, as browsers call it."
        raise UserError("an address that others reach needs a name", f"--host {host}", remedy)

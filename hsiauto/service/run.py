"""Serves a folder until it is told to end."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import uvicorn

from hsiauto.errors import UserError
from hsiauto.service.app import make_app
from hsiauto.service.audit import log_as_json
from hsiauto.service.config import ServiceConfig
from hsiauto.service.core import TOKEN, Service, opened
from hsiauto.service.users import ADMIN

_GRACE_S = 5
_DEMO_BUDGET = 16


def serve(
    config: ServiceConfig,
    host: str,
    port: int,
    certificate: tuple[Path, Path] | None,
    ready: Callable[[int, str], None],
    *,
    demo: bool = False,
) -> None:
    """Serve at `host` and `port` (0: any that is free) until a signal ends it.

    certificate: files of a TLS certificate and its key. ready: told the port and the code of a login link once the
    address is the service's. demo: ask for a search of the demo scene if there is no run.
    Raises UserError if the address cannot be had, or the certificate not be used.
    """
    with opened(config) as service:
        service.users.first(config.root / TOKEN)
        log_as_json()
        if demo:
            _ask_for_demo(service)
        cert, key = certificate or (None, None)
        settings = uvicorn.Config(
            make_app(service),
            host=host,
            port=port,
            ssl_certfile=cert,
            ssl_keyfile=key,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        try:
            settings.load()
        except (OSError, ssl.SSLError) as error:
            raise UserError("TLS needs a certificate and its key", f"{cert}, {key}: {error}", "Check both.") from error
        with _listening(host, port) as listening:
            ready(listening.getsockname()[1], service.users.link_code(ADMIN))
            with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended in order, and hands the signal on
                uvicorn.Server(settings).run(sockets=[listening])


def _ask_for_demo(service: Service) -> None:
    admin = service.users.named(ADMIN)
    assert admin is not None
    if not service.runs.list(admin, {}, "created", 1, 1)[1]:
        service.runs.search(admin, service.scenes.ready("demo", admin), None, {"budget": _DEMO_BUDGET}, None)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        received = f"{host}:{port}: {error.strerror}"
        raise UserError("the service needs its address", received, "Choose another port, or host.") from error

"""What holds for every request before a route is looked for: its Host, the size of its body, headers of the answer."""

import time
from collections.abc import Callable, Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hsiauto.errors import shown
from hsiauto.service.errors import error_body

_LARGEST_BODY = 2**20
"""Bytes of a request that uploads no file."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Told = Callable[[Scope, int, float], None]
"""Told of each answer: the request's scope, the status, seconds."""


def host_of(header: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = header.rpartition(":")
    return (name if colon and (port.isdecimal() or not port) else header).lower()


class Guard:
    """The outermost application."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], upload_bytes: int, told: Told) -> None:
        self._app, self._hosts, self._told = app, frozenset(host.lower() for host in hosts), told
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if refusal := self._why_refused(scope):
                await refusal(scope, receive, answer)
            else:
                await self._app(scope, self._counted(scope, receive), answer)
        finally:
            self._told(scope, status, time.monotonic() - began)

    def _why_refused(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or host_of(hosts[0]) not in self._hosts:
            received = shown(", ".join(hosts))
            remedy = "The operator names others with --allowed-host."
            return JSONResponse(
                error_body("the service answers under the names that it was given", received, remedy), 400
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._largest(scope):
            return JSONResponse(_too_large(self._largest(scope), length), 413, {"Connection": "close"})
        return None

    def _largest(self, scope: Scope) -> int:
        """Files are put; nothing else is."""
        return self._upload_bytes if scope["method"] == "PUT" else _LARGEST_BODY

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` that ends a body which grows too large: one in chunks has no length beforehand."""
        received, largest = 0, self._largest(scope)

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:
                raise HTTPException(413, _too_large(largest, f"more than {largest:,}")["error"]["rule"])
            return message

        return counted


def _too_large(largest: int, received: str) -> dict[str, dict[str, str]]:
    return error_body(f"a body has at most {largest:,} bytes", shown(received))

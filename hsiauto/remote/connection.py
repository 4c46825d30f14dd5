"""HTTP to a service, and whatever may come instead of an answer, as errors that a user can act on."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from hsiauto.errors import UserError
from hsiauto.files import check_json
from hsiauto.remote.logins import Login, is_this_machine

PATIENCE_S = 60.0
"""Without a byte. A stream of events has a heartbeat every 15 s."""
_LARGEST = 1 << 24
_TOKEN = 401


class Refused(UserError):  # noqa: N818 - as in "it was refused"
    """The service's own answer to a request that it does not take."""


class NotFound(Refused):
    """What was asked for is not there, or is somebody else's."""


class Unreachable(UserError):  # noqa: N818
    """Nobody answers, or the connection broke: later somebody may."""


_KINDS = {404: NotFound, **dict.fromkeys((429, 502, 503, 504), Unreachable)}
"""By status. The last three are a proxy's while the service starts again, the one before the service's to a crowd."""


class Answer:
    """The body of an answer, open. Raises Unreachable if it breaks off."""

    def __init__(self, response: HTTPResponse, broken: Callable[[BaseException], UserError]) -> None:
        self._response, self._broken = response, broken
        self.length = response.length or None
        """Bytes; None if they are not known before the end."""

    def read(self, size: int) -> bytes:
        """So many bytes; fewer only at the end."""
        with self._whole():
            piece = self._response.read(size)
            if len(piece) < size and self._response.length:  # what is missing
                raise IncompleteRead(piece, self._response.length)
        return piece

    def lines(self) -> Iterator[bytes]:
        """Line by line with their ends, as they come."""
        while line := self._line():
            yield line

    def json(self) -> dict[str, Any]:
        """The object that it is. Raises UserError for anything else."""
        content = self.read(_LARGEST + 1)
        found = json.loads(check_json(content, "an answer"))
        if not isinstance(found, dict):
            raise UserError("an answer is a JSON object", type(found).__name__)
        return found

    def _line(self) -> bytes:
        with self._whole():
            return self._response.readline(_LARGEST)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as error:
            raise self._broken(error) from error


class _NoRedirect(HTTPRedirectHandler):
    """Somebody else's address would get the token."""

    def redirect_request(self, *_: Any) -> None: ...


class Connection:
    """Requests below /api/ of a service, each with the token of `login`."""

    def __init__(self, login: Login) -> None:
        self.address = login.address
        self._token = login.token
        handlers = [_NoRedirect(), HTTPSHandler(context=ssl.create_default_context())]
        direct = [ProxyHandler({})] if is_this_machine(login.address) else []
        self._opener = build_opener(*handlers, *direct)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = PATIENCE_S,
        query: Mapping[str, Any] | None = None,
    ) -> Iterator[Answer]:
        """The answer. Raises Refused, Unreachable, or UserError if no service of hsiauto answers."""
        url = f"{self.address}/api/{quote(path)}" + (f"?{urlencode(query)}" if query else "")
        request = Request(url, body, {"Authorization": f"Bearer {self._token}", **(headers or {})}, method=method)
        try:
            response: HTTPResponse = self._opener.open(request, timeout=timeout_s)
        except HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        with response:
            yield Answer(response, self._unreachable)

    def json(self, method: str, path: str, *sent: Any, **how: Any) -> dict[str, Any]:
        """The object that is answered. Arguments as those of `open`."""
        with self.open(method, path, *sent, **how) as answer:
            try:
                return answer.json()
            except Unreachable:
                raise
            except UserError as error:
                raise self._no_service(error.received) from error

    def _refusal(self, error: HTTPError) -> UserError:
        status, kind = error.code, _KINDS.get(error.code, Refused)
        if status == _TOKEN:
            remedy = f"Ask the operator for one, then `hsiauto remote login {self.address}`."
            return Refused("the service knows your token", f"one that {self.address} does not know", remedy)
        try:
            said = json.loads(check_json(error.read(_LARGEST + 1), "an answer"))["error"]
            return kind(str(said["rule"]), said["received"] or None, str(said["remedy"]))
        except (OSError, HTTPException, UserError, LookupError, TypeError):
            what = f"{status} {error.reason}"
        if kind is Unreachable:
            return Unreachable("the service answers", f"{what} from {self.address}", "Try again in a minute.")
        return self._no_service(what)

    def _no_service(self, what: object) -> UserError:
        return UserError("an hsiauto service answers there", f"{self.address}: {what}", "Check the address.")

    def _unreachable(self, error: BaseException) -> UserError:
        cause = getattr(error, "reason", error)
        what = f"{self.address}: {cause or type(cause).__name__}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            remedy = "The variable SSL_CERT_FILE names a file with the authority of an own certificate."
            return UserError("a service shows a certificate that this machine trusts", what, remedy)
        return Unreachable("an hsiauto service answers there", what, "Check the address, and whether it runs.")

"""Logins: the addresses and tokens of services, in a file that only its user may read."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from hsiauto.errors import UserError, refusal, shown
from hsiauto.files import atomic_path, read_json, writing

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Login:
    """A service, and the token by which it knows its user."""

    address: str
    token: str


class _Logins(BaseModel):
    """The file: {address: token}, the latest login last."""

    model_config = ConfigDict(extra="forbid")

    tokens: dict[str, str] = {}


def service_address(text: str) -> str:
    """`https://HOST[:PORT][/PREFIX]` without a slash at its end; `http` only to this machine, as through a tunnel.

    Raises UserError for anything else: a token is sent to no one who could read it on the way.
    """
    example = "For example https://hsi.example.org, or http://127.0.0.1:8765 on its own machine."
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UserError("a service has an address", f"{shown(text)}: {error}", example) from error
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise UserError("a service has an address of the form https://HOST:PORT", shown(text), example)
    if parts.scheme == "http" and not is_this_machine(text):
        remedy = "Use https, or forward its port: ssh -L 8765:127.0.0.1:8765 HOST."
        raise UserError("a token is sent over TLS, or to this machine", shown(text), remedy)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_this_machine(address: str) -> bool:
    """Whether what is sent to `address` never leaves this machine."""
    return urlsplit(address.strip()).hostname in _THIS_MACHINE


def save_login(login: Login) -> Path:
    """Remember `login`, as the latest; the file. Raises UserError if it cannot be written."""
    path = _file()
    tokens = {address: token for address, token in _read(path).tokens.items() if address != login.address}
    with writing(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.chmod(0o600)  # before anything is in it
        temporary.write_text(_Logins(tokens={**tokens, login.address: login.token}).model_dump_json(), "utf-8")
    return path


def read_login(address: str | None = None) -> Login:
    """The login of `address`; None: the latest. Raises UserError if there is none, or others may read the file."""
    tokens = _read(_file()).tokens
    wanted = service_address(address) if address else next(reversed(tokens), "")
    if wanted not in tokens:
        received = wanted or "no login"
        raise UserError("a service is used after a login", received, f"hsiauto remote login {wanted or 'ADDRESS'}")
    return Login(wanted, tokens[wanted])


def _file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base) / "hsiauto" / "logins.json"


def _read(path: Path) -> _Logins:
    if not path.exists():
        return _Logins()
    if mode := path.stat().st_mode & 0o077:
        rule = f"only you may read {path}, which holds tokens"
        raise UserError(rule, f"mode {0o600 | mode:o}", f"chmod 600 {path}; if others use this machine, log in anew.")
    try:
        return _Logins.model_validate_json(read_json(path))
    except ValidationError as error:
        raise refusal(error, f"{path}: ", "Remove it, and log in again.") from error

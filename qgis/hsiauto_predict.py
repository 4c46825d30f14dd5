"""A script of QGIS's Processing toolbox: classify a raster with a run of an hsiauto service, and load the map.

Toolbox > Scripts > Add Script to Toolbox. It needs neither hsiauto nor anything else beside QGIS. The functions talk to
the service with the standard library; the algorithm below them is there where QGIS is.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

try:
    from qgis import core
except ImportError:  # outside QGIS, as in the tests: the functions alone
    core = None

ENDED = ("succeeded", "stopped", "failed")
ENVI_DATA = ("", ".img", ".dat", ".bil", ".bip", ".bsq", ".raw", ".bin", ".cube")
PATIENCE_S = 60
READING_S = 900
POLL_S = 2
CHUNK = 1 << 20


class ServiceError(Exception):
    """Why the service did not do it, in one line."""


class _NoRedirect(HTTPRedirectHandler):
    """Another address would get the token."""

    def redirect_request(self, *_: Any) -> None:
        return


class Service:
    """An hsiauto service, as the owner of a token."""

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address.strip().rstrip("/"))
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and here):
            raise ServiceError(f"a service has an address https://HOST, or http://127.0.0.1:PORT: {address}")
        self.address, self._token = parts.geturl(), token
        handlers = [_NoRedirect(), HTTPSHandler(context=ssl.create_default_context())]
        self._opener = build_opener(*handlers, *([ProxyHandler({})] if here else []))

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}, timeout: float = PATIENCE_S
    ) -> Iterator[Any]:
        """The answer to a request. Raises ServiceError with the service's own words if it refuses."""
        request = Request(f"{self.address}/api/{path}", body, dict(headers), method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                yield answer
        except HTTPError as error:
            raise ServiceError(_said(error)) from error
        except (OSError, HTTPException) as error:
            raise ServiceError(f"{self.address}: {getattr(error, 'reason', error)}") from error

    def json(self, method: str, path: str, fields: Any = None, timeout: float = PATIENCE_S) -> Any:
        """The JSON object that is answered."""
        body = None if fields is None else json.dumps(fields).encode()
        with self.open(method, path, body, {"Content-Type": "application/json"}, timeout) as answer:
            try:
                return json.loads(answer.read() or b"{}")
            except ValueError as error:
                raise ServiceError(f"no hsiauto service answers at {self.address}") from error


def _said(error: HTTPError) -> str:
    """What a refusal says: rule, what came instead, remedy."""
    with error:
        try:
            told = json.loads(error.read())["error"]
            return ". ".join(str(told[part]) for part in ("rule", "received", "remedy") if told[part])
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            return f"{error.url}: {error.code} {error.reason}"


def token_of(address: str, file: Path | None = None) -> str:
    """The token that `hsiauto remote login` has kept for an address."""
    file = file or Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hsiauto" / "logins.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return json.loads(file.read_text(encoding="utf-8"))["tokens"][address.strip().rstrip("/")]
    raise ServiceError(f"there is no login at {address}: hsiauto remote login {address}, or choose an authentication")


def files_of(raster: str | Path) -> dict[str, Path]:
    """{role: file} of a raster: a GeoTIFF, or ENVI's data with its header."""
    raster = Path(raster)
    if not raster.is_file() or raster.suffix.lower() == ".vrt":
        raise ServiceError(f"a raster that is uploaded is one file of this machine: {raster}")
    beside = [stem.with_name(stem.name + ".hdr") for stem in (raster.with_suffix(""), raster)]
    headers = [file for file in beside if file.is_file()] if raster.suffix.lower() in ENVI_DATA else []
    return {"cube": raster, **({"header": headers[0]} if headers else {})}


def upload(service: Service, raster: str | Path, progress: Callable[[float], None]) -> str:
    """Upload a raster; the id of the scene that the service read it as. progress: told the share that is sent."""
    files = files_of(raster)
    size, sent = sum(file.stat().st_size for file in files.values()), 0
    scene = service.json("POST", "scenes", {"name": files["cube"].name, "options": {}})["id"]
    try:
        for role, file in files.items():
            with file.open("rb") as content:
                body = _Sent(content, sent, size, progress)
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
                with service.open("PUT", f"scenes/{scene}/files/{role}?filename={quote(file.name)}", body, headers):
                    sent += file.stat().st_size
        service.json("POST", f"scenes/{scene}/check", {}, READING_S)
    except BaseException:
        forget(service, scene)
        raise
    return scene


class _Sent:
    """A file as it is sent, whose progress is told."""

    def __init__(self, file: IO[bytes], before: int, size: int, progress: Callable[[float], None]) -> None:
        self._file, self._before, self._size, self._progress = file, before, size, progress

    def read(self, _: int = -1) -> bytes:
        piece = self._file.read(CHUNK)
        self._progress((self._before + self._file.tell()) / max(self._size, 1))
        return piece


def forget(service: Service, scene: str) -> None:
    """Delete an uploaded scene; one that a run still reads stays."""
    with contextlib.suppress(ServiceError):
        service.json("DELETE", f"scenes/{scene}")


@contextlib.contextmanager
def scene_of(service: Service, scene: str, raster: str, progress: Callable[[float], None]) -> Iterator[str]:
    """The id of a scene of the service, or of a raster that is there within, uploaded."""
    if bool(scene) is bool(raster):
        raise ServiceError("give a raster, or a scene of the service")
    if scene:
        yield scene
        return
    uploaded = upload(service, raster, progress)
    try:
        yield uploaded
    finally:
        forget(service, uploaded)


def predict(
    service: Service,
    run: str,
    scene: str,
    cancelled: Callable[[], bool],
    told: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:
    """Let a run's model classify a scene; the prediction, a run too, after its end. It is stopped if `cancelled`."""
    job = service.json("POST", f"runs/{quote(run, safe='')}/predict", {"scene": scene})
    state = ""
    while job["state"] not in ENDED:
        if job["state"] != state:
            told(f"prediction {job['id']}: {job['state']}")
        state = job["state"]
        if cancelled():
            service.json("POST", f"runs/{job['id']}/stop", {})
            raise ServiceError(f"the prediction {job['id']} was stopped")
        sleep(POLL_S)
        job = service.json("GET", f"runs/{job['id']}")
    if job["state"] != "succeeded":
        raise ServiceError(f"the prediction {job['id']} {job['state']}: {job.get('reason') or 'no reason is known'}")
    return job


def download(service: Service, job: Mapping[str, Any], to: str | Path) -> None:
    """Write the map of a prediction into the file `to`, and the names of its classes beside it."""
    to = Path(to)
    if to.suffix.lower() not in (".tif", ".tiff"):
        raise ServiceError(f"a map is a GeoTIFF, .tif: {to}")
    for name, path in (("map.tif", to), ("map.tif.aux.xml", to.with_name(to.name + ".aux.xml"))):
        if name not in job["artifacts"]:
            continue
        with service.open("GET", f"runs/{job['id']}/artifacts/{name}") as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file, CHUNK)
            if int(answer.headers.get("Content-Length") or file.tell()) != file.tell():
                raise ServiceError(f"{name} broke off: run it again")


if core is not None:

    class HsiautoPredict(core.QgsProcessingAlgorithm):
        """Raster in, class map out. The names of its methods are QGIS's."""

        def createInstance(self) -> HsiautoPredict:
            return HsiautoPredict()

        def name(self) -> str:
            return "hsiautopredict"

        def displayName(self) -> str:
            return "Classify with a run of hsiauto"

        def group(self) -> str:
            return "hsiauto"

        def groupId(self) -> str:
            return "hsiauto"

        def shortHelpString(self) -> str:
            return (
                "Uploads a raster to an hsiauto service, lets the model of a finished run classify it there, and loads "
                "the map. The token is the password of the authentication (method Basic), or that of "
                "`hsiauto remote login`. The uploaded raster is deleted afterwards."
            )

        def initAlgorithm(self, configuration: Any = None) -> None:
            address = core.QgsProcessingParameterString("SERVICE", "Address of the service", "http://127.0.0.1:8765")
            login = core.QgsProcessingParameterAuthConfig(
                "LOGIN", "Authentication: its password is the token", "", True
            )
            run = core.QgsProcessingParameterString("RUN", "Id of the run, as the page shows it")
            raster = core.QgsProcessingParameterRasterLayer("INPUT", "Raster with the model's bands", None, True)
            scene = core.QgsProcessingParameterString("SCENE", "Or the id of a scene of the service", "", False, True)
            output = core.QgsProcessingParameterRasterDestination("OUTPUT", "Class map")
            for parameter in (address, login, run, raster, scene, output):
                self.addParameter(parameter)

        def processAlgorithm(self, parameters: Any, context: Any, feedback: Any) -> dict[str, str]:
            address, login, run, scene = (
                self.parameterAsString(parameters, name, context).strip()
                for name in ("SERVICE", "LOGIN", "RUN", "SCENE")
            )
            raster = self.parameterAsRasterLayer(parameters, "INPUT", context)
            output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)

            def sent(share: float) -> None:
                feedback.setProgress(50 * share)
                if feedback.isCanceled():
                    raise ServiceError("the upload was stopped")

            try:
                service = Service(address, _password(login) if login else token_of(address))
                with scene_of(service, scene, raster.source() if raster else "", sent) as found:
                    job = predict(service, run, found, feedback.isCanceled, feedback.pushInfo)
                    download(service, job, output)
            except ServiceError as error:
                raise core.QgsProcessingException(str(error)) from error
            return {"OUTPUT": output}

    def _password(login: str) -> str:
        """The password of one of QGIS's authentications, by its id."""
        found = core.QgsAuthMethodConfig()
        core.QgsApplication.authManager().loadAuthenticationConfig(login, found, True)
        return found.config("password")

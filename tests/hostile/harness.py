"""Runs cases: a folder of the same name for each, one fork that makes its files, one that runs it, then the verdict."""

import ctypes
import hashlib
import os
import pkgutil
import resource
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.hostile import template
from tests.hostile.case import Case
from tests.hostile.child import MEMORY, NOBODY, forked, run_command
from tests.hostile.verdict import Ran, faults

WALL_SECONDS = 40
_HASHED = 32 << 20
_SUBREAPER = 36


@dataclass(frozen=True)
class Result:
    """What became of a case. `left_out`: why it cannot be run on this checkout; empty: it was."""

    case: Case
    faults: tuple[str, ...] = ()
    left_out: str = ""
    said: str = ""
    seconds: float = 0.0


def results(cases: Iterable[Case], made: Path | None = None) -> Iterator[Result]:
    """Run each case. made: the template of another checkout, first in `sys.path`; what it lacks is left out."""
    import_everything()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)  # what a case leaves running becomes a child of this process
    with tempfile.TemporaryDirectory(prefix="hostile-") as root, _listener():
        place = Path(root).resolve()
        place.chmod(0o755)
        folder = place / "case"
        folder.mkdir()
        if made is None:
            assert _wait(forked(lambda: template.make(folder)))[0] == 0, "the template could not be made"
        else:
            shutil.copytree(made, folder, dirs_exist_ok=True)
        folder.rename(place / "template")
        for case in cases:
            yield _result(case, place, made is not None)


def import_everything() -> None:
    """Import what commands import when they run, so that each fork has it. No thread may be at work in this process."""
    import torch

    import hsiauto

    torch.set_num_threads(1)
    "".encode("cp437")  # of zip files, whose codec another user may not be able to import
    for name in ("h5py", "rasterio", "scipy.io", "skops.io", "pyarrow.parquet", "matplotlib.font_manager"):
        import_module(name)  # the last one starts a process when it is imported first
    for found in pkgutil.walk_packages(hsiauto.__path__, "hsiauto."):
        if not found.name.endswith("__main__"):
            with suppress(ModuleNotFoundError):  # of what another checkout could do without
                import_module(found.name)


def _result(case: Case, place: Path, other: bool) -> Result:
    folder, told, scratch = place / "case", place / "told", place / "scratch"
    for path in (folder, told, scratch):
        _remove(path)
    shutil.copytree(place / "template", folder, symlinks=True)
    told.mkdir()
    scratch.mkdir()
    os.environ["HOSTILE_PORT"] = str(_listener.port)
    if other and any(name in case.argv and not (folder / name).exists() for name in ("bundle", "net", "run")):
        return Result(case, left_out="the template does not have what it changes")
    if why := _made(case, folder, told):
        return Result(case, left_out=why) if other else Result(case, (f"its files cannot be made: {why}",))
    if case.unprivileged and os.getuid() == 0:
        for path in (folder, told, scratch, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    before, began = _state(folder), time.monotonic()
    child = forked(lambda: run_command(case.argv, folder, told, case.unprivileged))
    status, peak, left = _wait(child)
    seconds = time.monotonic() - began
    ran = Ran(
        code=status,
        out=(told / "stdout").read_bytes() if (told / "stdout").exists() else b"",
        err=(told / "stderr").read_bytes() if (told / "stderr").exists() else b"",
        forbidden=(told / "forbidden").read_text() if (told / "forbidden").exists() else "",
        before=before,
        after=_state(folder),
        scratch=tuple(_state(scratch)),
        processes=left,
        asked=_listener.asked(),
        above=max(0, peak - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) > MEMORY,
    )
    said = ran.err.decode(errors="replace") or ran.out.decode(errors="replace")
    if other and ran.code == 2 and any(w in said for w in ("No such option", "nknown option", "no setting")):
        return Result(case, left_out="an option that this checkout does not have", said=said)
    return Result(case, tuple(faults(case, ran, folder)), "", said, seconds)


def _made(case: Case, folder: Path, told: Path) -> str:
    """Make the files of a case in a fork, so that no library remembers them here; why that failed, or nothing."""
    make = case.make
    if make is None:
        return ""

    def work() -> None:
        os.chdir(folder)
        os.dup2(os.open(told / "made", os.O_WRONLY | os.O_CREAT), 2)
        make(folder)

    if _wait(forked(work))[0] == 0:
        return ""
    lines = (told / "made").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "killed"


def _wait(child: int) -> tuple[int, int, int]:
    """(exit code, or minus the signal; peak of memory in KiB; processes that were left)."""
    end = time.monotonic() + WALL_SECONDS
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.005)
    left = 0
    for task in Path("/proc/self/task").iterdir():
        for orphan in (task / "children").read_text().split():
            os.kill(int(orphan), signal.SIGKILL)
            os.waitpid(int(orphan), 0)
            left += 1
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss, left


def _state(folder: Path) -> dict[str, str]:
    """{path: what is there}, of everything in `folder`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name, about = str(path.relative_to(folder)), path.lstat()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            with path.open("rb") as file:
                found[name] = f"{about.st_size} {hashlib.sha256(file.read(_HASHED)).hexdigest()}"
        else:
            found[name] = str(about.st_mode)
    return found


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


class _Listener:
    """A server of nothing on this machine: whoever connects has used the network."""

    port = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as self._server:
            self._server.setblocking(False)
            self.port = self._server.getsockname()[1]
            yield

    def asked(self) -> int:
        """Connections since the last call."""
        count = 0
        while True:
            try:
                self._server.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


_listener = _Listener()

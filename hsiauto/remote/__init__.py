"""A service from outside: scenes are uploaded, runs started and followed over HTTP, with the standard library alone."""

from hsiauto.remote.connection import Refused, Unreachable
from hsiauto.remote.following import follow
from hsiauto.remote.logins import Login, read_login, save_login, service_address
from hsiauto.remote.runs import BOARD, exit_code, fetch_files, run_id, start_run
from hsiauto.remote.scenes import find_scene, left_behind, size_of, upload_scene
from hsiauto.remote.service import Service

__all__ = [
    "BOARD",
    "Login",
    "Refused",
    "Service",
    "Unreachable",
    "exit_code",
    "fetch_files",
    "find_scene",
    "follow",
    "left_behind",
    "read_login",
    "run_id",
    "save_login",
    "service_address",
    "size_of",
    "start_run",
    "upload_scene",
]

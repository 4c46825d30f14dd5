"""Which software made a result."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from hsiauto.families.registry import outside_packages

PACKAGES = ("hsiauto", "torch", "ray", "optuna", "numpy", "scipy", "scikit-learn", "pyarrow")


def versions() -> dict[str, str]:
    """Version of Python and of each package that can change a number."""
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, *outside_packages()):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # run from a source tree that was never installed
            found[package] = "not installed"
    return found


def git_commit() -> str | None:
    """Commit of the checkout that hsiauto runs from, `+changes` where files differ; None outside a checkout."""
    here = Path(__file__).resolve().parents[1]
    try:
        top = _git(here, "rev-parse", "--show-toplevel")
        if Path(top) != here.parent:
            return None  # installed into an environment that happens to lie in somebody's repository
        commit = _git(here, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return answer.stdout.strip()

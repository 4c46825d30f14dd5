"""A search that has ended, and the pool that trains what comes after it."""

from pathlib import Path

import pytest

from hsiauto.refit import Work
from tests.refit.fabricated import Pool, by_family, scene, searched, work


@pytest.fixture
def pool() -> Pool:
    return Pool(scene(), fresh=by_family)


@pytest.fixture
def after_search(tmp_path: Path, pool: Pool) -> Work:
    made = work(tmp_path, pool)
    searched(made.journal)
    return made

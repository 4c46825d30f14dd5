from collections.abc import Iterator

import pytest

from hsiauto.search.cluster import start_ray, stop_ray
from hsiauto.search.resources import Resources


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray for all tests that need it."""
    start_ray(Resources(concurrency=2, cpus_per_trial=1, gpus_per_trial=0))
    yield
    stop_ray()

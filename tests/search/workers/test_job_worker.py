import math

import numpy as np

from hsiauto.families.forest import ForestConfig
from hsiauto.models.fitted import fit_classical
from hsiauto.search.workers.job_worker import JobWorker
from hsiauto.search.workers.jobs import Job
from hsiauto.training.trial import Trial
from tests.search import fakes


def test_a_job_tells_probabilities_where_it_is_asked_to() -> None:
    data, config, pixels = fakes.tiny_data(), ForestConfig(n_trees=10), np.array([2, 3, 7])
    job = Job("key", config, "split", seed=0, max_epochs=1, probabilities_at=pixels)
    result = JobWorker("cpu", 1, 1, Trial)._trained(job, data, math.inf, {})
    expected = fit_classical(config, data, seed=0).probabilities(data.cube, data.valid, pixels)
    assert result.predicted is None
    assert result.probabilities is not None
    assert result.probabilities.dtype == np.float16
    np.testing.assert_array_equal(result.probabilities, expected.astype(np.float16))

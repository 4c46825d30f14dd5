from benchmarks.where import Busy, Phase


def test_the_seconds_of_each_worker_add_up_to_the_phase() -> None:
    jobs = [Busy(4.0, 10.0, trained=5.0), Busy(6.0, 7.0, trained=1.0), Busy(9.0, 16.0, trained=4.0)]
    phase = Phase.of("refits", 2.0, 20.0, jobs, workers=2)
    assert (phase.wall, phase.starting, phase.training) == (18.0, 3.0, 5.0)
    assert (phase.beside, phase.between, phase.idle) == (2.0, 1.0, 7.0)


def test_a_worker_without_a_job_is_idle() -> None:
    phase = Phase.of("re-evaluation", 0.0, 8.0, [Busy(1.0, 8.0, trained=7.0)], workers=2)
    assert (phase.starting, phase.training, phase.between, phase.idle) == (0.5, 3.5, 0.0, 4.0)

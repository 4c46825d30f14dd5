"""Which configs are recorded: a fixed sequence, whatever is recorded of it and in how many pieces."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optuna import create_study
from optuna.samplers import RandomSampler

from hsiauto.families import FAMILIES, config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.search.samplers import quiet_optuna, seed_for
from hsiauto.space import Space
from hsiauto.space.scene_size import SceneSize, fit_preset


@dataclass(frozen=True)
class Candidate:
    """A config under a name that is the same in every run: `<family>/<preset>` or `<family>/<number of the draw>`."""

    name: str
    config: FamilyConfig


def candidates(space: Space, size: SceneSize, families: Sequence[str], each: int, seed: int) -> Iterator[Candidate]:
    """`each` of every family, in turn: its presets first, then random draws. A config that came before is left out.

    A draw depends on seed, family and its own number alone, so a larger `each` only adds.
    """
    given: set[str] = set()
    streams = {family: _of(space, size, family, seed) for family in families}
    for _ in range(each):
        for stream in streams.values():
            candidate = next(stream)
            if candidate.config.hash() not in given:
                given.add(candidate.config.hash())
                yield candidate


def _of(space: Space, size: SceneSize, family: str, seed: int) -> Iterator[Candidate]:
    """Without end."""
    yield Candidate(f"{family}/paper", space.preset(family))
    for name, fields in FAMILIES[family].presets.items():
        if name != "paper":
            yield Candidate(f"{family}/{name}", fit_preset(config_from({**fields, "family": family}), size))
    for number in itertools.count(1):
        yield Candidate(f"{family}/{number}", _draw(space, family, seed, number))


def _draw(space: Space, family: str, seed: int, number: int) -> FamilyConfig:
    with quiet_optuna():
        run_config = create_study(sampler=RandomSampler(seed=seed_for(seed, family, number)))
        return space.suggest(run_config.ask(), family)

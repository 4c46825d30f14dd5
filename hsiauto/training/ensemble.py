"""The members of an ensemble, trained one after the other as one training.

Every member has the seed of the ensemble: it is the model that a training of it alone with that seed would be, whatever
else is a member. Memory holds one training at a time, beside the models of the members before.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hsiauto.families.base import FamilyConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.smoothing import guide_for
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Report, Trial, validated


class EnsembleTrial:
    """A `Trial` of an ensemble, without a folder. A step trains one epoch of the member whose turn it is.

    Epochs count anew with each member; the last report is the ensemble's own.
    """

    def __init__(
        self,
        config: EnsembleConfig,
        data: TrialData,
        trial_type: Callable[..., Any] = Trial,
        *,
        max_epochs: int,
        go_on_from: Fitted | None = None,
        **options: Any,
    ) -> None:
        """`options`: the other arguments of `Trial`, for every member."""
        self.config, self.data, self.max_epochs = config, data, max_epochs
        self._trial_type, self._options = trial_type, options
        self._go_on_from = go_on_from.members if isinstance(go_on_from, EnsembleFitted) else ()
        self._trial: Any = None
        self._members: list[Fitted] = []
        self._reports: list[Report] = []
        """The last one of each member."""
        self.curves: list[list[Report]] = []
        """The reports of each member that was begun, as a training of it alone would have them."""
        self._fitted: EnsembleFitted | None = None

    @property
    def done(self) -> bool:
        return len(self._members) == len(self.config.parts)

    def step(self) -> Report:
        """Train one epoch, or a classical member in one go. Raises as `Trial.step` does."""
        assert not self.done, "the ensemble has all its members"
        if self._trial is None:
            self._trial = self._next()
        report: Report = self._trial.step()
        self.curves[-1].append(report)
        if self._trial.done:
            self._members.append(self._trial.fitted())
            self._reports.append(report)
            self._trial = None
            return self._whole() if self.done else self._counted_on(report, self._reports[:-1])
        return self._counted_on(report, self._reports)

    def fitted(self) -> EnsembleFitted:
        """The ensemble. All members must be trained."""
        assert self._fitted is not None, "step until done"
        return self._fitted

    def _next(self) -> Any:
        """The trial of the next member."""
        i = len(self._members)
        start = {"go_on_from": self._go_on_from[i]} if self._go_on_from else {}
        member = self.config.parts[i]
        self.curves.append([])
        return self._trial_type(member, self.data, max_epochs=self.max_epochs, **self._options, **start)

    def _counted_on(self, report: Report, before: list[Report]) -> Report:
        """`report` of a member, with what the members before it took."""
        return replace(
            report,
            fit_seconds=report.fit_seconds + sum(one.fit_seconds for one in before),
            peak_memory_bytes=max(one.peak_memory_bytes for one in (report, *before)),
        )

    def _whole(self) -> Report:
        """The report of the ensemble."""
        started = time.perf_counter()
        guide = guide_for(self.config, self.data.cube, self.data.pixels_of("training"))
        self._fitted = EnsembleFitted(self.config, tuple(self._members), guide)
        loss, scores = validated(self._fitted, self.data)
        oa, aa, kappa = (scores.oa, scores.aa, scores.kappa) if scores is not None else (math.nan,) * 3
        seconds = time.perf_counter() - started + sum(one.fit_seconds for one in self._reports)
        return Report(
            epoch=self.max_epochs,
            train_loss=math.nan,
            val_loss=loss,
            val_oa=oa,
            val_aa=aa,
            val_kappa=kappa,
            fit_seconds=seconds,
            peak_memory_bytes=max(one.peak_memory_bytes for one in self._reports),
            micro_batch=min((one.micro_batch for one in self._reports if one.micro_batch), default=None),
        )


def begun(config: FamilyConfig, data: TrialData, trial_type: Callable[..., Any] = Trial, **options: Any) -> Any:
    """A training of `config`, whatever its kind. `options`: the other arguments of `trial_type`, that of one model."""
    if isinstance(config, EnsembleConfig):
        return EnsembleTrial(config, data, trial_type, **options)
    return trial_type(config, data, **options)

"""After the search: re-evaluate the best, rank them for good, retrain them, open the seal once per retraining."""

from hsiauto.refit.candidates import candidates
from hsiauto.refit.ranking import Ranking, rank
from hsiauto.refit.reevaluate import final_order, reevaluate
from hsiauto.refit.run import MODEL_FOLDER, RUNNERS_UP, ranked, refit, refit_config, refit_on_split
from hsiauto.refit.work import RunJobs, Work

__all__ = [
    "MODEL_FOLDER",
    "RUNNERS_UP",
    "Ranking",
    "RunJobs",
    "Work",
    "candidates",
    "final_order",
    "rank",
    "ranked",
    "reevaluate",
    "refit",
    "refit_config",
    "refit_on_split",
]

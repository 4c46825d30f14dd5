"""After the search: re-evaluate the best, rank them for good, retrain them, open the seal once per retraining."""

from hsiauto.refit.candidates import Candidate, choose
from hsiauto.refit.ranking import Ranking, rank
from hsiauto.refit.reevaluate import final_order, reevaluate
from hsiauto.refit.run import MODEL_FOLDER, ranked_configs, refit, refit_config, refit_on_split
from hsiauto.refit.work import RunJobs, Work

__all__ = [
    "MODEL_FOLDER",
    "Candidate",
    "Ranking",
    "RunJobs",
    "Work",
    "choose",
    "final_order",
    "rank",
    "ranked_configs",
    "reevaluate",
    "refit",
    "refit_config",
    "refit_on_split",
]

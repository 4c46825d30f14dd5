"""A study, whole: what the command line and a notebook call."""

from hsiauto.runs.opened import Result
from hsiauto.runs.predict import predict
from hsiauto.runs.run import refit_other_split, resume, search, train

__all__ = ["Result", "predict", "refit_other_split", "resume", "search", "train"]

"""A study, whole: what the command line and a notebook call."""

from hsiauto.study.opened import Result
from hsiauto.study.predict import predict
from hsiauto.study.run import refit_other_split, resume, search, train

__all__ = ["Result", "predict", "refit_other_split", "resume", "search", "train"]

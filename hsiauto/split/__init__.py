"""Division of the labelled pixels into train, validation and test."""

from hsiauto.split.auto import Choice
from hsiauto.split.make import choose, folds, make_split, settled
from hsiauto.split.model import Pixels, Split, SplitSpec
from hsiauto.split.overlap import Overlap, overlap
from hsiauto.split.storage import load_split, save_split

__all__ = [
    "Choice",
    "Overlap",
    "Pixels",
    "Split",
    "SplitSpec",
    "choose",
    "folds",
    "load_split",
    "make_split",
    "overlap",
    "save_split",
    "settled",
]

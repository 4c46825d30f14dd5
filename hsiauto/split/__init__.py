"""Division of the labelled pixels into train, validation and test."""

from hsiauto.split.make import make_split, revalidate
from hsiauto.split.model import Pixels, Split, SplitSpec
from hsiauto.split.overlap import Overlap, overlap
from hsiauto.split.storage import load_split, save_split

__all__ = ["Overlap", "Pixels", "Split", "SplitSpec", "load_split", "make_split", "overlap", "revalidate", "save_split"]

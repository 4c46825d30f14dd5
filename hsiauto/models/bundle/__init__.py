"""A trained model as a folder. Nothing in it can execute code when it is loaded, and all of it is checked.

config.json                  format, family config, number of bands and classes
weights.safetensors          torch families
model.skops                  scikit-learn families; beyond skops' own list only scikit-learn's trees are trusted
preprocessing.safetensors    fitted on training pixels
members/<i>/                 ensembles: these files of each member; the ensemble's own are its config and its guide
provenance.json              exported bundles: the origin of the model, and what its bands and classes are
README.md                    exported bundles: the model card
applicability.safetensors    exported bundles: training pixels' features, which a scene is compared with
manifest.json                the sha256 of each of these files
"""

from hsiauto.models.bundle.content import CARD, MANIFEST, PREPROCESSING
from hsiauto.models.bundle.load import load_bundle, load_model
from hsiauto.models.bundle.provenance import Bundle, Provenance
from hsiauto.models.bundle.readme import readme
from hsiauto.models.bundle.save import model_files, remove, save_bundle, save_files, save_model

__all__ = [
    "CARD",
    "MANIFEST",
    "PREPROCESSING",
    "Bundle",
    "Provenance",
    "load_bundle",
    "load_model",
    "model_files",
    "readme",
    "remove",
    "save_bundle",
    "save_files",
    "save_model",
]

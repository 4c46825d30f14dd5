"""A tiny fabricated scene: three classes in stripes, noisy spectra, some pixels without data."""

import numpy as np
import numpy.typing as npt
import torch

from hsiauto.families.base import ClassicalConfig
from hsiauto.families.boosting import BoostingConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.lda import LdaConfig
from hsiauto.families.logistic import LogisticConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.classical import fit_classical
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import guide_for
from hsiauto.split.seal import TrialData

NONE = np.array([], np.int64)

CLASSICAL: dict[str, ClassicalConfig] = {
    "svm": SvmConfig(C=10.0),
    "lda": LdaConfig(),
    "logistic": LogisticConfig(),
    "boosting": BoostingConfig(rounds=2, min_samples_leaf=5),
    "svm_multiscale": SvmConfig(features="multiscale", components=4, sigma=1.3),
    "forest": ForestConfig(n_trees=7),
    "forest_multiscale": ForestConfig(features="multiscale", components=4, sigma=1.3, n_trees=7),
}
KINDS = (*CLASSICAL, "cnn2d", "ensemble")
MEMBERS = ("cnn2d", "forest_multiscale", "svm")
"""Kinds in the ensemble, as its config orders them."""


def labels(height: int = 29, width: int = 17) -> npt.NDArray[np.int64]:
    """(H, W), 0-based: stripes four rows high."""
    return np.broadcast_to((np.arange(height)[:, None] // 4) % 3, (height, width)).copy()


def small_data(n_train: int = 90, seed: int = 0, noise: float = 0.6) -> TrialData:
    rng = np.random.default_rng(seed)
    truth = labels()
    spectra = rng.normal(size=(3, 10))
    cube = (spectra[truth] + noise * rng.normal(size=(*truth.shape, 10))).astype(np.float32)
    valid = np.ones(truth.shape, bool)
    valid[3:6, 5:9] = False
    valid[20] = False
    cube[~valid] = np.nan
    train = np.sort(rng.choice(np.flatnonzero(valid), n_train, replace=False))
    return TrialData(cube, valid, 3, train, truth.ravel()[train], NONE, NONE)


def fitted(kind: str, data: TrialData) -> Fitted:
    """A small trained model; the network has random weights, large enough for its input to decide."""
    if kind in CLASSICAL:
        return fit_classical(CLASSICAL[kind], data, seed=0)
    if kind == "ensemble":
        return _ensemble(tuple(fitted(member, data) for member in MEMBERS), data)
    config = Cnn2dConfig(components=4, width=8, depth=2, patch=7)
    projection = Projection.fit(data.cube, data.train_pixels, 4, True)
    torch.manual_seed(0)
    module = config.build(projection.n_channels, data.n_classes)
    for weights in module.parameters():
        if weights.ndim > 1:
            torch.nn.init.kaiming_normal_(weights)
    return TorchFitted(config, projection, module, data.cube.shape[2], data.n_classes)


def _ensemble(members: tuple[Fitted, ...], data: TrialData) -> Fitted:
    """The last member counts twice."""
    configs = tuple(member.config for member in members)
    config = EnsembleConfig(members=(*configs, configs[-1]), smoothing="guided", smoothing_radius=1)
    return EnsembleFitted(config, members, guide_for(config, data.cube, data.train_pixels))

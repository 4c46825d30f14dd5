"""Where a whole scene is classified."""

import torch

from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.torch import TorchFitted


def on_fastest_device(fitted: Fitted) -> Fitted:
    """`fitted`, a network on the GPU where there is one."""
    if isinstance(fitted, TorchFitted) and torch.cuda.is_available():
        return fitted.to("cuda")
    return fitted

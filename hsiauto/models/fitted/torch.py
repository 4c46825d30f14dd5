"""TorchFitted: a trained module with the preprocessing that it was trained behind."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hsiauto.families.base import TorchConfig
from hsiauto.models.batches import batches_for
from hsiauto.models.memory import kept_memory
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import smooth
from hsiauto.split.model import Pixels


class TorchFitted:
    """A trained torch family. See `Fitted`. Predicts on the device that `module` is on."""

    def __init__(
        self,
        config: TorchConfig,
        projection: Projection,
        module: nn.Module,
        n_bands: int,
        n_classes: int,
        guide: Projection | None = None,
    ) -> None:
        """`guide`: that of `hsiauto.models.smoothing`, if the config asks for the guided filter."""
        self.config, self.projection, self.n_bands, self.n_classes = config, projection, n_bands, n_classes
        self.guide = guide
        self.module = channels_last(module).eval().requires_grad_(False)

    @classmethod
    def from_parts(
        cls,
        config: TorchConfig,
        projection: Projection,
        state_dict: Mapping[str, torch.Tensor],
        n_bands: int,
        n_classes: int,
        guide: Projection | None = None,
    ) -> "TorchFitted":
        """The inverse of (config, projection, weights(), guide), on the CPU. The caller's random state stays."""
        with torch.random.fork_rng(devices=[]):
            module = config.build(projection.n_channels, n_classes)
        module.load_state_dict(dict(state_dict))
        return cls(config, projection, module, n_bands, n_classes, guide)

    @property
    def support(self) -> int:
        return self.config.support

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    def to(self, device: torch.device | str) -> "TorchFitted":
        """Moves the module; returns self."""
        self.module.to(device)
        return self

    def weights(self) -> dict[str, torch.Tensor]:
        """The module's state on the CPU, contiguous: what safetensors stores."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.module.state_dict().items()}

    @torch.no_grad()
    @kept_memory()
    def probabilities(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """Class probabilities (N, n_classes) at `pixels`. Projects the cube (H, W, C) once. Patches are padded at its
        borders and tiles are laid from its first row: who cuts a scene into strips reads `config.rows_read`.

        Raises UserError if the cube has other bands than the training scene, or is smaller than a patch.
        """
        projected = self.projection.project_scene(cube, valid)
        if len(pixels) == 0:
            return np.empty((0, self.n_classes), np.float32)
        device = self.device
        batches = batches_for(self.config, torch.from_numpy(projected).to(device))

        def of_module(some: Pixels) -> npt.NDArray[np.float32]:
            with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                logits_NK = batches.logits(self.module, torch.from_numpy(np.array(some)).to(device))
            probabilities: npt.NDArray[np.float32] = logits_NK.softmax(1).cpu().numpy()
            return probabilities

        return smooth(self.config, self.guide, of_module, cube, valid, pixels)


def channels_last(module: nn.Module) -> nn.Module:
    """Weights of 2-D convolutions in channels-last memory, as the patches are; others keep their layout."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
    return module

"""The costs of a config before it trains: counted on torch's meta device, which has shapes and no memory."""

import weakref
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from hsiauto.families.base import FamilyConfig, PatchConfig, PixelConfig, TileConfig, TorchConfig

FORWARD_AND_BACKWARD = 3
"""Multiply-adds of a training step for each of a prediction: backward is a product for the inputs and one for the
weights."""
ADAM_MOMENTS = 2
"""Numbers that Adam and AdamW keep for each parameter."""
_BATCH_NORM_NEEDS = 2
"""Samples, to take statistics in training; the trainer freezes it for a step of one."""


def parameters(config: FamilyConfig, n_bands: int, n_classes: int) -> int | None:
    """Trainable parameters, those of an ensemble's networks together; None without a network. `n_bands` counts the
    bands of the scene."""
    networks = _networks(config)
    modules = (_on_meta(network, n_bands, n_classes) for network in networks)
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad) if networks else None


def macs(config: FamilyConfig, n_bands: int, n_classes: int) -> int | None:
    """Multiply-adds of one prediction (forward, one labelled pixel): matrix products, convolutions and attention, as
    torch's counter sees them. A tile's are divided by its pixels; those of an ensemble's networks are added up. None
    without a network.
    """
    networks = _networks(config)
    return sum(_macs(network, n_bands, n_classes) for network in networks) if networks else None


def _networks(config: FamilyConfig) -> list[TorchConfig]:
    return [part for part in config.parts if isinstance(part, TorchConfig)]


def _macs(config: TorchConfig, n_bands: int, n_classes: int) -> int:
    module, n_channels = _on_meta(config, n_bands, n_classes).eval().requires_grad_(False), _channels(config, n_bands)
    shape, n_pixels = _input_shape(config, n_channels)
    with _Products() as products, torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.LSTM | nn.GRU) and not part.proj_size:
                part.forward = partial(products.recurrence, part)  # type: ignore[method-assign]
        module(torch.empty(shape, device="meta"))
    return products.flops // 2 // n_pixels


def training_bytes(config: FamilyConfig, n_bands: int, n_classes: int, n_samples: int | None = None) -> int | None:
    """Memory of a training at its peak, in bytes: weights, gradients, the optimiser's moments, and what a step in
    float32 holds at once, the scene left out. None for a classical family.

    `n_samples`: pixels, patches or tiles a step; by default the batch, for a tile family one tile. Operators are
    followed one by one; what a kernel takes and returns within one (a convolution's workspace) is not seen. If the
    family's own loss needs values and not only shapes, plain cross-entropy stands in for it.
    """
    if not isinstance(config, TorchConfig):
        return None
    module, n_channels = _on_meta(config, n_bands, n_classes), _channels(config, n_bands)
    kept = sum(_bytes(t) for t in (*module.parameters(), *module.buffers()))
    moments = ADAM_MOMENTS * sum(_bytes(p) for p in module.parameters() if p.requires_grad)
    samples = n_samples or (1 if isinstance(config, TileConfig) else max(_BATCH_NORM_NEEDS, config.batch_size))
    shape = (samples, *_input_shape(config, n_channels)[0][1:])
    x = torch.empty(shape, device="meta")
    y = torch.zeros((samples, *(shape[2:] if isinstance(config, TileConfig) else ())), dtype=torch.long, device="meta")
    return kept + moments + _bytes(x) + _bytes(y) + _peak_of_a_step(module.train(), x, y)


def _peak_of_a_step(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    """Bytes that forward and backward hold at once beyond weights and input; gradients of the weights included."""
    criterion = nn.CrossEntropyLoss()
    training_loss = getattr(module, "training_loss", None)
    if training_loss is not None:
        try:
            with _LiveStorages() as own:
                training_loss(x, y, criterion).backward()
            return own.peak_bytes
        except NotImplementedError:  # torch's word for an operator whose output's shape depends on values
            module.zero_grad()
    with _LiveStorages() as plain:
        criterion(module(x), y).backward()
    return plain.peak_bytes


_aten = torch.ops.aten
_ACTIVATIONS = {_aten.gelu.default, _aten.silu.default, _aten._softmax.default}
_NORMS = {_aten.native_batch_norm.default, _aten.native_layer_norm.default}
"""Without products, in the shape of what they are given: on the meta device they are Python that takes milliseconds."""


class _Products(TorchDispatchMode):
    """Adds up matrix products, convolutions and attention by torch's formulas, two for each multiply-add. torch's own
    `FlopCounterMode` follows modules and takes every other operator apart as well: a search asks for each config.
    Recurrences, which are thousands of operators on the meta device, are counted without them."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _ACTIVATIONS or func in _NORMS:
            out, statistics = torch.empty_like(args[0]), args[0].new_empty(0)
            return (out, statistics, statistics) if func in _NORMS else out
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.flops += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out

    def recurrence(self, part: nn.LSTM | nn.GRU, x: torch.Tensor, state: Any = None) -> Any:
        """What `part` gives for a batch of sequences: its matrices act once on each of their elements."""
        B, T, _ = x.shape if part.batch_first else x.transpose(0, 1).shape
        weights = [weight for name, weight in part.named_parameters() if name.startswith("weight")]
        self.flops += 2 * B * T * sum(weight.numel() for weight in weights)
        n_directions = 2 if part.bidirectional else 1
        out = x.new_empty(*x.shape[:2], n_directions * part.hidden_size)
        last = x.new_empty(n_directions * part.num_layers, B, part.hidden_size)
        return out, (last, last) if isinstance(part, nn.LSTM) else last


class _LiveStorages(TorchDispatchMode):
    """Counts the bytes of the storages that operators made within this context and that are still in use."""

    def __init__(self) -> None:
        super().__init__()
        self.peak_bytes = 0
        self._live: dict[int, int] = {}
        self._now_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_storage(t)._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and _storage(tensor)._cdata not in given:
                self._add(_storage(tensor))
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._live:
            return
        self._live[key] = storage.nbytes()
        self._now_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self._now_bytes)
        weakref.finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self._now_bytes -= self._live.pop(key)


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _channels(config: TorchConfig, n_bands: int) -> int:
    """Channels that the module sees of a scene with `n_bands`."""
    return config.components or n_bands


def _on_meta(config: TorchConfig, n_bands: int, n_classes: int) -> nn.Module:
    with torch.device("meta"):
        return config.build(_channels(config, n_bands), n_classes)


def _input_shape(config: TorchConfig, n_channels: int) -> tuple[tuple[int, ...], int]:
    """(shape of one sample, number of predictions that it gives)."""
    if isinstance(config, PixelConfig):
        return (1, n_channels), 1
    if isinstance(config, PatchConfig):
        return (1, n_channels, config.patch, config.patch), 1
    assert isinstance(config, TileConfig), f"unknown input of {type(config).__name__}"
    return (1, n_channels, config.tile, config.tile), config.tile**2

"""Layers that several families share and torch does not have."""

from hsiauto.layers.encoder_block import EncoderBlock
from hsiauto.layers.state_space import StateSpace

__all__ = ["EncoderBlock", "StateSpace"]

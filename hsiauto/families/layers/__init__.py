"""Layers that several families share and torch does not have."""

from hsiauto.families.layers.encoder_block import EncoderBlock
from hsiauto.families.layers.state_space import StateSpace

__all__ = ["EncoderBlock", "StateSpace"]

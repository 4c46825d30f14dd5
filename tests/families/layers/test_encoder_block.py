"""The encoder block is torch's pre-norm layer; what torch's cannot say, `scale` and a wider head, acts."""

import torch
from torch import Tensor, nn

from hsiauto.families.layers import EncoderBlock


def reference(block: EncoderBlock, width: int, heads: int, hidden: int) -> nn.TransformerEncoderLayer:
    """torch's layer with the weights of `block`."""
    layer = nn.TransformerEncoderLayer(width, heads, hidden, 0.0, "gelu", batch_first=True, norm_first=True)
    names = {
        "norm_attention": "norm1",
        "norm_mlp": "norm2",
        "qkv": "self_attn.in_proj_",
        "out": "self_attn.out_proj",
        "up": "linear1",
        "down": "linear2",
    }
    state: dict[str, Tensor] = {}
    for name, value in block.state_dict().items():
        part, kind = name.split(".")
        state[names[part] + kind if part == "qkv" else f"{names[part]}.{kind}"] = value
    layer.load_state_dict(state)
    return layer


def test_it_is_the_pre_norm_layer_of_torch() -> None:
    torch.manual_seed(0)
    block, x = EncoderBlock(12, 3, 20), torch.randn(2, 5, 12)
    torch.testing.assert_close(block(x), reference(block, 12, 3, 20)(x))


def test_the_scale_multiplies_scores() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 12)
    block, other = EncoderBlock(12, 3, 20), EncoderBlock(12, 3, 20, scale=4**-0.5)
    other.load_state_dict(block.state_dict())
    assert torch.equal(other(x), block(x)), "4 is the width of a head"
    other.scale = 12**-0.5
    assert not torch.allclose(other(x), block(x))


def test_more_heads_than_features_are_one_wide() -> None:
    assert EncoderBlock(4, 6, 8)(torch.randn(2, 5, 4)).shape == (2, 5, 4)


def test_both_dropouts_act_in_training_alone() -> None:
    x = torch.randn(2, 5, 12)
    for rates in ({"dropout": 0.5}, {"mlp_dropout": 0.5}):
        block = EncoderBlock(12, 3, 20, **rates)
        assert not torch.equal(block(x), block(x))
        block.eval()
        assert torch.equal(block(x), block(x))

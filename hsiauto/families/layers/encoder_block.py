"""Encoder layer of a transformer, pre-norm; Xiong et al., ICML 2020, arXiv 2002.04745.

Shapes: B batch, T tokens, D width, h heads, d = max(1, D // h) head width.

    x <- x + dropout(out(attention(norm_attention(x))))
    x <- x + dropout(down(mlp_dropout(gelu(up(norm_mlp(x))))))
"""

from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, scaled_dot_product_attention


class EncoderBlock(nn.Module):
    """Self-attention, then an MLP `hidden` wide, each with its residual. (B, T, D) -> (B, T, D).

    `dropout` acts at the end of both branches, `mlp_dropout` between the layers of the MLP. Attention scores are
    multiplied by `scale`; None: d ** -0.5.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        dropout: float = 0.0,
        *,
        mlp_dropout: float = 0.0,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.head_width = heads, max(1, width // heads)
        self.dropout, self.mlp_dropout, self.scale = dropout, mlp_dropout, scale
        inner = self.heads * self.head_width
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        parts = self.qkv(self.norm_attention(x_BTD)).unflatten(2, (3, self.heads, self.head_width))
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # (B, h, T, d) each
        attended_BTI = scaled_dot_product_attention(q, k, v, scale=self.scale).transpose(1, 2).flatten(2)
        x_BTD = x_BTD + dropout(self.out(attended_BTI), self.dropout, self.training)
        hidden = dropout(gelu(self.up(self.norm_mlp(x_BTD))), self.mlp_dropout, self.training)
        return x_BTD + dropout(self.down(hidden), self.dropout, self.training)

"""The encoder layer of `cpdgal` and `vit`, whose heads are 4 features wide, and attention made for such heads.

The layer is that of `hsiauto.families.layers.encoder_block`, without dropout, with features before tokens in the
attention: its products add up in another order. It also gives its attention weights.

Shapes: B batch, N tokens, D width, h heads, d = max(1, D // h) head width.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention


class Block(nn.Module):
    """Pre-norm encoder layer: self-attention, MLP. (B, N, D) -> (B, N, D)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, max(1, width // heads)
        inner = self.heads * self.head_width
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x_BND: Tensor) -> Tensor:
        q, k, v = self._heads(self.qkv(self.norm_attention(x_BND)))
        x_BND = x_BND + self.out(attend(q, k, v).flatten(1, 2).transpose(1, 2))
        return x_BND + self.down(gelu(self.up(self.norm_mlp(x_BND))))

    def attention_map(self, x_BND: Tensor) -> Tensor:
        """Attention weights averaged over heads, (B, N, N); rows sum to 1. Neither values nor MLP are computed."""
        rows = 2 * self.heads * self.head_width
        q, k = self._heads(linear(self.norm_attention(x_BND), self.qkv.weight[:rows], self.qkv.bias[:rows]))
        scores_BhNN = (q * self.head_width**-0.5).mT @ k
        return scores_BhNN.softmax(dim=-1).mean(dim=1)

    def _heads(self, projected: Tensor) -> tuple[Tensor, ...]:
        """(B, N, parts * h * d) -> parts of shape (B, h, d, N), each contiguous."""
        B, N, _ = projected.shape
        parts = projected.transpose(1, 2).reshape(B, -1, self.heads, self.head_width, N)
        return parts.transpose(0, 1).contiguous().unbind(0)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q^T k / sqrt(d)) applied to v; all (B, h, d, N).

    Heads here are 4 numbers wide. On a CPU the fused kernels, made for 64, then spend their time on overhead: with few
    tokens the plain products in the layouts of `NarrowAttention` take half as long.
    """
    narrow = q.shape[-2] <= 8 and q.shape[-1] <= 64
    if narrow and q.device.type == "cpu" and q.dtype == torch.float32:
        return NarrowAttention.apply(q * q.shape[-2] ** -0.5, k, v)
    q, k, v = (part.mT for part in (q, k, v))
    return scaled_dot_product_attention(q, k, v).mT


class NarrowAttention(torch.autograd.Function):
    """Attention whose every product, backward too, runs along N: channels first, where autograd would pick N x d.

    q is scaled already. In place if it can be: fresh memory costs more here than arithmetic.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights_BhNN = q.mT @ k
        torch.softmax(weights_BhNN, dim=-1, out=weights_BhNN)
        out = v @ weights_BhNN.mT
        ctx.save_for_backward(q, k, v, out, weights_BhNN)
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, out, weights_BhNN = ctx.saved_tensors
        grad_scores = grad_out.mT @ v
        grad_scores.sub_((grad_out * out).sum(dim=-2)[..., None]).mul_(weights_BhNN)
        return k @ grad_scores.mT, q @ grad_scores, grad_out @ weights_BhNN

"""The spectral encoder of `claresnet`: recurrences and latent attention over the components of a patch.

Shapes: B batch, C components (the tokens), D width, h heads of width max(1, D // h), n latents, m = ceil(C / s) tokens
at scale s.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

LATENTS_PER_DOUBLING, LATENTS_FROM = 16, 16
"""Latents grow with log2 of the components, from this many components on."""

Recurrence = Literal["both", "lstm", "gru", "none"]


def latents(components: int, least: int, most: int) -> int:
    """n = clamp(int(16 log2(max(C, 16) / 16)), least, most)."""
    return min(max(latents_wanted(components), least), most)


def latents_wanted(components: int) -> int:
    """n before it is clamped; 30 components give 14, 103 give 42, 200 give 58."""
    return int(LATENTS_PER_DOUBLING * math.log2(max(components, LATENTS_FROM) / LATENTS_FROM))


class EncoderLayer(nn.Module):
    """Post-norm: BiLSTM, then BiGRU, each with its residual; attention; FFN. (B, C, D) -> (B, C, D).

    `attention` maps (B, C, D) to (B, C, D) and adds the positions.
    """

    FFN_RATIO = 4

    def __init__(self, width: int, recurrence: Recurrence, attention: nn.Module, dropout: float) -> None:
        super().__init__()
        self.recurrences = nn.ModuleList()
        for name, kind in (("lstm", nn.LSTM), ("gru", nn.GRU)):
            if recurrence in ("both", name):
                self.recurrences.append(kind(width, width // 2, batch_first=True, bidirectional=True))
        self.attention = attention
        self.attention_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ffn = nn.Sequential(*feed_forward(width, self.FFN_RATIO * width, dropout))

    def forward(self, x_BCD: Tensor) -> Tensor:
        h_BCD = x_BCD
        for recurrence in self.recurrences:
            h_BCD = h_BCD + recurrence(h_BCD)[0]
        x_BCD = self.attention_norm(x_BCD + self.attention(h_BCD))
        encoded: Tensor = self.ffn_norm(x_BCD + self.ffn(x_BCD))
        return encoded


class LatentAttention(nn.Module):
    """MSLA: at several scales, latents read the tokens and the tokens read the latents. (B, C, D) -> (B, C, D).

    Its cost grows with C n, that of full self-attention with C squared. The pool holds `most_latents` rows, as
    published; the first n are used.
    """

    def __init__(
        self, components: int, width: int, heads: int, scales: int, pool: int, n_latents: int, dropout: float
    ) -> None:
        super().__init__()
        self.n_latents = n_latents
        self.positions = Positions(components, width)
        self.pool_LD = nn.Parameter(torch.empty(pool, width).normal_(std=0.02))
        self.scales = nn.ModuleList(ScaleAttention(2**i, width, heads, dropout) for i in range(scales))
        self.fuse = nn.Sequential(
            nn.Linear(scales * width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(self, x_BCD: Tensor) -> Tensor:
        x_BCD = x_BCD + self.positions()
        latents_nD = self.pool_LD[: self.n_latents]
        fused_BCD = self.fuse(torch.cat([scale(x_BCD, latents_nD) for scale in self.scales], dim=-1))
        attended: Tensor = self.norm(self.dropout(fused_BCD) + x_BCD)
        return attended


class ScaleAttention(nn.Module):
    """One scale of MSLA: every `stride`-th token. (B, C, D), latents (n, D) -> (B, C, D)."""

    FFN_RATIO = 2

    def __init__(self, stride: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.stride = stride
        self.read, self.mix, self.write = (Attention(width, heads, dropout) for _ in range(3))
        self.read_norm, self.mix_norm, self.write_norm = (nn.LayerNorm(width) for _ in range(3))
        self.ffn = nn.Sequential(*feed_forward(width, self.FFN_RATIO * width, dropout), nn.Dropout(dropout))

    def forward(self, x_BCD: Tensor, latents_nD: Tensor) -> Tensor:
        tokens_BmD = x_BCD[:, :: self.stride]
        z_BnD = self.read_norm(latents_nD + self.read(latents_nD[None], tokens_BmD))
        z_BnD = self.mix_norm(z_BnD + self.mix(z_BnD, z_BnD))
        z_BnD = z_BnD + self.ffn(z_BnD)
        tokens_BmD = self.write_norm(tokens_BmD + self.write(tokens_BmD, z_BnD))
        if self.stride == 1:
            return tokens_BmD
        return interpolate(tokens_BmD.mT, size=x_BCD.shape[1], mode="linear", align_corners=False).mT


class FullAttention(nn.Module):
    """Self-attention over all components, in the place of MSLA. (B, C, D) -> (B, C, D)."""

    def __init__(self, components: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.positions = Positions(components, width)
        self.attention = Attention(width, heads, dropout)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(self, x_BCD: Tensor) -> Tensor:
        x_BCD = x_BCD + self.positions()
        attended: Tensor = self.norm(self.dropout(self.attention(x_BCD, x_BCD)) + x_BCD)
        return attended


class Attention(nn.Module):
    """Multi-head attention. Queries (B, M, D), or (1, M, D) shared by all samples; memory (B, N, D) -> (B, M, D).

    `dropout` is that of the attention weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_width, self.dropout = heads, max(1, width // heads), dropout
        inner = self.heads * self.head_width
        self.query, self.key_value = nn.Linear(width, inner), nn.Linear(width, 2 * inner)
        self.out = nn.Linear(inner, width)

    def forward(self, queries_BMD: Tensor, memory_BND: Tensor) -> Tensor:
        split = (self.heads, self.head_width)
        q_BhMd = self.query(queries_BMD).unflatten(-1, split).transpose(1, 2)
        kv = self.key_value(memory_BND).unflatten(-1, (2, *split))
        k_BhNd, v_BhNd = kv.permute(2, 0, 3, 1, 4).unbind(0)
        q_BhMd = q_BhMd.expand(memory_BND.shape[0], -1, -1, -1)
        dropout = self.dropout if self.training else 0.0
        attended = scaled_dot_product_attention(q_BhMd, k_BhNd, v_BhNd, dropout_p=dropout)
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out

    def start_as_torch(self) -> None:
        """First weights of q, k and v as `nn.MultiheadAttention` draws its joint matrix: Xavier-uniform over
        (3 h d, D), which is no `nn.Linear` there."""
        inner, width = self.query.weight.shape
        bound = (6 / (3 * inner + width)) ** 0.5
        for projection in (self.query, self.key_value):
            nn.init.uniform_(projection.weight, -bound, bound)


class Positions(nn.Module):
    """Half of the width a fixed sinusoid, half a learned table of exactly C rows. -> (C, D)."""

    def __init__(self, components: int, width: int) -> None:
        super().__init__()
        half = width // 2
        self.register_buffer("fixed_CF", sinusoid(components, half), persistent=False)
        self.learned_CF = nn.Parameter(torch.empty(components, width - half).normal_(std=0.02))

    def forward(self) -> Tensor:
        return torch.cat([self.get_buffer("fixed_CF"), self.learned_CF], dim=1)


def sinusoid(rows: int, width: int) -> Tensor:
    """(rows, width): sines in even columns, cosines in odd ones (arXiv 1706.03762, section 3.5)."""
    frequency = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(rows)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]


def feed_forward(width: int, hidden: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width)

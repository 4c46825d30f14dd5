"""cpdgal: a small vision transformer whose training refines and masks its tokens; vit: the same transformer alone.

Source: context-aware masking and diffusion-guided feature refinement with active learning for hyperspectral images,
ICCV workshops 2025. Its active learning is a labelling strategy, not a layer, and so not here. The encoder's layer:
`cpdgal_encoder`.

Shapes: B batch, C channels, P patch side, s sub-patch side, N tokens = ceil(P / s) ** 2, D width, h heads,
d = max(1, D // h) head width, T diffusion steps.

    paper        here                                  where
    Z            tokens_BND                            sub-patch embedding + positions
    T            diffusion_steps                       DGFR (diffusion-guided feature refinement)
    a_t          Refinement.keep_logit_T               Z_t = a_t Z + (1 - a_t) eps
    phi(t / T)   Refinement.timestep                   added to Z_t
    F            Refinement.denoiser                   D(Z_t) = Z_t + F(Z_t)
    l_t          share_B11 = t / T                     Z_final = l_t D(Z_t) + (1 - l_t) Z
    abar         Block.attention_map                   attention of layer 1 on Z_final, mean over heads
    I            importance_BN                         I_i = mean_j abar_ji
    alpha        ContextMask.scale                     gamma = sigmoid(alpha mean_i max_j abar_ij)
    beta         beta                                  M = sigmoid(beta (gamma - I))
    M            mask_BN                               Z_m = (1 - M) Z_final + M mask_token
    CS           VISIBLE_WEIGHT, HIDDEN_WEIGHT         CW-MSE: mean_i CS_i ||Z_i - encoded Z_m,i||^2
    lambda       cw_mse_weight                         loss = cross-entropy + lambda CW-MSE

Refinement and dynamic masking act in evaluation too: the equations never stop them, and the published 5.17 M
multiply-adds are those of an inference pass with the denoiser. There t = T / 2, nothing is noised (a_t = 1, eps = 0).
Static masking hides tokens in training alone. As printed, I is near 1 / N for every token, so M hardly selects and acts
as a constant blend with the mask token: that is `importance="paper"`; "standardised" centres I and scales it to unit
variance over the tokens. CW-MSE passes its gradient to Z too.

Where the paper is silent: pre-norm without a last norm (its parameter count has none), GELU (also between the layers of
F and of phi), alpha at 1, one t for each sample, a one-cycle learning rate, Glorot's uniform first weights (a deviation
of 0.02, usual for wide transformers, hardly trains at D = 32), a_t = 0.5 for every t before training
(`keep_start="line"`: from 0.95 to 0.10), lambda 0.1 on the mean over the D features of a token (it then means the same
at every width; 32 times as much, the printed sum, hardly trains).
Measured (`small` without augmentation, 5 % of the labels of Indian Pines as published, 200 epochs, test OA in three
splits): vit 86.3 85.1 85.3, masking alone 84.8 84.9 85.6, DGFR alone 91.0 90.5 90.4, both 91.2 91.1 91.1 (with
standardised importance 91.8 90.9 90.2), DGFR with static masking at 0.2, 0.4, 0.6, 0.8: means of 91.3, 89.1, 85.8,
79.9. So DGFR gains what the paper says and more, masking alone nothing, and what is masked does not matter if it is
little. Encoding plain Z in evaluation, which is not what the equations say, costs 20 points.
Departures: a patch that sub-patches do not divide is padded with zeros at its end; static masking hides whole tokens;
CW-MSE needs masking, because its weights are read from the mask.
"""

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, pad

from hsiauto.families.base import Border, Criterion, PatchConfig
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.parts.cpdgal_encoder import Block

PAPER = "CPDGAL, ICCV workshops 2025"
VISIBLE_WEIGHT, HIDDEN_WEIGHT = 1.2, 1.0
EMBEDDING_GAIN, POSITION_STD = 0.3, 0.15
"""Deviation of the first weights: tokens start small beside what a layer adds to them."""
KEEP_RANGE = (0.05, 0.999)
"""a_t is clipped to it."""
SMALL = {"patch": 8, "depth": 2, "heads": 4, "batch_size": 32, "augmentation": "dihedral"}
"""The preset that a CPU trains in a minute on a thousand pixels."""


class _TransformerConfig(PatchConfig):
    """Hyperparameters that `cpdgal` and `vit` share."""

    patch: int = hyperparameter(16, "side of the input patch", source=PAPER, unit="pixels", ge=1, le=65)
    components: int = hyperparameter(
        15,
        "principal components, fitted on training pixels; 0 = all bands, standardised",
        source=PAPER,
        ge=0,
        le=512,
    )
    batch_size: int = hyperparameter(
        64, "labelled pixels a step", source=f"{PAPER}; 32 for Indian Pines, Salinas", unit="pixels", ge=1, le=4096
    )
    optimizer: Literal["adam", "adamw"] = hyperparameter("adam", "Adam (L2 decay) or AdamW (decoupled)", source=PAPER)
    learning_rate: float = hyperparameter(1e-3, "peak learning rate", source=PAPER, gt=0, le=1)
    weight_decay: float = hyperparameter(0.0, "decay of the weights", source="hsiauto: the paper is silent", ge=0, le=1)
    schedule: Literal["constant", "cosine", "onecycle"] = hyperparameter(
        "onecycle",
        "learning rate over the final epoch budget, set per step",
        source="hsiauto: the paper is silent",
    )
    sub_patch: int = hyperparameter(
        2, "side of the sub-patch that one token embeds", source=PAPER, unit="pixels", ge=1, le=16
    )
    width: int = hyperparameter(32, "features of a token, D", source=f"{PAPER}, ablation (D, h, L)", ge=4, le=512)
    heads: int = hyperparameter(
        8, "attention heads, h; each max(1, D // h) wide", source=f"{PAPER}, ablation (D, h, L)", ge=1, le=32
    )
    depth: int = hyperparameter(6, "encoder layers, L", source=f"{PAPER}, ablation (D, h, L)", ge=1, le=24)
    mlp_ratio: int = hyperparameter(4, "hidden width of a layer's MLP over D", source=PAPER, ge=1, le=8)
    augmentation: Literal["none", "flip", "dihedral"] = hyperparameter(
        "none",
        "per sample: none, random flips, or one of the 8 symmetries of the square",
        source=f"{PAPER} names none",
    )
    border: Border = hyperparameter("zeros", "what a patch holds beyond the scene's border", source=PAPER)


class VitConfig(_TransformerConfig):
    """The paper's supervised baseline: no refinement, no masking."""

    family: Literal["vit"] = "vit"
    source: ClassVar[str] = f"{PAPER}, the ablation without CM and DGFR"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "small": SMALL}

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return VisionTransformer(self, n_bands, n_classes)


class CpdgalConfig(_TransformerConfig):
    """Transformer with diffusion-guided refinement (DGFR), contextual masking (CM) and CW-MSE, each switchable."""

    family: Literal["cpdgal"] = "cpdgal"
    source: ClassVar[str] = PAPER
    published_parameters: ClassVar[dict[tuple[int, int], int]] = {(200, 14): 87_538 + 1}  # and the masking scale
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "small": SMALL}

    dgfr: bool = hyperparameter(
        True, "refine tokens by noising (in training) and denoising them", source=f"{PAPER}, DGFR"
    )
    diffusion_steps: int = hyperparameter(
        100,
        "diffusion steps, T; a sample is trained at one of them, drawn at random",
        source=f"{PAPER}, ablation: 5, 10, 100, 500, 1000",
        ge=1,
        le=1000,
        when={"dgfr": True},
    )
    keep_start: Literal["half", "line"] = hyperparameter(
        "half",
        "share of the tokens kept at step t before training: 0.5, or on a line from 0.95 to 0.10",
        source="hsiauto: the paper is silent",
        when={"dgfr": True},
    )
    masking: Literal["dynamic", "static", "none"] = hyperparameter(
        "dynamic", "hide tokens: by their importance, at random in training, or not", source=f"{PAPER}, CM"
    )
    importance: Literal["paper", "standardised"] = hyperparameter(
        "paper",
        "attention that a token receives: as printed (near 1 / N), or with zero mean and unit variance over tokens",
        source=f"{PAPER}, CM; standardised: hsiauto",
        when={"masking": "dynamic"},
    )
    beta: float = hyperparameter(
        2.0, "steepness of the mask", source=f"{PAPER}, CM", gt=0, le=20, when={"masking": "dynamic"}
    )
    mask_probability: float = hyperparameter(
        0.6,
        "probability that a token is hidden",
        source=f"{PAPER}, ablation: 0.2 to 0.8, best 0.6",
        gt=0,
        lt=1,
        when={"masking": "static"},
    )
    cw_mse: bool = hyperparameter(
        True,
        "context-weighted error of reconstructing the tokens, added to the loss",
        source=f"{PAPER}, CW-MSE",
        when={"masking": ("dynamic", "static")},
    )
    cw_mse_weight: float = hyperparameter(
        0.1, "weight of CW-MSE, lambda", source="hsiauto: the paper is silent", gt=0, le=10, when={"cw_mse": True}
    )

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Cpdgal(self, n_bands, n_classes)


class VisionTransformer(nn.Module):
    """Sub-patch tokens -> pre-norm encoder -> mean over tokens -> linear head. (B, C, P, P) -> logits (B, classes)."""

    def __init__(self, config: _TransformerConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        self.sub_patch = config.sub_patch
        self.side = math.ceil(config.patch / config.sub_patch)
        self.padding = self.side * config.sub_patch - config.patch
        self.embedding = nn.Linear(n_bands * config.sub_patch**2, config.width)
        self.positions_ND = nn.Parameter(torch.empty(self.side**2, config.width))
        self.layers = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_ratio * config.width) for _ in range(config.depth)
        )
        self.head = nn.Linear(config.width, n_classes)
        nn.init.trunc_normal_(self.positions_ND, std=POSITION_STD)
        self.apply(_initialise)
        nn.init.xavier_uniform_(self.embedding.weight, gain=EMBEDDING_GAIN)

    def forward(self, x_BCPP: Tensor) -> Tensor:
        return self.classify(self.encode(self.embed(x_BCPP)))

    def embed(self, x_BCPP: Tensor) -> Tensor:
        """Tokens with their positions, (B, N, D)."""
        if self.padding:
            x_BCPP = pad(x_BCPP, (0, self.padding, 0, self.padding))
        B, C, s, n = x_BCPP.shape[0], x_BCPP.shape[1], self.sub_patch, self.side
        pieces = x_BCPP.view(B, C, n, s, n, s).permute(0, 2, 4, 1, 3, 5).reshape(B, n * n, C * s * s)
        return self.embedding(pieces) + self.positions_ND

    def encode(self, tokens_BND: Tensor) -> Tensor:
        for layer in self.layers:
            tokens_BND = layer(tokens_BND)
        return tokens_BND

    def classify(self, tokens_BND: Tensor) -> Tensor:
        return self.head(tokens_BND.mean(dim=1))


class Cpdgal(VisionTransformer):
    """The transformer, with tokens refined and masked before it reads them."""

    def __init__(self, config: CpdgalConfig, n_bands: int, n_classes: int) -> None:
        super().__init__(config, n_bands, n_classes)
        active = config.active()
        self.refinement = Refinement(config.width, config.diffusion_steps, config.keep_start) if config.dgfr else None
        self.mask: ContextMask | RandomMask | None = None
        if config.masking == "dynamic":
            self.mask = ContextMask(config.beta, config.importance)
        elif config.masking == "static":
            self.mask = RandomMask(config.mask_probability)
        if self.mask is not None:
            self.mask_token_D = nn.Parameter(torch.empty(config.width))
            nn.init.trunc_normal_(self.mask_token_D, std=0.02)
        self.cw_mse_weight: float = active.get("cw_mse_weight", 0.0)
        """0: CW-MSE is off."""
        if self.refinement is not None:
            self.refinement.apply(_initialise)

    def forward(self, x_BCPP: Tensor) -> Tensor:
        return self.classify(self._read(self.embed(x_BCPP))[0])

    def training_loss(self, x_BCPP: Tensor, y_B: Tensor, criterion: Criterion) -> Tensor:
        """Cross-entropy on the refined, masked tokens + lambda CW-MSE. Draws from torch's global generator."""
        clean_BND = self.embed(x_BCPP)
        encoded_BND, mask_BN = self._read(clean_BND)
        loss = criterion(self.classify(encoded_BND), y_B)
        if mask_BN is None or not self.cw_mse_weight:
            return loss
        weight_BN = torch.where(mask_BN <= 0.5, VISIBLE_WEIGHT, HIDDEN_WEIGHT)
        error_BN = (clean_BND - encoded_BND).square().mean(dim=-1)
        return loss + self.cw_mse_weight * (weight_BN * error_BN).mean()

    def _read(self, clean_BND: Tensor) -> tuple[Tensor, Tensor | None]:
        """(encoded Z_m, M); M is None if nothing is masked."""
        tokens_BND = clean_BND if self.refinement is None else self.refinement(clean_BND)
        mask_BN = None if self.mask is None else self.mask(tokens_BND, self.layers[0])
        if mask_BN is not None:
            mask_BN1, dtype = mask_BN[..., None], tokens_BND.dtype  # of another precision under autocast
            tokens_BND = torch.lerp(tokens_BND, self.mask_token_D.to(dtype), mask_BN1.to(dtype))
        return self.encode(tokens_BND), mask_BN


class Refinement(nn.Module):
    """DGFR: noise the tokens at a step t, denoise, mix with the clean ones. (B, N, D) -> (B, N, D).

    In training t is drawn for each sample; in evaluation it is T / 2, and nothing is noised.
    """

    DENOISER_LAYERS = 5

    def __init__(self, width: int, steps: int, keep_start: Literal["half", "line"]) -> None:
        super().__init__()
        self.steps = steps
        first, last = (0.95, 0.10) if keep_start == "line" else (0.5, 0.5)
        self.keep_logit_T = nn.Parameter(torch.linspace(first, last, steps).logit())
        self.timestep = nn.Sequential(nn.Linear(1, width), nn.GELU(), nn.Linear(width, width))
        layers: list[nn.Module] = []
        for _ in range(self.DENOISER_LAYERS):
            layers += [nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()]
        self.denoiser = nn.Sequential(*layers[:-1])

    def forward(self, tokens_BND: Tensor) -> Tensor:
        noisy_BND = tokens_BND
        if self.training:
            step_B = torch.randint(self.steps, (len(tokens_BND),), device=tokens_BND.device)  # t - 1
            keep_B11 = self.keep_logit_T[step_B].sigmoid().clamp(*KEEP_RANGE)[:, None, None]
            noisy_BND = torch.lerp(torch.randn_like(tokens_BND), tokens_BND, keep_B11.to(tokens_BND.dtype))
            share_B11 = ((step_B + 1) / self.steps)[:, None, None].to(tokens_BND.dtype)
        else:
            share_B11 = tokens_BND.new_full((1, 1, 1), 0.5)
        noisy_BND = noisy_BND + self.timestep(share_B11)
        return torch.lerp(tokens_BND, noisy_BND + self.denoiser(noisy_BND), share_B11)


class ContextMask(nn.Module):
    """Dynamic masking: soft, larger for tokens that layer 1 attends to less. Tokens (B, N, D) -> M (B, N)."""

    def __init__(self, beta: float, importance: Literal["paper", "standardised"]) -> None:
        super().__init__()
        self.beta, self.importance = beta, importance
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, tokens_BND: Tensor, layer: Block) -> Tensor:
        attention_BNN = layer.attention_map(tokens_BND)
        importance_BN = attention_BNN.mean(dim=1)
        if self.importance == "standardised":
            importance_BN = layer_norm(importance_BN, importance_BN.shape[-1:], eps=1e-12)
        gamma_B1 = (self.scale * attention_BNN.amax(dim=2).mean(dim=1, keepdim=True)).sigmoid()
        return (self.beta * (gamma_B1 - importance_BN)).sigmoid()


class RandomMask(nn.Module):
    """Static masking: each token is hidden with one probability. Tokens (B, N, D) -> M (B, N), 0 or 1. Evaluation hides
    none."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, tokens_BND: Tensor, layer: Block) -> Tensor | None:
        return torch.full_like(tokens_BND[..., 0], self.probability).bernoulli() if self.training else None


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)

"""claresnet against the published counts, its parts against naive forms, and when its hyperparameters are active."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu, multi_head_attention_forward

from hsiauto.families import costs
from hsiauto.families.claresnet import Claresnet, ClaresnetConfig
from hsiauto.families.parts.claresnet_encoder import (
    Attention,
    EncoderLayer,
    LatentAttention,
    Positions,
    ScaleAttention,
    latents,
    latents_wanted,
    sinusoid,
)
from hsiauto.families.parts.claresnet_spatial import Cbam, ResidualBlock, SpatialExtractor, SqueezeExcite, Stem


def on_meta(components: int = 30, n_classes: int = 16, **values: Any) -> Claresnet:
    with torch.device("meta"):
        module = ClaresnetConfig(components=components, **values).build(components, n_classes)
    assert isinstance(module, Claresnet)
    return module


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def trained_norms(module: nn.Module) -> nn.Module:
    """With BatchNorms as after a training, in evaluation mode."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            for tensor, low, high in (
                (part.running_mean, -0.5, 0.5),
                (part.running_var, 0.2, 3.0),
                (part.weight.data, 0.5, 1.5),
                (part.bias.data, -0.5, 0.5),
            ):
                tensor.uniform_(low, high)
    return module.eval()


@pytest.mark.parametrize("n_classes", [2, 9, 16, 30])
def test_the_paper_preset_has_the_published_parameters(n_classes: int) -> None:
    published, dead_positions, unused_scale_weights = 17_324_087, 3 * 4_970 * 128, 9
    expected = published - dead_positions - unused_scale_weights + 129 * n_classes
    assert expected == 15_415_598 + 129 * n_classes
    assert count(on_meta(n_classes=n_classes)) == expected
    assert costs.parameters(ClaresnetConfig.preset("paper"), 200, n_classes) == expected


def test_the_paper_preset_has_the_published_multiply_adds() -> None:
    """1.378 G, of which 78 % in the CNN; recurrences are counted on the meta device as their matrix products."""
    macs = costs.macs(ClaresnetConfig.preset("paper"), 200, 16)
    assert macs == pytest.approx(1.378e9, rel=2e-3)
    without = costs.macs(ClaresnetConfig(rnn="none"), 200, 16)
    assert macs is not None
    assert without is not None
    lstm, gru = 2 * 4 * 128 * (256 + 128), 2 * 3 * 128 * (256 + 128)
    assert macs - without == 3 * 30 * (lstm + gru)
    convolutions = 11 * 11 * 30 * (16 * (1 + 9 + 25 + 49) + 8 * 9 * 64 * 64 + 49 * (4 * 2 + 2))
    assert convolutions / macs == pytest.approx(0.78, abs=0.005)


def test_what_is_switched_off_has_no_parameters() -> None:
    D, se = 256, 3 * 64 * 8
    full, layers = count(on_meta()), 3
    recurrence = 2 * 128 * (256 + 128 + 2)  # of one gate, both directions
    assert full - count(on_meta(rnn="lstm")) == layers * 3 * recurrence
    assert full - count(on_meta(rnn="gru")) == layers * 4 * recurrence
    assert full - count(on_meta(rnn="none")) == layers * 7 * recurrence
    assert full - count(on_meta(cbam=False)) == se + 49 * (4 * 2 + 2) + 2 * 2
    assert full - count(on_meta(residual_blocks=3)) == 2 * 9 * 64 * 64 + 2 * 2 * 64 + se
    attention = 4 * D * D + 4 * D
    one_scale = 3 * attention + 4 * D * D + 3 * D + 3 * 2 * D
    assert full - count(on_meta(scales=2)) == layers * (one_scale + 2 * D * D)
    msla = 3 * one_scale + 64 * D + 6 * D * D + 2 * D + 2 * D * D + D
    assert full - count(on_meta(attention="full")) == layers * (msla - attention)


@pytest.mark.parametrize(("components", "n"), [(1, 8), (16, 8), (30, 14), (103, 42), (200, 58), (256, 64), (400, 64)])
def test_latents_grow_with_the_components(components: int, n: int) -> None:
    assert latents(components, 8, 64) == n
    layer = on_meta(components, depth=1).layers[0]
    assert isinstance(layer.attention, LatentAttention)
    assert layer.attention.n_latents == n


def test_the_bounds_of_the_latents_are_axes_where_they_act_and_only_there() -> None:
    for components in range(1, 225):
        least = {latents(components, least, 64) for least in (4, 8, 16)}
        most = {latents(components, 8, most) for most in (32, 64, 128)}
        values = ClaresnetConfig(components=components).active()
        assert ("latent_min" in values) == (len(least) > 1), components
        assert ("latent_max" in values) == (len(most) > 1), components
    assert latents_wanted(31) < 16 <= latents_wanted(32)
    assert latents_wanted(66) <= 32 < latents_wanted(67)
    assert "latent_max" in ClaresnetConfig(components=0).active()  # all bands: many
    assert "latent_min" not in ClaresnetConfig(components=0).active()


def test_with_all_bands_a_scene_keeps_the_bounds_that_act_apart_and_no_others() -> None:
    for n_bands in (1, 30, 66, 67, 200, 300):
        configs = [ClaresnetConfig(components=0, latent_max=most) for most in (32, 64, 128)]
        kept = {config.bounded(n_bands, 1000).hash() for config in configs}
        n = {latents(n_bands, 8, config.latent_max) for config in configs}
        assert (len(kept) > 1) == (len(n) > 1), n_bands
        assert all(config.bounded(n_bands, 1000).active()["components"] == 0 for config in configs)
    full = ClaresnetConfig(components=0, attention="full")
    assert full.bounded(30, 1000) == full


@pytest.mark.parametrize(
    "values",
    [
        {"attention": "full", "scales": 2},
        {"attention": "full", "latent_min": 4},
        {"attention": "full", "latent_max": 32, "components": 100},
        {"latent_max": 32},
        {"latent_min": 4, "components": 32},
        {"latent_min": 4, "components": 0},
        {"cbam": False, "cbam_kernel": 3},
    ],
)
def test_an_inactive_hyperparameter_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is inactive"):
        ClaresnetConfig(**values)


def test_the_refusal_says_what_the_axis_needs() -> None:
    with pytest.raises(ValueError, match=r"attention = msla and components = 0 or >= 67"):
        ClaresnetConfig(latent_max=32)
    with pytest.raises(ValueError, match=r"components 1 to 31"):
        ClaresnetConfig(latent_min=4, components=50)


def test_fewer_components_drop_the_bound_that_no_longer_acts() -> None:
    bounded = ClaresnetConfig(components=100, latent_max=32).bounded(n_bands=40, n_pixels=1000)
    assert isinstance(bounded, ClaresnetConfig)
    assert (bounded.components, bounded.latent_max) == (40, 64)


@pytest.mark.parametrize(("width", "deviation"), [(256, 0.044), (32, 0.125)])
def test_first_weights_are_those_of_the_published_code(width: int, deviation: float) -> None:
    """0.02 for `nn.Linear`; q, k and v of `nn.MultiheadAttention` are none and keep Xavier's, as torch draws them."""
    torch.manual_seed(0)
    module = ClaresnetConfig(base_channels=8, width=width, components=6, depth=2).build(6, 3)
    attentions = [part for part in module.modules() if isinstance(part, Attention)]
    projections = [projection for part in attentions for projection in (part.query, part.key_value)]
    drawn = torch.cat([projection.weight.flatten() for projection in projections])
    torchs = nn.MultiheadAttention(width, 8).in_proj_weight
    assert drawn.std().item() == pytest.approx(deviation, rel=0.02)
    assert drawn.abs().max().item() == pytest.approx(torchs.abs().max().item(), rel=0.02)
    linears = [part for part in module.modules() if isinstance(part, nn.Linear)]
    weights = torch.cat([part.weight.flatten() for part in linears if part not in projections])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert not any(part.bias.any() for part in linears if part.bias is not None)
    tables = [part.learned_CF for part in module.modules() if isinstance(part, Positions)]
    assert [tuple(table.shape) for table in tables] == [(6, width // 2)] * 2


def test_glorot_weights_grow_as_the_width_shrinks() -> None:
    torch.manual_seed(0)
    small = [ClaresnetConfig(**{**ClaresnetConfig.presets["small"], "init": init}) for init in ("paper", "glorot")]
    paper, glorot = (config.build(15, 9) for config in small)
    assert isinstance(paper, Claresnet)
    assert isinstance(glorot, Claresnet)
    deviations = [module.get_parameter("layers.0.ffn.0.weight").std().item() for module in (paper, glorot)]
    assert deviations == pytest.approx([0.02, (2 / (32 + 128)) ** 0.5], rel=0.1)


def test_positions_are_half_sinusoid_half_table() -> None:
    positions = Positions(7, 12)
    table_CD = positions()
    assert table_CD.shape == (7, 12)
    assert torch.equal(table_CD[:, 6:], positions.learned_CF)
    assert torch.equal(table_CD[:, :6], sinusoid(7, 6))
    assert sinusoid(7, 6)[3, 2].item() == pytest.approx(torch.sin(torch.tensor(3 / 10_000 ** (2 / 6))).item())
    assert "fixed_CF" not in positions.state_dict()


def naive_block(block: ResidualBlock, x: torch.Tensor) -> torch.Tensor:
    h = gelu(block.first_norm(block.first(x)))
    return gelu(x + block.excite(block.second_norm(block.second(h))))


def test_a_folded_batch_norm_gives_the_same_maps() -> None:
    torch.manual_seed(0)
    block = trained_norms(ResidualBlock(8, dilation=3, dropout=0.1))
    assert isinstance(block, ResidualBlock)
    x_NcPP = torch.randn(6, 8, 7, 7)
    with torch.no_grad():
        torch.testing.assert_close(block(x_NcPP), naive_block(block, x_NcPP), rtol=1e-5, atol=1e-6)


def test_one_batch_norm_for_the_stem_is_one_for_each_branch() -> None:
    """And each branch reads its own width."""
    torch.manual_seed(0)
    stem = Stem(8, dropout=0.0).train()
    x_N1PP = torch.randn(6, 1, 9, 9)
    alone = [gelu(nn.BatchNorm2d(2)(branch(x_N1PP))) for branch in stem.branches]
    torch.testing.assert_close(stem(x_N1PP), stem.excite(torch.cat(alone, 1)), rtol=1e-5, atol=1e-6)
    assert [count(branch) for branch in stem.branches] == [2 * k * k for k in (1, 3, 5, 7)]


def test_every_component_passes_the_same_cnn_whatever_passes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All images at once, in slices, and one by one give the same tokens."""
    torch.manual_seed(0)
    extractor = trained_norms(SpatialExtractor(8, 16, residual_blocks=2, cbam_kernel=7, dropout=0.1))
    x_BCPP = torch.randn(3, 5, 5, 5)
    with torch.no_grad():
        together = extractor(x_BCPP)
        monkeypatch.setattr("hsiauto.families.parts.claresnet_spatial.SLICE_BYTES", {"cpu": 4 * 8 * 5 * 5 * 4})
        sliced = extractor(x_BCPP)
        alone = torch.stack([extractor(x_BCPP[:, c : c + 1])[:, 0] for c in range(5)], dim=1)
    assert together.shape == (3, 5, 16)
    torch.testing.assert_close(sliced, together, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)


def test_excitation_scales_each_channel_by_one_gate() -> None:
    torch.manual_seed(0)
    excite = SqueezeExcite(16, dropout=0.0)
    x_NcPP = torch.rand(2, 16, 3, 3) + 1
    gate = excite(x_NcPP) / x_NcPP
    torch.testing.assert_close(gate, gate[:, :, :1, :1].expand_as(gate))
    assert ((gate > 0) & (gate < 1)).all()
    assert count(excite) == 3 * 16 * 8


def test_the_gate_over_pixels_reads_four_statistics_of_the_channels() -> None:
    torch.manual_seed(0)
    cbam = trained_norms(Cbam(8, kernel=3, dropout=0.0))
    assert isinstance(cbam, Cbam)
    x_NcPP = torch.randn(2, 8, 5, 5)
    with torch.no_grad():
        excited = cbam.excite(x_NcPP)
        statistics = torch.stack([excited.mean(1), excited.amax(1), excited.std(1), excited.amin(1)], dim=1)
        gate = cbam.second(gelu(cbam.norm(cbam.first(statistics)))).sigmoid()
        torch.testing.assert_close(cbam(x_NcPP), excited * gate, rtol=1e-5, atol=1e-5)


def test_attention_is_multi_head_attention() -> None:
    """Queries shared by all samples are those queries repeated."""
    torch.manual_seed(0)
    attention = Attention(12, heads=3, dropout=0.0)
    queries_MD, memory_BND = torch.randn(4, 12), torch.randn(5, 7, 12)
    expected, _ = multi_head_attention_forward(
        queries_MD[:, None].expand(-1, 5, -1),
        memory_BND.transpose(0, 1),
        memory_BND.transpose(0, 1),
        12,
        3,
        torch.cat([attention.query.weight, attention.key_value.weight]),
        torch.cat([attention.query.bias, attention.key_value.bias]),
        None,
        None,
        False,
        0.0,
        attention.out.weight,
        attention.out.bias,
        need_weights=False,
    )
    torch.testing.assert_close(attention(queries_MD[None], memory_BND), expected.transpose(0, 1))


def test_a_coarse_scale_reads_every_other_component() -> None:
    torch.manual_seed(0)
    scale = ScaleAttention(2, 8, 2, dropout=0.0).eval()
    x_BCD, latents_nD = torch.randn(1, 9, 8, requires_grad=True), torch.randn(3, 8)
    out = scale(x_BCD, latents_nD)
    assert out.shape == (1, 9, 8)
    [slope] = torch.autograd.grad(out.square().sum(), x_BCD)
    assert (slope[0, ::2].abs().sum(-1) > 0).all()
    assert not slope[0, 1::2].any()


def test_recurrences_follow_one_another() -> None:
    torch.manual_seed(0)
    layer = EncoderLayer(8, "both", nn.Identity(), dropout=0.0).eval()
    lstm, gru = layer.recurrences
    x_BCD = torch.randn(2, 5, 8)
    h_BCD = x_BCD + lstm(x_BCD)[0]
    h_BCD = h_BCD + gru(h_BCD)[0]
    y_BCD = layer.attention_norm(x_BCD + h_BCD)
    torch.testing.assert_close(layer(x_BCD), layer.ffn_norm(y_BCD + layer.ffn(y_BCD)))


def test_one_layer_has_no_fusion() -> None:
    torch.manual_seed(0)
    module = ClaresnetConfig.preset("small").build(15, 9).eval()
    assert isinstance(module, Claresnet)
    x_BCPP = torch.randn(2, 15, 7, 7)
    y_BCD = module.spatial(x_BCPP)
    y_BCD = module.layers[0](y_BCD) + y_BCD
    assert not [name for name, _ in module.named_parameters() if "fusion" in name]
    torch.testing.assert_close(module(x_BCPP), module.head(y_BCD.mean(dim=1)))


def test_attention_weights_are_dropped_out_in_training_alone() -> None:
    """In all 28 attentions of the paper preset: three to a scale, three scales, three layers, and the fusion."""
    module = on_meta()
    attentions = [part for part in module.modules() if isinstance(part, Attention)]
    assert [attention.dropout for attention in attentions] == [0.1] * 28
    torch.manual_seed(0)
    attention, x_BND = Attention(8, heads=2, dropout=0.5), torch.randn(2, 6, 8)
    assert not torch.equal(attention(x_BND, x_BND), attention(x_BND, x_BND))
    attention.eval()
    assert torch.equal(attention(x_BND, x_BND), attention(x_BND, x_BND))


def test_the_second_linear_of_a_layer_s_ffn_has_no_dropout_and_that_of_the_latents_has() -> None:
    layer = on_meta().layers[0]
    assert isinstance(layer, EncoderLayer)
    assert isinstance(layer.attention, LatentAttention)
    scale = layer.attention.scales[0]
    assert isinstance(scale, ScaleAttention)
    assert [type(part).__name__ for part in layer.ffn] == ["Linear", "GELU", "Dropout", "Linear"]
    assert [type(part).__name__ for part in scale.ffn] == ["Linear", "GELU", "Dropout", "Linear", "Dropout"]


def test_the_small_preset_costs_a_hundredth_of_the_paper_preset() -> None:
    small, paper = (costs.macs(ClaresnetConfig.preset(name), 200, 16) for name in ("small", "paper"))
    assert small is not None
    assert paper is not None
    assert small < paper / 100

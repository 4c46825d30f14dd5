"""spectral_memory: grouping of bands, and where its prototypes start."""

from typing import Any

import pytest
import torch

from hsiauto.families.spectral_memory import Memory, SpectralMemory, SpectralMemoryConfig, _grouping

N_BANDS, N_CLASSES = 12, 3


def network(**values: Any) -> SpectralMemory:
    torch.manual_seed(0)
    small = {"width": 8, "heads": 2, "depth": 1, "prototypes_per_class": 4, **values}
    if not small.get("memory", True):
        del small["prototypes_per_class"]
    module = SpectralMemoryConfig(**small).build(N_BANDS, N_CLASSES)
    assert isinstance(module, SpectralMemory)
    return module


def spectra(n: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes in turn, each around its own spectrum."""
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(n) % N_CLASSES
    centres = 3 * torch.randn(N_CLASSES, N_BANDS, generator=generator)
    return centres[y] + 0.1 * torch.randn(n, N_BANDS, generator=generator), y


def prototypes(module: SpectralMemory) -> torch.Tensor:
    assert module.memory is not None
    return module.memory.prototypes_MD.detach().clone()


@pytest.mark.parametrize(("n_bands", "n_groups"), [(200, 128), (224, 128), (7, 3), (129, 128)])
def test_groups_are_means_of_adjacent_bands(n_bands: int, n_groups: int) -> None:
    grouping_CT = _grouping(n_bands, n_groups)
    group_C = grouping_CT.argmax(dim=1)
    sizes = group_C.bincount()
    assert group_C.diff().ge(0).all()
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == n_groups
    torch.testing.assert_close(torch.arange(n_bands).float() @ grouping_CT, _means(group_C, n_groups))


def _means(group_C: torch.Tensor, n_groups: int) -> torch.Tensor:
    positions = torch.arange(len(group_C)).float()
    return torch.stack([positions[group_C == group].mean() for group in range(n_groups)])


def test_every_band_is_a_token_up_to_the_limit() -> None:
    assert network().positions_TD.shape == (12, 8)
    assert network().grouping_CT is None
    assert network(tokens=5).positions_TD.shape == (5, 8)


def test_queries_vary_by_their_norm_so_that_attention_over_prototypes_does() -> None:
    x, y = spectra()

    def spread(query_norm: Any) -> float:
        """Deviation of the queries over pixels, in parts of their size."""
        module = network(query_norm=query_norm, width=32, heads=4)
        module.warm_start(0.2 * x, y)
        query_BD = module.eval().query(0.2 * x).detach()
        return float(query_BD.std(dim=0).norm() / query_BD.norm(dim=1).mean())

    assert spread("none") < 0.5
    assert spread("batch") == pytest.approx(1.0, rel=0.05)


def test_prototypes_start_among_queries_as_training_will_see_them() -> None:
    """The statistics of the batch norm are those of the sample before k-means, not 0 and 1."""
    x, y = spectra()
    module = network()
    module.warm_start(x, y)
    module.train()
    queries_BD = module.query(x)
    assert torch.cdist(prototypes(module), queries_BD.detach()).min(dim=1).values.max() < 1.0


def test_bounded_asks_for_no_more_tokens_than_channels() -> None:
    assert SpectralMemoryConfig().bounded(103, 1000).tokens == 103
    assert SpectralMemoryConfig().bounded(200, 1000).tokens == 128
    assert SpectralMemoryConfig(components=40).bounded(200, 1000).tokens == 40
    assert SpectralMemoryConfig(components=40).bounded(200, 21).tokens == 20


def test_the_memory_answers_with_a_mixture_of_its_prototypes() -> None:
    memory = Memory(5, 4)
    far = 1e4 * memory.prototypes_MD.detach()[2:3]
    similarity = far @ memory.prototypes_MD.detach().T
    nearest = memory.prototypes_MD.detach()[similarity.argmax()]
    torch.testing.assert_close(memory(far)[0], nearest)
    torch.testing.assert_close(memory(torch.zeros(1, 4))[0], memory.prototypes_MD.mean(dim=0))


@pytest.mark.parametrize("init", ["kmeans", "kmeans_per_class"])
def test_a_warm_start_is_a_function_of_the_seed(init: str) -> None:
    module = network(prototype_init=init)
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        module.warm_start(*spectra())
        results.append(prototypes(module))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("init", ["kmeans", "kmeans_per_class"])
def test_prototypes_start_among_the_embeddings(init: str) -> None:
    module, (x, y) = network(prototype_init=init, dropout=0.9), spectra()
    module.train()
    module.warm_start(x, y)
    assert module.training
    with torch.no_grad():
        embeddings = module.eval().query(x)
    nearest = torch.cdist(prototypes(module), embeddings).min(dim=1).values
    assert nearest.max() < embeddings.std()
    assert len(prototypes(module).unique(dim=0)) == 12


def test_each_class_has_its_prototypes_in_order() -> None:
    module, (x, y) = network(prototype_init="kmeans_per_class"), spectra()
    module.warm_start(x, y)
    with torch.no_grad():
        nearest = torch.cdist(prototypes(module), module.eval().query(x)).argmin(dim=1)
    assert y[nearest].tolist() == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("init", ["kmeans", "kmeans_per_class"])
@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_fewer_pixels_than_prototypes_are_repeated_with_jitter(init: str, n: int) -> None:
    """Identical pixels among them, and classes that the sample misses."""
    module, (x, y) = network(prototype_init=init), spectra(n)
    module.warm_start(torch.cat([x, x]), torch.cat([y, y]))
    M = prototypes(module)
    assert M.isfinite().all()
    assert len(M.unique(dim=0)) == 12 or init == "kmeans_per_class"
    with torch.no_grad():
        nearest = torch.cdist(M, module.eval().query(x)).min(dim=1).values
    assert nearest.max() < 0.5


def test_random_prototypes_stay_and_no_memory_has_none() -> None:
    module = network(prototype_init="random")
    before = prototypes(module)
    module.warm_start(*spectra())
    assert torch.equal(before, prototypes(module))
    plain = network(memory=False)
    plain.warm_start(*spectra())
    assert plain.memory is None
    assert not any("memory" in name for name in plain.state_dict())


def test_the_head_reads_what_it_is_told() -> None:
    assert network().head[0].in_features == 8
    assert network(readout="query_and_context").head[0].in_features == 16
    with pytest.raises(ValueError, match="is inactive"):
        SpectralMemoryConfig(memory=False, readout="query_and_context")


def test_the_paper_preset_follows_the_article() -> None:
    config = SpectralMemoryConfig.preset("paper")
    assert (config.label_smoothing, config.band_dropout, config.prototypes_per_class) == (0.1, 0.1, 10)
    assert (config.width, config.heads, config.depth, config.support) == (64, 4, 2, 0)
    assert "patch" not in type(config).model_fields

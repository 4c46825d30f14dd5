"""The registry: what it holds, and what a config file may say."""

import json

import pytest

from hsiauto.errors import UserError
from hsiauto.families import FAMILIES, config_from


@pytest.mark.parametrize("family", FAMILIES)
def test_the_preset_survives_json(family: str) -> None:
    preset = FAMILIES[family].preset("paper")
    assert config_from(preset.active()) == preset
    assert config_from(json.loads(json.dumps(preset.active()))) == preset


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"family": "cnn4d"}, r"'cnn4d'.*cnn2d, cnn3d"),
        ({}, "None"),
        ({"family": "cnn2d", "wdith": 3}, r"wdith.*width"),
        ({"family": "cnn2d", "width": 1}, r"cnn2d\.width.*greater than or equal to 4.*received 1"),
        ({"family": "cnn2d", "width": "wide"}, r"cnn2d\.width.*'wide'"),
        ({"family": "cnn2d", "patch": 5, "depth": 3}, "at most 2 convolutions"),
        ({"family": "cnn2d", "whiten": False}, "components >= 1"),
    ],
)
def test_a_wrong_config_names_rule_value_and_remedy(fields: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_from(fields)


@pytest.mark.parametrize("family", [name for name, config in FAMILIES.items() if config.kind == "torch"])
def test_adam_and_adamw_are_one_config_without_decay(family: str) -> None:
    paper = FAMILIES[family].presets["paper"]
    assert "optimizer" not in config_from({**paper, "family": family, "weight_decay": 0.0}).active()
    assert "optimizer" in config_from({**paper, "family": family, "weight_decay": 0.01}).active()
    other = ({"adam", "adamw"} - {FAMILIES[family].model_fields["optimizer"].default}).pop()
    with pytest.raises(UserError, match="optimizer is inactive in this config: it needs weight_decay > 0"):
        config_from({**paper, "family": family, "weight_decay": 0.0, "optimizer": other})

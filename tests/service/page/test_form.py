"""What the forms of the page are made of."""

from hsiauto.config import declared
from hsiauto.service.models import SettingOut
from hsiauto.service.requests import described


def test_the_upload_offers_how_to_read_files_and_no_path() -> None:
    of_scene = {one["field"] for one in described() if one["group"] == "Scene"}
    assert {"key", "ignore-labels", "drop-bands", "layout"} <= of_scene
    assert not of_scene & {"dataset", "data-dir", "labels"}


def test_every_setting_is_one_that_the_form_can_draw() -> None:
    for one in map(SettingOut.model_validate, described()):
        assert one.type in {"boolean", "integer", "number", "string", "array", "object"}
        assert one.field in declared("search")
        assert one.meaning

"""report.html: a run as one page that needs no network. `data` says what stands in it, `html` writes it."""

from hsiauto.report.page.data import Source, as_json, page_data, search_data
from hsiauto.report.page.html import data_in, page
from hsiauto.report.page.scene_map import SceneMap

__all__ = ["SceneMap", "Source", "as_json", "data_in", "page", "page_data", "search_data"]

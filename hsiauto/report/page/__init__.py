"""report.html: a run as one page that needs no network. `data` says what stands in it, `html` writes it."""

from hsiauto.report.page.data import Source, page_data, search_data
from hsiauto.report.page.html import page
from hsiauto.report.page.scene_map import SceneMap

__all__ = ["SceneMap", "Source", "page", "page_data", "search_data"]

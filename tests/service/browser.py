"""Drives the page in Chromium, by hand: upload, check, run, leaderboard, map. Needs playwright, which CI does not have.

python -m tests.service.browser [--chromium PATH] [--replay RUN] [--shots FOLDER] [--axe axe.min.js]

--replay: the run folder of a search that is played again instead of a new search. --shots: a picture of every screen,
on a phone and a desktop, light and dark. --axe: axe-core, run on each of them.
"""

import argparse
import importlib
import logging
import queue
import re
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from hsiauto.service.config import ServiceConfig
from hsiauto.service.run import serve
from tests.scene import fabricate
from tests.small_scene import labels

SIZES = ((1440, 900), (390, 844))
_RUN_MS = 400_000


def scene(folder: Path) -> tuple[Path, Path, Path, Path]:
    """An ENVI cube of three classes in stripes, its header, labels of every third pixel, and labels of another size."""
    truth = np.kron(labels(30, 30), np.ones((2, 2), np.uint8)).astype(np.uint8)
    rng = np.random.default_rng(0)
    cube = 1000 + 300 * rng.normal(size=(3, 20))[truth] + 150 * rng.normal(size=(*truth.shape, 20))
    header = fabricate.envi(folder / "field.img", cube.clip(1, 4000).astype(np.uint16))
    labelled = np.where(np.add.outer(range(60), range(60)) % 3, 0, truth + 1).astype(np.uint8)
    right, wrong = fabricate.tif(folder / "labels.tif", labelled), fabricate.tif(folder / "other.tif", labelled[:40])
    return folder / "field.img", header, right, wrong


def service(root: Path, replayed: Path | None) -> str:
    """Start a service, which ends with this process; the link that logs in once."""
    config = ServiceConfig(root=root)
    if replayed:
        job = (sys.executable, str(Path(__file__).with_name("replay.py")), str(replayed.resolve()))
        config = config.model_copy(update={"job": job})
    links: queue.Queue[str] = queue.Queue()

    def ready(port: int, code: str) -> None:
        links.put(f"http://localhost:{port}/login?code={code}")

    arguments = (config, "127.0.0.1", 0, None, ready)
    threading.Thread(target=serve, args=arguments, daemon=True).start()
    return links.get(timeout=60)


class Visit:
    """A browser on the service, and what it complained of."""

    def __init__(self, browser: Any, link: str) -> None:
        self.browser, self.home, self.complaints = browser, link.partition("/login")[0], list[str]()
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.goto(link)

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and "status of 4" not in text:  # what the service refuses, the page says
            self.complaints.append(text)

    def upload(self, cube: Path, header: Path, truth: Path) -> None:
        self.page.set_input_files("#file-cube", cube)
        self.page.set_input_files("#file-header", header)
        self.page.set_input_files("#file-labels", truth)
        self.page.fill("#scene-name", "field")
        self.page.get_by_role("button", name="Upload and check").press("Enter")

    def look(self, screens: dict[str, str], shots: Path | None, axe: Path | None) -> None:
        """Every screen in both sizes and both schemes."""
        for width, height in SIZES:
            for scheme in ("light", "dark"):
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.emulate_media(color_scheme=scheme)
                for name, path in screens.items():
                    self.page.goto(self.home + path)
                    self.page.wait_for_load_state("networkidle")
                    self.page.wait_for_timeout(1000)
                    if shots:
                        self.page.screenshot(path=shots / f"{name}-{width}-{scheme}.png", full_page=True)
                    wide = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
                    self.complaints += [f"{name}: wider than {width} pixels"] * wide
                    self.complaints += self._axe(axe, f"{name}, {width}, {scheme}") if axe else []

    def _axe(self, axe: Path, where: str) -> list[str]:
        self.page.evaluate(axe.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run()")["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        return [f"{where}: {one['id']}, {one['nodes'][0]['html'][:120]}" for one in serious]


def walk(visit: Visit, expect: Any, files: tuple[Path, Path, Path, Path]) -> str:
    """From an upload to the map, mostly by keyboard; the path of the run's page."""
    page, (cube, header, right, wrong) = visit.page, files
    expect(page.get_by_text("No run yet.")).to_be_visible()
    page.get_by_role("link", name="Scenes").press("Enter")
    page.get_by_text("Upload a scene").press("Enter")
    visit.upload(cube, header, wrong)
    refused = page.get_by_role("alert").filter(has_text="Labels must cover the cube")
    expect(refused).to_be_visible(timeout=60_000)
    print("refused:", refused.inner_text())
    visit.upload(cube, header, right)
    expect(page.get_by_text("field is ready")).to_be_visible(timeout=60_000)
    page.wait_for_function("document.querySelector('.look img').naturalWidth > 0")
    print("uploaded, checked, looked at")
    page.get_by_role("link", name="New run on it").first.press("Enter")
    page.fill("#set-budget", "3")
    page.get_by_text("Search", exact=True).press("Enter")
    for family in ("lda", "logistic", "cnn1d"):
        page.get_by_label(family, exact=True).check()
    page.get_by_text("Refit", exact=True).press("Enter")
    for setting, value in (("top-k", 1), ("winner-seeds", 2), ("further-folds", 1), ("further-splits", 0)):
        page.fill(f"#set-{setting}", str(value))
    page.fill("#set-max-epochs", "0")
    page.get_by_role("button", name="Start the run").press("Enter")
    expect(page.locator("#set-max-epochs")).to_be_focused()
    page.fill("#set-max-epochs", "6")
    expect(page.get_by_label("Command line")).to_contain_text("--max-epochs 6")
    page.get_by_role("button", name="Start the run").press("Enter")
    page.wait_for_url(re.compile("/runs/[0-9a-f]{16}$"))
    print("started:", page.url)
    expect(page.get_by_role("heading", name="Best so far")).to_be_visible(timeout=_RUN_MS)
    print("followed live")
    expect(page.get_by_role("heading", name="Leaderboard")).to_be_visible(timeout=_RUN_MS)
    page.get_by_role("button", name="test OA").press("Enter")
    expect(page.get_by_role("columnheader", name="test OA")).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Kind").select_option("refit")
    expect(page.locator("tr.winner").first).to_be_visible()
    print("winner:", page.locator("tr.winner").first.inner_text().replace("\t", " "))
    page.get_by_role("heading", name="Map", exact=True).scroll_into_view_if_needed()
    page.locator("canvas.scene").press("+")
    page.get_by_label("Opacity of prediction").press("ArrowLeft")
    print("map drawn")
    return str(page.url).removeprefix(visit.home)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--axe", type=Path)
    asked = parser.parse_args()
    logging.disable(logging.INFO)  # of requests
    try:
        api = importlib.import_module("playwright.sync_api")
    except ModuleNotFoundError:
        print("skipped: playwright is not installed (pip install playwright; Debian has a chromium)")
        return 0
    with tempfile.TemporaryDirectory() as folder, api.sync_playwright() as playwright:
        files = scene(Path(folder))
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox"])
        visit = Visit(browser, service(Path(folder) / "root", asked.replay))
        try:
            run = walk(visit, api.expect, files)
        finally:  # a search outlives the service
            if (stop := visit.page.get_by_role("button", name="Stop")).is_visible():
                stop.press("Enter")
        screens = {"runs": "/", "scenes": "/scenes", "new-run": "/runs/new", "run": run, "compare": "/compare"}
        visit.look(screens, asked.shots, asked.axe)
        visit.page.get_by_role("button", name="Log out").press("Enter")
        visit.page.wait_for_url("**/login")
    print(*visit.complaints or ["no complaint"], sep="\n")
    return bool(visit.complaints)


if __name__ == "__main__":
    sys.exit(main())

"""The page: one file of HTML with its data, styles and scripts in it.

The scripts are the modules in `static/`, which a server gives as they are: they import one another as neighbours. On a
page an import map gives each as a `data:` address, which has no neighbours but can be named; so no bundler is needed.
"""

import base64
import html
import json
from importlib.resources import files

from hsiauto.files import check_json
from hsiauto.report.page.data import Json, as_json

MODULES = ("dom", "table", "plots", "map", "tradeoffs", "labels", "report")
_STATIC = files("hsiauto.report.page") / "static"
_BEFORE, _AFTER = '<script type="application/json" id="data">', "</script>"


def page(data: Json) -> str:
    """The whole page. Nothing of `data` is read as HTML or script: it stands in a JSON block, and is set as text."""
    imports = {f"hsiauto/{name}.js": _address(_by_name(_text(f"{name}.js"))) for name in MODULES}
    style = _text("vendor/uPlot.min.css") + _text("report.css")
    title = html.escape(f"{data['name']}: {data['scene']}")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
<script type="importmap">{json.dumps({"imports": imports})}</script>
</head>
<body>
<main id="report"><noscript><p>This page draws itself with JavaScript: switch it on.</p></noscript></main>
{_BEFORE}{as_json(data)}{_AFTER}
<script>{_text("vendor/uPlot.iife.min.js")}</script>
<script type="module">import {{ render }} from "hsiauto/report.js";
render(document.getElementById("report"), JSON.parse(document.getElementById("data").textContent));</script>
</body>
</html>
"""


def data_in(content: str, name: str) -> Json:
    """What the `page` of this content was made of. Raises UserError for another file, and for a very large one."""
    inside = content.partition(_BEFORE)[2].partition(_AFTER)[0]
    data: Json = json.loads(check_json(inside.encode(), name))
    return data


def _text(name: str) -> str:
    return _STATIC.joinpath(name).read_text(encoding="utf-8")


def _by_name(source: str) -> str:
    return source.replace(' from "./', ' from "hsiauto/')


def _address(source: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(source.encode()).decode()

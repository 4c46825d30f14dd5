"""The notebook runs from top to bottom, as somebody who opens it would run it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.blocks import ROOT


@pytest.mark.timeout(600)
def test_the_first_search_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "docs" / "notebooks" / "first-search.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = "\n".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)
    assert "refit: 6/6 trials" in shown, "the last line of the display below the cell"
    assert "The winner is " in shown
    assert "whole fields held out" in shown
    assert not [output for output in outputs if output.get("name") == "stderr"], "nothing warns"
    assert (tmp_path / "runs" / "first-search" / "report.html").is_file()

"""Runs of one split, side by side."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from hsiauto.errors import UserError
from hsiauto.runs.compare import compare
from hsiauto.service.access import Served, Viewer

router = APIRouter(prefix="/api/compare", tags=["results"])


@router.get("")
def show_comparison(
    served: Served,
    user: Viewer,
    runs: Annotated[str, Query(max_length=200, description="Ids of runs, two or more, with commas.")],
) -> dict[str, Any]:
    """Their winners on the test pixels that they share, as `hsiauto compare --json` tells it, runs by their ids."""
    folders = [served.runs.path(served.runs.find(run, user)["id"]) for run in runs.split(",")]
    try:
        return compare(folders).to_dict()
    except UserError as error:
        raise served.scenes.without_paths(error) from error

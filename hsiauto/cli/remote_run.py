"""What a run of a service, and an upload to it, show on the console."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hsiauto import remote
from hsiauto.cli.console import errors, output, say
from hsiauto.cli.inspect import leaderboard
from hsiauto.cli.progress import Progress, download_bars
from hsiauto.scene.source import SceneSource


def uploaded(service: remote.Service, source: SceneSource, name: str | None) -> dict[str, Any]:
    """Upload a scene of this machine, and say what was read there; the scene."""
    console = errors()
    for file in remote.left_behind(source):
        say(f"warning: {file} stays here: what it says of masks, place or missing data does not count", console)
    with download_bars(console) as advance:
        scene = remote.upload_scene(service, name or Path(source.dataset).stem, source, advance)
    say(f"scene {scene['id']}: {scene['name']}, {remote.size_of(scene)}, {len(scene['classes'])} classes", console)
    for note in scene["notes"]:
        say(f"note: {note}", console)
    return scene


def follow_to_its_end(service: remote.Service, run: dict[str, Any]) -> int:
    """Show a run until it ends, then its leaderboard; its exit code.

    KeyboardInterrupt and Unreachable pass through: the run goes on, and its user is told how to go on too.
    """
    console, run_id = errors(), run["id"]
    say(f"run {run_id}: {run['state']} at {service.address}", console, whole=True)
    try:
        with Progress(output()) as progress:
            ended = remote.follow(service, run_id, progress, lambda why: say(f"{why}; trying again", console))
    except (KeyboardInterrupt, remote.Unreachable):
        other = "" if remote.read_login().address == service.address else f" --service {service.address}"
        say(f"the run {run_id} goes on", console)
        say(f"follow it: hsiauto remote follow {run_id}{other}", console, whole=True)
        say(f"stop it:   hsiauto remote stop {run_id}{other}", console, whole=True)
        raise
    with tempfile.TemporaryDirectory() as folder, suppress(remote.Refused):  # it may have ended before there was one
        (board,) = remote.fetch_files(service, ended, (remote.BOARD,), Path(folder), lambda *_: None)
        leaderboard(board)
    reason = f": {ended['reason']}" if ended.get("reason") else ""
    say(f"run {run_id}: {ended['state']}{reason}", output())
    say(f"its files: hsiauto remote download {run_id}", output(), whole=True)
    return remote.exit_code(ended)

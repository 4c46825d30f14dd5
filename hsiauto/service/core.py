"""Service: the parts, put together once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout

from hsiauto.errors import UserError
from hsiauto.files import writing
from hsiauto.service.audit import Audit
from hsiauto.service.config import ServiceConfig
from hsiauto.service.database import Database
from hsiauto.service.events import Streams
from hsiauto.service.limits import Rate
from hsiauto.service.metrics import Counts
from hsiauto.service.names import without_folders
from hsiauto.service.progress import ProgressOfRuns
from hsiauto.service.queue import Queue
from hsiauto.service.runs import Runs
from hsiauto.service.scenes import Scenes
from hsiauto.service.users import Users

DATABASE, TOKEN = "service.db", "token"


@dataclass(frozen=True)
class Service:
    """Everything that routes need."""

    config: ServiceConfig
    database: Database
    users: Users
    scenes: Scenes
    runs: Runs
    queue: Queue
    streams: Streams
    without: Callable[[bytes], bytes]
    """Takes the folders of the service out of what users read."""
    rate: Rate
    progress: ProgressOfRuns
    audit: Audit
    counts: Counts


def users_of(config: ServiceConfig) -> Users:
    """The users of a service, which may be running. Raises UserError if its folder cannot be written."""
    return Users(_database(config))


@contextmanager
def opened(config: ServiceConfig) -> Iterator[Service]:
    """The service of a folder, which it has for itself; its queue is not started.

    Raises UserError if another service has it, or it cannot be written.
    """
    database = _database(config)
    lock = FileLock(config.root / "service.lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        database.close()
        raise UserError(
            "a folder has one service", f"{config.root}, which another one has", "Stop it first."
        ) from error
    try:
        runs, without = Runs(config, database), without_folders(config.root, config.scenes)
        yield Service(
            config=config,
            database=database,
            users=Users(database),
            scenes=Scenes(config, database),
            runs=runs,
            queue=Queue(config, database, runs),
            streams=Streams(config.streams, without),
            without=without,
            rate=Rate(config.requests_per_minute),
            progress=ProgressOfRuns(),
            audit=Audit(config.root / "audit.jsonl"),
            counts=Counts(),
        )
    finally:
        database.close()
        lock.release()


def _database(config: ServiceConfig) -> Database:
    with writing(config.root):
        config.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Database(config.root / DATABASE)

"""Measures what a step consumes, and keeps the measurement in a log that a crash cannot tear."""

import json
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Lock, Thread
from time import perf_counter, sleep, time
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from tradepulse.core.tables import table
from tradepulse.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: Seconds between two samples of a step that is running.
SAMPLE = 10.0
#: What lines of the log have had since the second version, and the third.
_SINCE = {"read_bytes": 0, "gpu_ms": 0, "job": "", "user": "", "trial_id": "", "held_byte_hours": 0}
#: Outcome of the lines that say what storage was held, and the run that they are of.
HELD, STORAGE = "held", "storage"
#: Team of usage that nobody claimed: shown, never lost.
UNTAGGED = "untagged"


@dataclass(frozen=True, slots=True)
class Tags:
    """Who a step's usage is attributed to.

    Parameters
    ----------
    run_id, step, partition : which step of which run
    team, strategy, environment : the attribution keys
    job, user, trial_id : what the run was for, and who launched it, where that is known
    """

    run_id: str
    step: str
    partition: str
    team: str
    strategy: str
    environment: str
    job: str = ""
    user: str = ""
    trial_id: str = ""


class _Sampler:
    """One thread for all steps of a process, started with the first: starting one for each costs more than the rest."""

    def __init__(self) -> None:
        self._alone, self._pid = Lock(), 0
        self._steps: dict[int, Callable[[], None]] = {}

    @contextmanager
    def every(self, sample: Callable[[], None]) -> Iterator[None]:
        """Call something every :data:`SAMPLE` seconds while the body runs, and never once it has ended."""
        if self._pid != os.getpid():  # a fork takes the thread's lock and steps along, and not the thread
            self._alone, self._steps, self._pid = Lock(), {}, os.getpid()
            Thread(target=self._keep, daemon=True, name="usage-sampler").start()
        key = id(sample)
        with self._alone:
            self._steps[key] = sample
        try:
            yield
        finally:
            with self._alone:
                del self._steps[key]

    def _keep(self) -> None:
        while True:
            sleep(SAMPLE)
            with self._alone:
                for sample in self._steps.values():
                    with suppress(OSError):  # no room: the step itself will say so
                        sample()


_SAMPLER = _Sampler()


@dataclass(slots=True)
class Meter:
    """What a step reports of itself, because nobody else can see it.

    Parameters
    ----------
    gpu_ms : GPU time that it used
    """

    gpu_ms: int = 0


class Writer(Protocol):
    """Something that counts the bytes it writes, and says what it wrote: the lake."""

    written_bytes: int
    written: list[tuple[str, str]]


class UsageLog:
    """One file of JSON lines per run. Each line is one write, so lines of concurrent steps do not mix.

    Parameters
    ----------
    folder : holds the files; made on first use
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._elsewhere_ms = 0

    def elsewhere(self, cpu_ms: int) -> None:
        """Add CPU time that another machine used for the step that is being measured."""
        self._elsewhere_ms += cpu_ms

    @contextmanager
    def metered(self, tags: Tags, writer: Writer | None = None) -> Iterator[Meter]:
        """Measure what happens inside and log it, also when it raises; what is given reports what is not seen here.

        A step whose process is killed has what was measured at its last sample, ten seconds before at most.

        CPU time includes child processes that ended inside. Peak memory is the largest resident size of the process
        so far: the operating system does not reset it, so steps that share a process share its peak.

        Parameters
        ----------
        tags : who pays
        writer : counts the bytes written
        """
        started_at = datetime.now(UTC)
        wall, cpu, read = perf_counter(), _cpu_seconds(), _read_bytes()
        written, made = (writer.written_bytes, len(writer.written)) if writer else (0, 0)
        meter, who, elsewhere = Meter(), asdict(tags), self._elsewhere_ms

        def measured(outcome: str) -> dict[str, Any]:
            return {
                **who, "started_at": started_at.isoformat(), "outcome": outcome,
                "cpu_ms": round(1000 * (_cpu_seconds() - cpu)) + self._elsewhere_ms - elsewhere,
                "wall_ms": round(1000 * (perf_counter() - wall)),
                "peak_memory_bytes": _peak_memory_bytes(),
                "written_bytes": (writer.written_bytes if writer else 0) - written,
                "read_bytes": max(0, _read_bytes() - read), "gpu_ms": meter.gpu_ms,
                "outputs": dict(writer.written[made:]) if writer else {},
            }  # fmt: skip

        outcome = "failed"
        with self._sampled(tags.run_id, measured):
            try:
                yield meter
                outcome = "done"
            finally:
                self._append(tags.run_id, measured(outcome))

    @contextmanager
    def _sampled(self, run_id: str, measured: Callable[[str], dict[str, Any]]) -> Iterator[None]:
        """Keep beside the log what was measured last, for the step that is killed and says nothing any more."""
        folder = self.folder / "alive"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{run_id}.{uuid4().hex}.json"
        about = {"pid": os.getpid(), "host": os.uname().nodename}

        def sample() -> None:
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({**measured("died"), **about}))
            fresh.rename(path)

        sample()
        try:
            with _SAMPLER.every(sample):
                yield
        finally:
            path.unlink(missing_ok=True)

    def died(self) -> list[dict[str, Any]]:
        """Return what is known of steps whose process is gone, up to its last sample, with its pid and host."""
        found = []
        for path in sorted((self.folder / "alive").glob("*.json")):
            try:
                line, age = json.loads(path.read_text()), time() - path.stat().st_mtime
            except (FileNotFoundError, ValueError):
                continue  # it has just ended
            here = line["host"] == os.uname().nodename
            if age > 6 * SAMPLE or (here and _gone(line["pid"])):
                found.append(line)
        return found

    def hold(self, folders: Iterable[tuple[Tags, Iterable[tuple[int, float]]]], now: datetime) -> None:
        """Meter what folders hold: the bytes of each file there, times the hours since it is there or was last seen.

        A file that has gone since the last look is not seen any more, and what it held since then is not counted. The
        first look goes back to midnight, UTC. There is a line for each folder and day.

        Parameters
        ----------
        folders : the tags that each is attributed to, and the bytes of each of its files with when it was written
        now : time of the look
        """
        path, today = self.folder / f"{STORAGE}.jsonl", now.replace(hour=0, minute=0, second=0, microsecond=0)
        looks = [datetime.fromisoformat(str(line["until"])) for line in _lines(path)] if path.exists() else []
        since = max(looks, default=today)
        midnights = [today - timedelta(days=n) for n in reversed(range((today.date() - since.date()).days))]
        spans = [(begin, end) for begin, end in pairwise([since, *midnights, now]) if begin < end]
        for tags, found in folders:
            files = list(found)
            for begin, end in spans:
                held = sum(size * max(0.0, end.timestamp() - max(begin.timestamp(), made)) for size, made in files)
                line = {
                    **asdict(tags), "started_at": begin.isoformat(), "until": end.isoformat(), "outcome": HELD,
                    **dict.fromkeys(("cpu_ms", "wall_ms", "peak_memory_bytes", "written_bytes"), 0),
                    "held_byte_hours": round(held / 3600),
                }  # fmt: skip
                self._append(STORAGE, line)

    def makers(self) -> dict[str, tuple[str, str]]:
        """Return team and strategy of the step that wrote each table last."""
        lines: list[dict[str, Any]] = [line for path in sorted(self.folder.glob("*.jsonl")) for line in _lines(path)]
        found = {}
        for line in sorted(lines, key=lambda line: str(line["started_at"])):
            for name in line.get("outputs") or ():
                found[str(name).partition("/")[0]] = (str(line["team"]), str(line["strategy"]))
        return found

    def outputs(self) -> "list[dict[str, Any]]":
        """Return what each step that was done wrote, oldest first: run, step, start, and content hash by partition."""
        lines = [line for path in sorted(self.folder.glob("*.jsonl")) for line in _lines(path)]
        kept = ("run_id", "step", "started_at")
        done = [line for line in lines if line["outcome"] == "done" and line.get("outputs")]
        made = [{**{key: line[key] for key in kept}, "outputs": line["outputs"]} for line in done]
        return sorted(made, key=lambda line: str(line["started_at"]))

    def frame(self) -> "pd.DataFrame":
        """Return everything logged as rows of ``usage``, oldest first.

        Raises
        ------
        DataError
            If a line other than a torn last one cannot be read.
        """
        import pandas as pd

        lines = [line for path in sorted(self.folder.glob("*.jsonl")) for line in _lines(path)]
        said = {(line["run_id"], line["step"], line["started_at"]) for line in lines}
        lines += [line for line in self.died() if (line["run_id"], line["step"], line["started_at"]) not in said]
        if not lines:
            return table("usage").no_rows()
        # What older logs do not say is nothing, and was nobody's.
        frame = pd.DataFrame([{**_SINCE, **line} for line in lines])
        frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True, format="ISO8601").dt.as_unit("ns")
        columns = list(table("usage").to_schema().columns)
        return frame.sort_values(["started_at", "run_id", "step"], kind="stable").reset_index(drop=True)[columns]

    def _append(self, run_id: str, line: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self.folder / f"{run_id}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, (json.dumps(line) + "\n").encode())
        finally:
            os.close(file)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it is somebody else's, and there
    return False


def _lines(path: Path) -> Iterator[dict[str, object]]:
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                yield json.loads(line)
        except ValueError as exc:
            if number == len(lines):
                return  # the machine died while writing it
            raise DataError(f"{path}: line {number} is not a usage record; move the file away") from exc


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _read_bytes() -> int:
    """Return what storage was asked for by this process and children that ended; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))
    except (OSError, StopIteration, ValueError):
        return 0


def _peak_memory_bytes() -> int:
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # Kilobytes on Linux, bytes on macOS.
    return peak * 1024 if os.uname().sysname != "Darwin" else peak

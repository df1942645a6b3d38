"""A desk as a person runs it: the exchange, or the way to one, in this process, the engine in another.

On paper the exchange is simulated; live, a gateway leads to a real one. An engine that dies is started again.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradepulse.core.files import replace_text
from tradepulse.core.orders import UNIT, from_units
from tradepulse.errors import ConfigError, ExecutionError, MissingData
from tradepulse.execution.account import State
from tradepulse.execution.desk import Move
from tradepulse.execution.engine import Spec, parse_desk
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.kill_switch import pull_kill_switch
from tradepulse.execution.lease import locked
from tradepulse.execution.terms import FEE, Place, Terms
from tradepulse.execution.watch import Watched

if TYPE_CHECKING:
    from tradepulse.execution.dealing import Counterparty
    from tradepulse.execution.gateway import Gateway

#: Held by who runs a desk: beside the engine's own lock, which comes and goes with each of its processes.
_LOCK = "desk.lock"
#: How often an engine that died is started again.
_STARTS = 5


def desk_of(folder: Path) -> Spec:
    """Return what a desk was last told.

    Raises
    ------
    MissingData
        If there is no such desk.
    """
    path = folder / "desk.json"
    if not path.is_file():
        raise MissingData(f"{path}: there is no such desk; start one with execution paper --book {folder.name}")
    return parse_desk(path.read_text())


def watched_desk(folder: Path) -> Watched:
    """Return a desk to look at."""
    return Watched(folder, desk_of(folder).terms)


def _positions(terms: Terms, before: State | None) -> list[int]:
    """Return what the book holds at each venue: what its orders there have come to, the rest at its first one."""
    held = [0] * max(1, len(terms.venues))
    for order in before.by_number if before else ():
        held[order.ticket.venue] += order.ticket.side.sign * order.filled
    begun = [one.position for one in terms.instruments] or [terms.position]
    for number, position in enumerate([one.position for one in before.held] if before else begun):
        here = [there for venue, there in enumerate(held) if terms.instrument_of(venue) == number]
        held[terms.home_of(number)] += position - sum(here)
    return held


def run_paper(
    folder: Path,
    desk: Mapping[str, Any],
    moves: Sequence[Move],
    *,
    speed: float = 1.0,
    until: float | None = None,
    cancels_ahead: float = 0.0,
    say: Callable[[str], None] | None = None,
    picture: Callable[[Watched], None] | None = None,
) -> dict[str, Any]:
    """Trade on paper until the market ends, and return how it ended.

    Parameters
    ----------
    folder : of the desk
    desk : its desk file, without ``place``
    moves : what others do
    speed : seconds of the market in a second; 0 waits for each answer
    until : seconds after which the kill switch is pulled; None for never
    cancels_ahead : of the exchange's queue (:class:`tradepulse.execution.matching.Venue`)
    say : is told what the engine says
    picture : is given the desk to be drawn, four times a second

    Raises
    ------
    BookLocked
        If it trades already.
    ExecutionError
        If the engine refuses, or dies again and again.
    """
    with _held(folder, desk), _short_folder(folder) as short:
        if (folder / "gateway.journal").exists():
            raise ConfigError(f"{folder}: this book trades live; name another with --book")
        spec = _written(folder, {**desk, "place": str(short / "venue")})
        before = Watched(folder, spec.terms).path.state if (folder / "orders.journal").is_file() else None
        if before is not None and before.open:
            # The exchange of the last run is gone, and with it what was open there; the engine learns it as it logs on.
            (say or (lambda line: None))(f"{len(before.open)} orders of the last run are no longer at the exchange")
        exchange = Exchange(
            moves, spec.place, speed=speed, positions=_positions(spec.terms, before),
            lots=[one.lot for one in spec.terms.venues] or [spec.terms.lot], cancels_ahead=cancels_ahead,
        )  # fmt: skip
        if before is not None:
            exchange.go_on_from(before.heard, len(before.seen_fills))
        try:
            return _supervise(folder, spec, exchange, until, say, picture)
        finally:
            exchange.close()


def run_live(
    folder: Path,
    desk: Mapping[str, Any],
    there: "Sequence[Counterparty]",
    *,
    beside: Sequence[Mapping[str, float]] = (),
    until: float | None = None,
    say: Callable[[str], None] | None = None,
    picture: Callable[[Watched], None] | None = None,
) -> dict[str, Any]:
    """Trade at a real exchange until the kill switch is pulled, and return how it ended.

    Grid and fees are those that an exchange says. Whatever ends the run, what is open there is canceled. Several
    instruments have one account; the desk file says what each is, in their order. After them come the other exchanges
    at which the first one is traded too.

    Parameters
    ----------
    folder, until, say, picture : as of :func:`run_paper`
    desk : its desk file, without ``place``, grid and fees
    there : instruments of the account, and the first one at other exchanges
    beside : how far away each of those is, as a desk file has it

    Raises
    ------
    BookLocked
        If it trades already.
    ExecutionError
        If the engine refuses, dies again and again, or something is left open at the exchange.
    """
    from tradepulse.execution.gateway import Gateway

    with (
        _held(folder, {**desk, **_grid(there, [Place(one.name, UNIT, UNIT) for one in there], desk, beside)}),
        _short_folder(folder) as short,
    ):
        if (folder / "orders.journal").is_file() and not (folder / "gateway.journal").exists():
            raise ConfigError(f"{folder}: this book trades on paper; name another with --book")
        gateway = Gateway(there, folder, short / "gateway", say or (lambda line: None))
        try:
            said = {
                **desk, **_grid(there, gateway.terms, desk, beside), "place": str(short / "gateway"), "clock": "own",
            }  # fmt: skip
            return _supervise(folder, _written(folder, said), gateway, until, say, picture)
        finally:
            left = gateway.leave()
            gateway.close()
            if left:
                names = ", ".join(one.name for one in there)
                raise ExecutionError(f"{folder}: ESCALATED: {', '.join(left)} may be open at {names}; look there")


def _grid(
    there: "Sequence[Counterparty]", terms: Sequence[Place], desk: Mapping[str, Any],
    beside: Sequence[Mapping[str, float]],
) -> dict[str, Any]:  # fmt: skip
    """Return what a desk file says of the venues: the first one, and where there are more all of them."""
    said: list[dict[str, Any]] = [
        {
            "tick": f"{from_units(one.tick, UNIT):f}", "lot": f"{from_units(one.lot, UNIT):f}",
            "maker_bp": f"{from_units(one.maker_fee, FEE):f}", "taker_bp": f"{from_units(one.taker_fee, FEE):f}",
        }
        for one in terms
    ]  # fmt: skip
    if len(said) == 1:
        return said[0]
    its = [*({"instrument": one["symbol"]} for one in desk.get("instruments", ())), *beside]
    others = [{**of, "name": one.name, **more} for of, one, more in zip(said[1:], there[1:], its, strict=True)]
    return {**said[0], "venue": there[0].name, "venues": others}


@contextmanager
def _held(folder: Path, desk: Mapping[str, Any]) -> Iterator[None]:
    """Hold a desk's folder; what is wrong with its file is said before anything is there."""
    parse_desk(json.dumps({**desk, "place": "here"}))
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, _LOCK):
        yield


@contextmanager
def _short_folder(folder: Path) -> Iterator[Path]:
    """Give a folder for the socket: the system takes no path beyond a hundred characters."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix=f"tp-{folder.name[:20]}-") as short:
        yield Path(short)


def _written(folder: Path, desk: Mapping[str, Any]) -> Spec:
    """Write a desk file, for the engine and for who watches; return what it says."""
    text = json.dumps(desk, indent=1)
    spec = parse_desk(text)
    replace_text(folder / "desk.json", text)
    return spec


def _supervise(
    folder: Path, spec: Spec, exchange: "Exchange | Gateway", until: float | None, say: Callable[[str], None] | None,
    picture: Callable[[Watched], None] | None,
) -> dict[str, Any]:  # fmt: skip
    log = folder / "engine.log"
    engine = _start(folder, log)
    end = None if until is None else time.monotonic() + until
    starts, shown, told, watched = 1, 0.0, log.stat().st_size if log.exists() else 0, None
    try:
        while engine.poll() is None or engine.returncode < 0:
            if engine.returncode is not None:
                if starts == _STARTS:
                    raise ExecutionError(f"{folder}: the engine died {starts} times; see {log}")
                starts += 1
                if say:
                    say(f"the engine died (signal {-engine.returncode}); starting it again")
                engine = _start(folder, log)
            try:
                exchange.serve(0.1)
                if end is not None and time.monotonic() > end:
                    end = None
                    pull_kill_switch(folder, "the time is up", "--until")
            except KeyboardInterrupt:
                pull_kill_switch(folder, "Ctrl-C", "the terminal")
            told = _tell(log, told, say)
            if picture and time.monotonic() - shown > 0.25 and (folder / "orders.journal").is_file():
                shown = time.monotonic()
                watched = watched or Watched(folder, spec.terms)
                watched.refresh()
                picture(watched)
    finally:
        if engine.poll() is None:
            engine.terminate()
            engine.wait()
    _tell(log, told, say)
    output = engine.stdout.read() if engine.stdout else ""
    if not output:
        last = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
        raise (ConfigError if engine.returncode == 2 else ExecutionError)(f"{folder}: the engine ended: {last[0]}")
    outcome: dict[str, Any] = {**json.loads(output), "starts": starts}
    return outcome


def _start(folder: Path, log: Path) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "tradepulse.execution",
        "--folder",
        str(folder),
        "--desk",
        str(folder / "desk.json"),
    ]
    with log.open("a") as told:
        # Its own group: Ctrl-C is for us, and reaches it as the kill switch.
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True, start_new_session=True)


def _tell(log: Path, told: int, say: Callable[[str], None] | None) -> int:
    """Pass on the whole lines that the engine has said since."""
    with log.open("rb") as lines:
        lines.seek(told)
        new = lines.read()
    whole = new[: new.rfind(b"\n") + 1]
    if say:
        for line in whole.decode(errors="replace").splitlines():
            say(line)
    return told + len(whole)

"""What the commands that trade on a book have in common: where the market is from, who trades on it, on what terms."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tradepulse.core.orders import UNIT, from_units
from tradepulse.errors import ConfigError, DataError, MissingData, UnknownName
from tradepulse.execution.engine import LIMIT_UNITS
from tradepulse.execution.terms import FEE, MONEY, OF_INSTRUMENT, OF_STRATEGY, Instrument, Limits, Place
from tradepulse.interfaces.cli.params import key_values, number, values_of

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.backtest.book import Ways
    from tradepulse.backtest.book_shocks import Strike
    from tradepulse.backtest.grid import Grid
    from tradepulse.core.quoting.base import QuotingStrategy
    from tradepulse.execution.desk import Move
    from tradepulse.execution.terms import Terms

#: Sets of parameters in one sweep over a book.
_MOST_SETS = 10_000
_PATH = click.Path(path_type=Path)
_MARKET = (
    click.option("--recording", type=_PATH, help="Level-2 recording, a line per message."),
    click.option("--quotes", type=_PATH, help="File of quotes, in place of a recording."),
    click.option("--trades", type=_PATH, help="File of trades beside the quotes."),
)
_STRATEGY = (
    click.option(
        "--strategy",
        "named",
        required=True,
        multiple=True,
        metavar="NAME[,KEY=VALUE...]",
        help="imbalance_taker, touch_maker, hedged_maker, breakout, twap, vwap, pov, or a strategy of bars, which is "
        "given bars of seconds= and holds units of unit=; champion is what was promoted. Named again, several trade "
        "one account: each with its parameters, limits of its own such as max_position=0.02, and on=, what it trades, "
        "if that is not the first instrument.",
    ),
    click.option(
        "--param",
        "params",
        multiple=True,
        help="name=value, of the first strategy; to sweep name=first:last:step; may be repeated.",
    ),
)
_OPTIONS = (
    *_MARKET,
    *_STRATEGY,
    click.option("--cash", default=10_000.0, show_default=True, help="Cash at the start."),
    click.option("--tick", default=0.01, show_default=True, help="Smallest step of a price."),
    click.option("--lot", default=0.00001, show_default=True, help="Smallest step of a quantity."),
    click.option("--maker-bp", default=0.0, show_default=True, help="Fee of a resting order, bp; below 0 a rebate."),
    click.option("--taker-bp", default=4.0, show_default=True, help="Fee of an order that takes, bp."),
    click.option("--beside", multiple=True, metavar="FILE,KEY=VALUE,...",
                 help="Recording of another venue of the instrument; what takes is routed. Keys: tick, lot, maker_bp, "
                      "taker_bp, latency_us, fades_us. May be repeated."),
    click.option("--instrument", multiple=True, metavar="FILE,KEY=VALUE,...",
                 help="Recording of another instrument of the account, for the same money; its name is that of the "
                      "file. Keys: those of --beside, max_order_quantity, max_order_notional, max_position, "
                      "price_collar_bp. May be repeated."),
    click.option("--history", type=_PATH,
                 help="File of bars before the market, each of seconds=, which a strategy of bars begins with."),
    click.option("--cancels-ahead", default=0.0, show_default=True,
                 help="How much of its share stood ahead of us in what others take back: 0 none, 1 all of it."),
)  # fmt: skip


@dataclass
class OnBook:
    """What was asked for, checked.

    ``numbers`` are as they were given; ``teams`` has those who trade together, for each set of the first's parameters;
    ``beside`` the files of all venues but the first, in their order.
    """

    teams: "list[list[QuotingStrategy]]"
    terms: "Terms"
    numbers: dict[str, float]
    cancels_ahead: float
    beside: tuple[Path, ...]
    recording: Path | None
    quotes: Path | None
    trades: Path | None
    grid: "Grid"
    history: list[list[list[Any]]]

    @property
    def team(self) -> "list[QuotingStrategy]":
        """The one that was asked for."""
        if len(self.teams) > 1:
            raise ConfigError(f"--param asks for {len(self.teams)} sets; name one, or use backtest sweep-book")
        return self.teams[0]

    @property
    def desk(self) -> dict[str, Any]:
        """What a desk file says of the strategies, and of venues and instruments beside the first one."""
        said = said_of(self.team, self.terms.strategies, self.symbols)
        if self.beside:
            said |= {"venue": self.market_name, "venues": self.venues}
        if self.history:
            said["history"] = self.history
        if self.terms.instruments:
            said["instruments"] = [
                {"symbol": one.symbol, "limits": _plain(one.limits, OF_INSTRUMENT)}
                for one in self.terms.instruments[1:]
            ]
        return said

    @property
    def symbols(self) -> list[str]:
        """What is traded."""
        return [one.symbol for one in self.terms.instruments] or [self.market_name]

    @property
    def market_name(self) -> str:
        """Name of the file that the market is from."""
        return (self.recording or self.quotes or Path()).name.partition(".")[0]

    def moves(self) -> "tuple[list[Move], str]":
        """Read the market, of all venues; return what others do, and the hash of the file, or of all of them."""
        from hashlib import sha256

        moves, source_hash = moves_from(self.recording, self.quotes, self.trades)
        hashes = [source_hash]
        for venue, path in enumerate(self.beside, 1):
            more, its = moves_from(path, None, None)
            moves += [move._replace(venue=venue) for move in more]
            hashes.append(its)
        if len(hashes) == 1:
            return moves, source_hash
        return sorted(moves, key=lambda move: move.ns), sha256("|".join(hashes).encode()).hexdigest()[:16]

    @property
    def venues(self) -> list[dict[str, Any]]:
        """The venues beside the first one, as a desk file says them."""
        return [
            {
                "name": one.name, "tick": f"{from_units(one.tick, UNIT):f}", "lot": f"{from_units(one.lot, UNIT):f}",
                "maker_bp": f"{from_units(one.maker_fee, FEE):f}", "taker_bp": f"{from_units(one.taker_fee, FEE):f}",
                "latency_us": one.latency_us, "fades_us": one.half_life_us,
                **({"instrument": self.symbols[one.instrument]} if one.instrument else {}),
            }
            for one in self.terms.venues[1:]
        ]  # fmt: skip

    def market(self, under: "Conditions") -> "tuple[list[Move], str, Ways]":
        """Return what others do under conditions, the hash of where it is from, and the ways; they are ``numbers``."""
        self._limit(under.limits)
        ways = self._ways(under)
        moves, source_hash = self.moves()
        return self._struck(moves, under.shocks), source_hash, ways

    def _limit(self, given: tuple[str, ...]) -> None:
        """Take limits of the account, as a desk has them."""
        words = key_values(given, "--limit")
        if unknown := sorted(set(words) - set(LIMIT_UNITS)):
            raise UnknownName("limit", unknown[0], LIMIT_UNITS)
        limits = _limits_in(words, tuple(LIMIT_UNITS), "--limit")
        first = tuple(one._replace(limits=limits) for one in self.terms.instruments[:1])
        self.terms = replace(self.terms, limits=limits, instruments=(*first, *self.terms.instruments[1:]))
        self.numbers |= {f"limit.{key}": float(value) for key, value in _plain(limits, tuple(LIMIT_UNITS)).items()}

    def _struck(self, moves: "list[Move]", shocks: tuple[str, ...]) -> "list[Move]":
        """Return what others do when shocks strike, one after the other, each ``NAME,at=,size=,seconds=``."""
        from tradepulse.backtest.book_shocks import Strike, struck

        for place, text in enumerate(shocks):
            name, *given = text.split(",")
            said = key_values(tuple(given), f"--shock {name}")
            if unknown := sorted(set(said) - {"at", "size", "seconds"}):
                raise ConfigError(f"--shock {name}: unknown key {unknown[0]!r}; it takes at, size, seconds")
            strike = Strike(name, **{key: float(number(key, value, f"--shock {name} ")) for key, value in said.items()})
            moves = struck(moves, strike, self.steps)
            self.numbers |= numbers_of(strike, place)
        return moves

    @property
    def steps(self) -> list[tuple[int, int]]:
        """Steps of price and quantity at each venue, in units."""
        return [(one.tick, one.lot) for one in self.terms.venues] or [(self.terms.tick, self.terms.lot)]

    def _ways(self, under: "Conditions") -> "Ways":
        """Return the latencies, those of the venue's file before others."""
        from tradepulse.backtest.book import Ways
        from tradepulse.backtest.latency import Latency

        if under.seed < 0:
            raise ConfigError(f"--seed must be at least 0, not {under.seed}")
        spread, slow = under.deviation, under.correlation
        figures = {
            "order_us": under.order_us, "order_deviation": spread, "answer_us": under.answer_us,
            "answer_deviation": spread,
        }  # fmt: skip
        if under.cancel_us is not None:
            figures["cancel_us"] = under.cancel_us
        if under.venue is not None:
            figures |= self._at(under.venue)
        self.cancels_ahead = figures.pop("cancels_ahead", self.cancels_ahead)
        if self.cancels_ahead:
            self.numbers["cancels_ahead"] = self.cancels_ahead
        # Who is not said to be elsewhere is as far away as the first one, also to the router.
        venues = (one._replace(latency_us=one.latency_us or figures["order_us"]) for one in self.terms.venues)
        self.terms = replace(self.terms, venues=tuple(venues))
        for one in self.venues:
            self.numbers |= {
                f"{one['name']}.{key}": float(value) for key, value in one.items() if key not in {"name", "instrument"}
            }
        for other in self.terms.instruments[1:]:
            limits = _plain(other.limits, OF_INSTRUMENT)
            self.numbers |= {f"{other.symbol}.{key}": float(value) for key, value in limits.items()}
        self.numbers |= {
            "feed": under.feed_us, "order": figures["order_us"], "answer": figures["answer_us"], "deviation": spread,
            "correlation": slow, "seed": under.seed, **(figures if under.venue is not None else {}),
            **({"cancel": figures["cancel_us"]} if "cancel_us" in figures else {}),
        }  # fmt: skip
        if under.stops == "desk":
            self.numbers["stops_at_desk"] = 1
        return Ways(
            Latency(under.feed_us, spread, slow), Latency(figures["order_us"], figures["order_deviation"], slow),
            Latency(figures["answer_us"], figures["answer_deviation"], slow), under.seed,
            Latency(figures["cancel_us"], figures["order_deviation"], slow) if "cancel_us" in figures else None,
            under.stops == "desk",
        )  # fmt: skip

    def _at(self, venue: Path) -> dict[str, float]:
        """Take a venue's fees, and return the latencies that its file says; refuse what the command line says too."""
        from tradepulse.backtest.venue import load_book

        said, grid = load_book(venue)
        self.grid = grid
        for place, (begin, end) in enumerate(grid.shut):
            self.numbers |= {f"shut.{place}.begin": begin.timestamp(), f"shut.{place}.end": end.timestamp()}
        if grid.rate:
            self.numbers |= {"rate.orders": grid.rate.orders, "rate.seconds": grid.rate.seconds}
        context = click.get_current_context()
        for key in ("maker_bp", "taker_bp", "order_us", "answer_us", "cancel_us", "cancels_ahead"):
            if key in said and context.get_parameter_source(key) is ParameterSource.COMMANDLINE:
                raise ConfigError(f"--{key.replace('_', '-')} and {venue.name} both say it; leave one out")
        self.numbers |= {key: said.pop(key) for key in ("maker_bp", "taker_bp") if key in said}
        maker, taker = (round(self.numbers[key] * FEE) for key in ("maker_bp", "taker_bp"))
        first = [one._replace(maker_fee=maker, taker_fee=taker) for one in self.terms.venues[:1]]
        venues = (*first, *self.terms.venues[1:])
        self.terms = replace(self.terms, maker_fee=maker, taker_fee=taker, venues=venues)
        return said


def numbers_of(strike: "Strike", place: int) -> dict[str, float]:
    """Return what a shock has to do with the answer; ``place`` among those that strike."""
    which = f"shock.{place}.{strike.name}"
    return {f"{which}.at": strike.at, f"{which}.size": strike.extent, f"{which}.s": strike.lasts}


@dataclass(frozen=True)
class Conditions:
    """What a run on a book holds for, as it was given: how long things take on their way, limits and shocks."""

    feed_us: float
    order_us: float
    cancel_us: float | None
    answer_us: float
    deviation: float
    correlation: float
    seed: int
    stops: str
    venue: Path | None
    limits: tuple[str, ...]
    shocks: tuple[str, ...]


def limit_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option of limits of the account."""
    return click.option(
        "--limit", "limits", multiple=True,
        help="name=value of a risk limit, such as max_position=0.05 or, of what is not borrowed, max_leverage=1 and "
        "max_short=0; may be repeated.",
    )(function)  # fmt: skip


_CONDITIONS = (
    click.option("--feed-us", default=1_000.0, show_default=True, help="Median microseconds from the venue to us."),
    click.option("--order-us", default=1_000.0, show_default=True, help="Median microseconds from us to the venue."),
    click.option(
        "--cancel-us", type=float, help="The same of a cancel, on a way of its own; by default that of orders."
    ),
    click.option("--answer-us", default=1_000.0, show_default=True, help="Median microseconds of an answer."),
    click.option("--deviation", default=0.0, show_default=True, help="Of the logarithm of each latency."),
    click.option("--correlation", default=0.0, show_default=True, help="Of each latency with the one before."),
    click.option("--seed", default=0, show_default=True, help="Of the latencies."),
    click.option(
        "--stops",
        type=click.Choice(["venue", "desk"]),
        default="venue",
        show_default=True,
        help="Where what waits for a price waits; of a live desk at its gateway, the way to us and back later.",
    ),
    click.option(
        "--venue",
        type=_PATH,
        help="Shipped venue, or YAML file, whose book says fees and latencies, as calibrate writes it.",
    ),
    limit_option,
    click.option(
        "--shock",
        "shocks",
        multiple=True,
        metavar="NAME[,at=SHARE,size=SHARE,seconds=S]",
        help="What strikes the market: flash_crash, gap, drought, wide_spread or silence; at is where, as a share of "
        "its time. May be repeated.",
    ),
)


def under_conditions(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of what a run on a book holds for, and pass them on as ``under``."""

    @wraps(function)
    def command(**given: Any) -> Any:
        names = Conditions.__dataclass_fields__
        return function(under=Conditions(**{name: given.pop(name) for name in names}), **given)

    for option in reversed(_CONDITIONS):
        command = option(command)
    return command


def strategy_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a strategy."""
    for option in reversed(_STRATEGY):
        function = option(function)
    return function


def market_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a market."""
    for option in reversed(_MARKET):
        function = option(function)
    return function


def on_book(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a market, a strategy and an account, and pass them on as ``asked``."""

    @wraps(function)
    def command(**given: Any) -> Any:
        names = (
            "recording",
            "quotes",
            "trades",
            "named",
            "params",
            "cash",
            "tick",
            "lot",
            "maker_bp",
            "taker_bp",
            "cancels_ahead",
            "beside",
            "instrument",
            "history",
        )
        return function(asked=_checked(**{name: given.pop(name) for name in names}), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def moves_from(recording: Path | None, quotes: Path | None, trades: Path | None) -> "tuple[list[Move], str]":
    """Read a market from a recording, or from quotes and trades; return what others do, and the hash of the file."""
    from tradepulse.backtest.book import moves_of_quotes, moves_of_recording
    from tradepulse.ingestion.files import load_file
    from tradepulse.ingestion.recording import load_recording

    if (recording is None) == (quotes is None):
        raise ConfigError("name either --recording or --quotes")
    if trades is not None and quotes is None:
        raise ConfigError("--trades go with --quotes; a recording has its own")
    if recording is not None:
        source = load_recording(recording)
        return moves_of_recording(source), source.source_hash
    table, source_hash = load_file(quotes or Path())
    printed = load_file(trades)[0] if trades is not None else None
    return moves_of_quotes(
        _ticks(table, quotes, ("bid", "bid_size", "ask", "ask_size")),
        None if printed is None else _ticks(printed, trades, ("price", "size")),
    ), source_hash


def _checked(
    recording: Path | None, quotes: Path | None, trades: Path | None, named: tuple[str, ...], params: tuple[str, ...],
    cash: float, tick: float, lot: float, maker_bp: float, taker_bp: float, cancels_ahead: float,
    beside: tuple[str, ...], instrument: tuple[str, ...], history: Path | None,
) -> OnBook:  # fmt: skip
    from decimal import Decimal

    from tradepulse.backtest.grid import Grid
    from tradepulse.execution.terms import Terms

    first_name = (recording or quotes or Path()).name.partition(".")[0]
    others = [_other_venue("--beside", text)[:2] for text in beside]
    instruments = [Instrument(first_name)]
    for at, text in enumerate(instrument, 1):
        path, place, own = _other_venue("--instrument", text, OF_INSTRUMENT)
        others.append((path, place._replace(instrument=at)))
        instruments.append(Instrument(place.name, own))
    teams, limits = teams_of(named, params, [one.symbol for one in instruments])
    for name, value, least in (("--cash", cash, 0.0), ("--tick", tick, 1e-9), ("--lot", lot, 1e-9)):
        if not least <= value <= 1e12:
            raise ConfigError(f"{name} must lie between {least:g} and 1e+12, not {value}")
    for name, value in (("--maker-bp", maker_bp), ("--taker-bp", taker_bp)):
        if not -100 <= value <= 100:
            raise ConfigError(f"{name} must lie between -100 and 100, not {value}")
    if not 0 <= cancels_ahead <= 1:
        raise ConfigError(f"--cancels-ahead must lie between 0 and 1, not {cancels_ahead}")
    terms = Terms(
        round(tick * UNIT),
        round(lot * UNIT),
        round(maker_bp * FEE),
        round(taker_bp * FEE),
        cash=int(Decimal(str(cash)) * MONEY),
        strategies=limits,
    )
    if others:
        first = Place(first_name, terms.tick, terms.lot, terms.maker_fee, terms.taker_fee)
        terms = replace(
            terms, venues=(first, *(place for _, place in others)),
            instruments=tuple(instruments) if len(instruments) > 1 else (),
        )  # fmt: skip
        if len({place.name for place in terms.venues}) < len(terms.venues):
            raise ConfigError("--beside, --instrument: two files have one name, which is that of the venue")
    numbers = {"cash": cash, "tick": tick, "lot": lot, "maker_bp": maker_bp, "taker_bp": taker_bp}
    for one, own in zip(teams[0], limits if limits else [Limits()] * len(teams[0]), strict=True):
        said = {limit: getattr(own, limit) for limit in OF_STRATEGY}
        numbers |= {f"{one.name}.{key}": most / LIMIT_UNITS[key] for key, most in said.items() if most is not None}
        if one.instrument:
            numbers[f"{one.name}.on"] = one.instrument
    paths = tuple(path for path, _ in others)
    before, source_hash = bars_before(teams, history)
    if history is not None:
        numbers["history"] = int(source_hash[:12], 16)
    return OnBook(teams, terms, numbers, cancels_ahead, paths, recording, quotes, trades, Grid(), before)


def _split(text: str, symbols: Sequence[str]) -> "tuple[str, int, dict[str, str], Limits]":
    """Return a strategy's name, instrument, parameters and limits from ``NAME,KEY=VALUE,...``."""
    name, *given = text.split(",")
    said = key_values(tuple(given), f"--strategy {name}")
    if name == "champion":
        name, its = _champion()
        said = its | said
    on = said.pop("on", symbols[0])
    if on not in symbols:
        raise ConfigError(f"--strategy {name}: on={on}: there is no such instrument; there are {', '.join(symbols)}")
    return name, symbols.index(on), said, _limits_in(said, OF_STRATEGY, f"--strategy {name}")


def promoted() -> dict[str, Any]:
    """Return the promotion that trades: a champion, or a shadow while there is none."""
    from tradepulse.backtest.signals import trading
    from tradepulse.warehouse.lake import Lake

    lake = Lake(click.get_current_context().obj["lake"])
    if not lake.partitions("promotions"):
        raise MissingData("--strategy champion: nothing has been promoted yet; make run, or name a strategy")
    return trading(lake.read("promotions"))


def _champion() -> "tuple[str, dict[str, str]]":
    """Return name and parameters of the strategy that was promoted, as a person would write them."""
    from tradepulse.backtest.signals import promoted_strategy

    promotion = promoted()
    promoted_strategy(promotion)  # of the version that was promoted, or of none
    params = {**json.loads(promotion["params"]), "quantity": promotion["quantity"]}
    return promotion["strategy"].partition("@")[0], {key: f"{value:.17g}" for key, value in params.items()}


def _limits_in(said: dict[str, str], known: Sequence[str], option: str) -> Limits:
    """Take limits out of what an option says."""
    from decimal import Decimal

    limits = {}
    for key in known:
        if key not in said:
            continue
        most = number(key, text := said.pop(key), f"{option} ")
        if not 0 <= most <= 1e12:
            raise ConfigError(f"{option}: {key} must lie between 0 and 1e+12, not {most:g}")
        exact = Decimal(text) * LIMIT_UNITS[key]
        if exact != exact.to_integral_value():
            raise ConfigError(f"{option}: {key}={text}: finer than there are units")
        limits[key] = int(exact)
    return Limits(**limits)


def _plain(limits: Limits, known: Sequence[str]) -> dict[str, str]:
    """Return limits as a desk file says them."""
    return {
        key: f"{from_units(most, LIMIT_UNITS[key]):f}" for key in known if (most := getattr(limits, key)) is not None
    }


def teams_of(
    named: tuple[str, ...], params: tuple[str, ...], symbols: Sequence[str]
) -> "tuple[list[list[QuotingStrategy]], tuple[Limits, ...]]":
    """Return who trades together, for each set of the first one's parameters, and the limits of each."""
    from tradepulse.core.quoting.loader import quoting_strategy
    from tradepulse.execution.desk import MOST_STRATEGIES

    asked = [_split(text, symbols) for text in named]
    if len(asked) > MOST_STRATEGIES:
        raise ConfigError(f"--strategy: at most {MOST_STRATEGIES} trade together, not {len(asked)}")
    if len({(name, on) for name, on, *_ in asked}) < len(asked):
        raise ConfigError("--strategy: one is named twice; each trades an instrument of an account once")
    first = key_values(params)
    if twice := sorted(set(first) & set(asked[0][2])):
        raise ConfigError(f"--param and --strategy both say {twice[0]}; leave one out")
    grid = {key: values_of(key, value) for key, value in (asked[0][2] | first).items()}
    if (sets := prod(map(len, grid.values()))) > _MOST_SETS:
        raise ConfigError(f"--param asks for {sets:,} sets, at most {_MOST_SETS:,}")
    others = [
        (name, {key: number(key, value, f"--strategy {name} ") for key, value in given.items()})
        for name, _, given, _ in asked[1:]
    ]
    teams = [
        [
            quoting_strategy(asked[0][0])(**dict(zip(grid, chosen, strict=True))),
            *(quoting_strategy(name)(**given) for name, given in others),
        ]
        for chosen in product(*grid.values())
    ]
    for team in teams:
        for one, (_, on, *_) in zip(team, asked, strict=True):
            one.instrument = on
            if one.several and len(symbols) == 1:
                raise ConfigError(f"--strategy {one.name}: trades several instruments, and there is one: {symbols[0]}")
    alone = len(asked) == 1 and asked[0][3] == Limits()
    return teams, () if alone else tuple(limits for *_, limits in asked)


def bars_before(teams: "Sequence[Sequence[QuotingStrategy]]", path: Path | None) -> tuple[list[list[list[Any]]], str]:
    """Return the last bars of a file, as many as the first strategy looks at, as a desk has them, and its hash."""
    if path is None:
        return [], ""
    from tradepulse.core.quoting.on_bars import OnBars
    from tradepulse.ingestion.files import load_whole_bars

    firsts = [team[0] for team in teams]
    if not all(isinstance(one, OnBars) and not one.several for one in firsts):
        raise ConfigError(f"--history: {firsts[0].name} is no strategy of bars of one instrument")
    bars = load_whole_bars(path)
    if len(symbols := sorted(bars["symbol"].unique())) > 1:
        raise ConfigError(f"--history {path}: has bars of {', '.join(symbols)}; name a file of one symbol")
    apart = bars["ts"].diff().min().total_seconds() if len(bars) > 1 else float("nan")
    seconds = firsts[0].settings["seconds"]
    # Sessions of a day begin an hour earlier or later where clocks change.
    if not abs(apart - seconds) <= (3_600 if seconds == 86_400 else 0):
        raise ConfigError(f"--history {path}: its bars are {apart:g} s apart, and those of the strategy {seconds:g} s")
    stamps = bars["ts"].to_numpy("datetime64[ns]").astype("int64").tolist()
    figures = bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist()
    most = max(one.run_in for one in firsts if isinstance(one, OnBars))
    found = [[[ns, str(firsts[0].instrument), *row]] for ns, row in zip(stamps, figures, strict=True)]
    return found[-most:], str(bars["source_hash"].iloc[0])


def identity_of(team: "Sequence[QuotingStrategy]") -> tuple[str, dict[str, float]]:
    """Return the id of those who trade together, and their parameters."""
    params = dict(team[0].settings) | {f"{one.name}.{key}": v for one in team[1:] for key, v in one.settings.items()}
    return "+".join(one.id for one in team), params


def desk_identity(team: "Sequence[QuotingStrategy]") -> tuple[str, str]:
    """Return the id of those who trade a desk together, and as JSON their parameters and what each trades."""
    id, params = identity_of(team)
    on = {f"{one.name}.on": one.instrument for one in team if one.instrument}
    return id, json.dumps(params | on, sort_keys=True)


def said_of(team: "Sequence[QuotingStrategy]", limits: "Sequence[Limits]", symbols: Sequence[str]) -> dict[str, Any]:
    """Return what a desk file says of those who trade it."""
    own = [_plain(of, OF_STRATEGY) for of in limits]
    said: list[dict[str, Any]] = [
        {"strategy": one.name, "params": one.settings, **({"on": symbols[one.instrument]} if one.instrument else {})}
        for one in team
    ]
    if not limits:
        return said[0]
    others = [{**one, "limits": its} for one, its in zip(said[1:], own[1:], strict=True)]
    return {**said[0], "strategy_limits": own[0], "strategies": others}


def _other_venue(option: str, text: str, limited: Sequence[str] = ()) -> "tuple[Path, Place, Limits]":
    """Return recording and terms of another venue, and the limits that are said with them."""
    file, *given = text.split(",")
    words = key_values(tuple(given), option)
    limits = _limits_in(words, limited, f"{option} {file}")
    said = {key: number(key, value, f"{option} ") for key, value in words.items()}
    ranges = {
        "tick": (1e-9, 1e12), "lot": (1e-9, 1e12), "maker_bp": (-100.0, 100.0), "taker_bp": (-100.0, 100.0),
        "latency_us": (0.0, 6e7), "fades_us": (0.0, 1e12),
    }  # fmt: skip
    if unknown := sorted(set(said) - set(ranges)):
        raise ConfigError(f"{option} {text}: unknown key {unknown[0]!r}; it takes {', '.join((*ranges, *limited))}")
    for key, value in said.items():
        low, high = ranges[key]
        if not low <= value <= high:
            raise ConfigError(f"{option} {text}: {key} must lie between {low:g} and {high:g}, not {value:g}")
    return Path(file), Place(
        Path(file).name.partition(".")[0], round(said.get("tick", 0.01) * UNIT), round(said.get("lot", 1e-5) * UNIT),
        round(said.get("maker_bp", 0.0) * FEE), round(said.get("taker_bp", 4.0) * FEE), said.get("latency_us", 0.0),
        said.get("fades_us", 0.0),
    ), limits  # fmt: skip


def instruments_of(symbol: str, others: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a desk file says of the instruments beside the first, from ``SYMBOL,KEY=VALUE,...`` of each."""
    found: list[dict[str, Any]] = []
    money = symbol.partition("/")[2]
    for text in others:
        name, *given = text.split(",")
        option = f"--instrument {name}"
        words = key_values(tuple(given), option)
        limits = _limits_in(words, OF_INSTRUMENT, option)
        if words:
            raise ConfigError(f"{option}: unknown key {next(iter(words))!r}; it takes {', '.join(OF_INSTRUMENT)}")
        if name in (symbol, *(one["symbol"] for one in found)):
            raise ConfigError(f"{option}: is traded already; name each once")
        if name.partition("/")[2] != money:
            raise ConfigError(f"{option}: an account has one money, and {symbol} is traded for {money or 'another'}")
        if limits.max_position is None:
            raise ConfigError(f"{option}: a live desk has a bound; say max_position=, in units of it")
        found.append({"symbol": name, "limits": _plain(limits, OF_INSTRUMENT)})
    return found


def _ticks(table: "pd.DataFrame", path: Path | None, figures: tuple[str, ...]) -> "pd.DataFrame":
    """Return quotes or trades with the columns that a book is made of, by time; refuse what is none."""
    import pandas as pd

    if absent := [name for name in ("ts", *figures) if name not in table.columns]:
        raise DataError(f"{path}: lacks the column {absent[0]!r}; it needs ts, {', '.join(figures)}")
    if table.empty:
        raise DataError(f"{path}: has columns but no rows; there is nothing to use")
    table = table.assign(ts=pd.to_datetime(table["ts"]))
    if table["ts"].dt.tz is None:
        raise DataError(f"{path}: its times have no zone; write them as 2024-05-24T13:30:00Z")
    values = table[list(figures)].to_numpy(dtype=float)
    if not ((values > 0) & (values < 1e9)).all():
        raise DataError(f"{path}: a price or size is missing, infinite or not above zero")
    return table.sort_values("ts", kind="stable")

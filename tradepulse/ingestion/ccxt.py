"""Bars, trades and instruments of a hundred crypto exchanges, through their common client ``ccxt`` (MIT).

These markets never close: a session is a day in UTC, and a bar is taken once its day is over.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

import pandas as pd

from tradepulse.core.resampling import interval_name, interval_named
from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, DataError, MissingData, SourceUnavailable, ToolMissing
from tradepulse.ingestion.source import BAR_RULES, Covered, Delivery, Part, Rule, Wanted, sift, uncovered
from tradepulse.ingestion.ticks import TRADE_RULES

#: Bars, and trades, asked for in one request: what every large exchange gives.
_PAGE = 500
#: Bars, and time for trades, that are stepped over where an exchange has none from a time on: many answer with a window
#: of time and not with what comes next, so that an empty page is not the end.
_STEP, _TRADES_STEP = 200, timedelta(hours=1)
#: Days in one piece, by the length of the bars; trades are taken day by day.
_DAYS = ((timedelta(minutes=15), 7), (timedelta(hours=6), 90), (timedelta.max, 1_000))


class CcxtSource:
    """An exchange that ccxt knows.

    Parameters
    ----------
    exchange : ccxt's name of it, for instance ``binance``
    url : base of its public API, where it is not the exchange's own: a recording proxy, a test server
    timeout : seconds to wait for an answer
    """

    name: ClassVar[str] = "ccxt"
    tables: ClassVar[tuple[str, ...]] = ("bars", "trades", "instruments")
    options: ClassVar[Mapping[str, str]] = {
        "exchange": "ccxt's name of the exchange, for instance binance",
        "url": "base of its public API, where it is not the exchange's own",
        "timeout": "seconds to wait for an answer, 10 by default",
    }

    def __init__(self, exchange: str = "", url: str = "", timeout: str = "10") -> None:
        try:
            import ccxt
        except ImportError as exc:
            raise ToolMissing("source ccxt needs the ccxt package: pip install 'tradepulse[ccxt]'") from exc
        if exchange not in ccxt.exchanges:
            raise ConfigError(
                f"--option exchange={exchange}: ccxt knows no such exchange; for instance binance or kraken"
            )
        try:
            seconds = float(timeout)
        except ValueError as exc:
            raise ConfigError(f"--option timeout={timeout}: not a number of seconds") from exc
        self._ccxt = ccxt
        self._exchange = getattr(ccxt, exchange)({"enableRateLimit": True, "timeout": int(1000 * seconds)})
        if url:
            api = self._exchange.urls["api"]
            self._exchange.urls["api"] = dict.fromkeys(api, url) if isinstance(api, dict) else url
        self._name, self._url = exchange, url

    @property
    def identity(self) -> str:
        """The exchange, and where it is asked."""
        return f"ccxt {self._name} {self._url}".strip()

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return what is missing of each symbol, a piece of days at a time, up to the last day that is over."""
        if wanted.table == "instruments":
            return [Part("instruments", wanted)]
        if not wanted.symbols:
            raise ConfigError("source ccxt needs --symbol, for instance --symbol BTC/USDT")
        if wanted.first == date.min:
            raise ConfigError("source ccxt needs --start: exchanges reach back to different days")
        length = interval_named(wanted.interval)
        if wanted.table == "bars":
            self._timeframe(length)
        days = 1 if wanted.table == "trades" else next(days for most, days in _DAYS if length <= most)
        last = min(wanted.last, datetime.now(UTC).date() - timedelta(days=1))
        parts = []
        for symbol in wanted.symbols:
            stream = f"trades {symbol}" if wanted.table == "trades" else f"bars {interval_name(length)} {symbol}"
            for first, until in uncovered(wanted.first, last, covered(stream)[0], days):
                parts.append(Part(stream, replace(wanted, symbols=(symbol,), first=first, last=until)))
        return parts

    def fetch(self, part: Part) -> Delivery:
        """Return the rows of a piece, page by page."""
        match part.wanted.table:
            case "bars":
                return self._bars(part.wanted)
            case "trades":
                return self._trades(part.wanted)
        return self._instruments()

    def _timeframe(self, length: pd.Timedelta) -> str:
        spelled = interval_name(length).replace("min", "m").replace("D", "d")
        if spelled not in (self._exchange.timeframes or {}):
            known = ", ".join(self._exchange.timeframes or {})
            raise ConfigError(f"--interval {interval_name(length)}: {self._name} has no such bars; it has {known}")
        return spelled

    def _bars(self, wanted: Wanted) -> Delivery:
        length = interval_named(wanted.interval)
        frame_name, symbol = self._timeframe(length), wanted.symbols[0]

        def page(since: int) -> list[list[Any]]:
            rows: list[list[Any]] = self._ask(
                lambda: self._exchange.fetch_ohlcv(symbol, frame_name, since, _PAGE), symbol
            )
            return rows

        rows = [row for batch in self._pages(page, wanted, symbol, lambda row: row[0], _STEP * length) for row in batch]
        digest = _digest(rows)
        raw = pd.DataFrame(rows, columns=["ms", "open", "high", "low", "close", "volume"])
        ts = _instants(raw["ms"])
        raw = pd.DataFrame(
            {
                "ts": ts,
                "session": ts.dt.normalize().dt.tz_localize(None),
                "symbol": pd.Series([symbol] * len(raw), dtype="str"),
                **{name: pd.to_numeric(raw[name], errors="coerce").astype(float) for name in raw.columns[1:]},
                "open_is_stale": pd.Series(False, index=raw.index, dtype=bool),
                "source": pd.Series([f"ccxt:{self._name}"] * len(raw), dtype="str"),
                "source_hash": pd.Series([digest] * len(raw), dtype="str"),
            }
        )
        place = f"bars_{interval_name(length)}"
        return _sifted("bars", raw, [*BAR_RULES, _on_grid(length)], digest, place)

    def _trades(self, wanted: Wanted) -> Delivery:
        symbol = wanted.symbols[0]

        def page(since: int) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = self._ask(lambda: self._exchange.fetch_trades(symbol, since, _PAGE), symbol)
            return rows

        rows = [
            row
            for batch in self._pages(page, wanted, symbol, lambda row: row["timestamp"], _TRADES_STEP)
            for row in batch
        ]
        digest = _digest([(row["id"], row["timestamp"], row["price"], row["amount"]) for row in rows])
        ids = pd.Series([str(row["id"]) for row in rows], dtype="str")
        raw = pd.DataFrame(
            {
                "ts": _instants(pd.Series([row["timestamp"] for row in rows], dtype="int64")),
                "received": pd.Series(pd.NaT, index=range(len(rows)), dtype="datetime64[ns, UTC]"),
                "symbol": pd.Series([symbol] * len(rows), dtype="str"),
                "price": pd.Series([row["price"] for row in rows], dtype=float),
                "size": pd.Series([row["amount"] for row in rows], dtype=float),
                "venue": pd.Series([self._name] * len(rows), dtype="str"),
                "condition": pd.Series([row.get("side") or "" for row in rows], dtype="str"),
                "suspicious": pd.Series(False, index=range(len(rows)), dtype=bool),
                "source": pd.Series([f"ccxt:{self._name}"] * len(rows), dtype="str"),
                "source_hash": pd.Series([digest] * len(rows), dtype="str"),
            }
        )
        once: Rule = ("the trade has not come before", lambda rows: ~ids.duplicated())
        return _sifted("trades", raw, [once, *TRADE_RULES], digest, "")

    def _instruments(self) -> Delivery:
        markets = self._ask(self._exchange.load_markets, "instruments")
        digest = _digest([(name, market["precision"], market["limits"]) for name, market in sorted(markets.items())])
        kinds = {"spot": "crypto_spot", "swap": "crypto_perpetual", "future": "future"}
        rows = [
            {
                "symbol": name,
                "kind": kinds.get(market["type"], "other"),
                "currency": market["quote"] or "",
                "venue": self._name,
                "tick": self._step(market["precision"].get("price")),
                "lot": self._step(market["precision"].get("amount")),
                "minimum_notional": (market["limits"].get("cost") or {}).get("min"),
            }
            for name, market in sorted(markets.items())
        ]
        frame = pd.DataFrame(rows)
        for column in ("tick", "lot", "minimum_notional"):
            frame[column] = frame[column].astype(float)
        nothing = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns]")
        frame = frame.assign(
            first_session=nothing, last_session=nothing, source=f"ccxt:{self._name}", source_hash=digest
        )
        accepted = table("instruments").accept(frame, f"instruments of {self._name}")
        return Delivery("instruments", len(frame), accepted, table("quarantine").no_rows(), digest)

    def _step(self, precision: float | None) -> float | None:
        """Return the step of a grid, which some exchanges give as a number of decimals."""
        if precision is None:
            return None
        return precision if self._exchange.precisionMode == self._ccxt.TICK_SIZE else float(10**-precision)

    def _pages(
        self, ask: Callable[[int], list[Any]], wanted: Wanted, symbol: str, when: Callable[[Any], Any],
        step: timedelta,
    ) -> Iterator[list[Any]]:  # fmt: skip
        """Yield what lies in a piece, page by page, until the piece is over or a page begins after it."""
        since, end = _ms(wanted.first), _ms(wanted.last + timedelta(days=1))
        while since < end:
            page = ask(since)
            times = [when(row) for row in page]
            if any(isinstance(time, bool) or not isinstance(time, int) for time in times):
                raise DataError(f"{self._name} sent rows of {symbol} without a time; ask it later, or another source")
            yield [row for row, time in zip(page, times, strict=True) if _ms(wanted.first) <= time < end]
            ahead = [time for time in times if time >= since]
            if ahead and min(ahead) >= end:
                return
            since = max(ahead) + 1 if ahead else since + int(step.total_seconds() * 1000)

    def _ask(self, question: Callable[[], Any], what: str) -> Any:
        ccxt = self._ccxt
        try:
            found = question()
            # A body that is no JSON is an empty list to some of ccxt's parsers: no rows, and nobody the wiser.
            json.loads(self._exchange.last_http_response or "null")
            return found
        except ccxt.BadSymbol as exc:
            raise MissingData(f"{self._name} has no {what}; see data ingest --source ccxt --table instruments") from exc
        except (ccxt.NetworkError, ccxt.BadResponse, ccxt.NullResponse) as exc:
            raise SourceUnavailable(
                f"{self._name} does not answer for {what}: {_line(exc)}", self._retry_after()
            ) from exc
        except ccxt.BaseError as exc:
            raise DataError(f"{self._name} refuses {what}: {_line(exc)}") from exc
        except (KeyError, TypeError, ValueError, AttributeError) as exc:  # an answer that is no answer of this exchange
            raise SourceUnavailable(f"{self._name} sent something else than {what} ({_line(exc)})") from exc

    def _retry_after(self) -> float | None:
        headers = {str(k).lower(): v for k, v in (self._exchange.last_response_headers or {}).items()}
        try:
            return float(headers["retry-after"])
        except (KeyError, ValueError):
            return None


def _on_grid(length: pd.Timedelta) -> Rule:
    step = int(length.total_seconds() * 1e9)
    return ("the bar begins on its interval", lambda rows: rows["ts"].astype("int64") % step == 0)


def _sifted(name: str, raw: pd.DataFrame, rules: list[Rule], digest: str, place: str) -> Delivery:
    kept, refused = sift(raw, rules, table_name=name, source=str(raw["source"].iloc[0]) if len(raw) else "ccxt",
                         source_hash=digest)  # fmt: skip
    model = table(name)
    # Pages may come out of order; rows of one instant stay as they came.
    rows = raw[kept][list(model.to_schema().columns)].sort_values("ts", kind="stable").reset_index(drop=True)
    return Delivery(name, len(raw), model.accept(rows, f"{name} of ccxt"), refused, digest, place)


def _instants(milliseconds: "pd.Series[int]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(milliseconds.astype("int64"), unit="ms", utc=True).dt.as_unit("ns")


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _digest(rows: Any) -> str:
    return sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _line(exc: Exception) -> str:
    return " ".join(str(exc).split())[:120] or type(exc).__name__

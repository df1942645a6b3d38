"""Daily bars and corporate actions of listed securities, through ``yfinance`` (Apache-2.0).

Yahoo gives prices that are adjusted for later splits. What is stored is raw: each price times the splits since, each
volume divided by them. For that a symbol is always asked for up to today. Yahoo's terms allow personal use and
research.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from tradepulse.core.sessions import calendar
from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, MissingData, SourceUnavailable, ToolMissing
from tradepulse.ingestion.files import opens_of
from tradepulse.ingestion.source import BAR_RULES, Covered, Delivery, Part, Wanted, sift
from tradepulse.ingestion.stale_opens import stale_opens


class YahooSource:
    """Yahoo Finance.

    Parameters
    ----------
    timeout : seconds to wait for an answer
    """

    name: ClassVar[str] = "yahoo"
    tables: ClassVar[tuple[str, ...]] = ("bars", "corporate_actions")
    options: ClassVar[Mapping[str, str]] = {"timeout": "seconds to wait for an answer, 10 by default"}
    identity = "yahoo"

    def __init__(self, timeout: str = "10") -> None:
        try:
            import yfinance
        except ImportError as exc:
            raise ToolMissing("source yahoo needs the yfinance package: pip install 'tradepulse[yahoo]'") from exc
        try:
            self._timeout = float(timeout)
        except ValueError as exc:
            raise ConfigError(f"--option timeout={timeout}: not a number of seconds") from exc
        yfinance.set_tz_cache_location(_cache_folder().name)
        yfinance.config.debug.hide_exceptions = False
        self._yfinance = yfinance

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return a piece per symbol that has days not covered yet; today is not one of them until it is over."""
        if not wanted.symbols:
            raise ConfigError("source yahoo needs --symbol, for instance --symbol SPY")
        if wanted.interval != "1D":
            raise ConfigError(f"--interval {wanted.interval}: source yahoo has daily bars (1D)")
        exchange = calendar()
        first = max(wanted.first, exchange.first)
        last = min(wanted.last, exchange.last_closed(datetime.now(UTC)))
        parts = []
        for symbol in wanted.symbols:
            stream = f"{wanted.table} {symbol}"
            if not any(begin <= first and last <= end for begin, end in covered(stream)[0]):
                parts.append(Part(stream, replace(wanted, symbols=(symbol,), first=first, last=last)))
        return parts

    def fetch(self, part: Part) -> Delivery:
        """Return the raw bars, or the corporate actions, of a symbol."""
        symbol = part.wanted.symbols[0]
        history = self._history(symbol, part.wanted.first)
        return _bars(symbol, history, part.wanted.last) if part.wanted.table == "bars" else _actions(symbol, history)

    def _history(self, symbol: str, first: date) -> pd.DataFrame:
        errors = self._yfinance.exceptions
        absent = MissingData(f"yahoo has no bars of {symbol} from {first}; is it Yahoo's spelling?")
        try:
            found: pd.DataFrame = self._yfinance.Ticker(symbol).history(
                start=first.isoformat(), interval="1d", auto_adjust=False, actions=True, keepna=True,
                timeout=self._timeout,
            )  # fmt: skip
        except errors.YFRateLimitError as exc:
            raise SourceUnavailable(f"yahoo asks for fewer requests ({symbol})") from exc
        except (errors.YFPricesMissingError, errors.YFTzMissingError, errors.YFInvalidPeriodError) as exc:
            raise absent from exc
        except Exception as exc:  # a dozen unrelated types, from curl, json and yfinance itself
            if getattr(getattr(exc, "response", None), "status_code", None) == 404:
                raise absent from exc
            raise SourceUnavailable(f"yahoo does not answer for {symbol}: {' '.join(str(exc).split())[:120]}") from exc
        if found.empty:
            raise absent
        return found


@cache
def _cache_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return where yfinance keeps time zones, until the process ends; it would write into the user's home otherwise."""
    return tempfile.TemporaryDirectory(prefix="tradepulse-yahoo-")


def _bars(symbol: str, history: pd.DataFrame, last: date) -> Delivery:
    days = pd.DatetimeIndex(history.index).tz_localize(None).normalize().as_unit("ns")
    splits = history["Stock Splits"].replace(0.0, 1.0).fillna(1.0).to_numpy(dtype=float)
    # Splits that go ex after a day: the product of all later ones, the day's own already being in its price.
    later = np.append(np.cumprod(splits[::-1])[::-1][1:], 1.0)
    frame = pd.DataFrame({"session": days})
    frame["ts"] = opens_of(days, calendar())
    frame["symbol"] = pd.Series([symbol] * len(days), dtype="str")
    for name in ("open", "high", "low", "close"):
        frame[name] = (history[name.title()].to_numpy(dtype=float) * later).round(6)
    frame["volume"] = (history["Volume"].to_numpy(dtype=float) / later).round()
    frame = frame[frame["session"] <= pd.Timestamp(last)].reset_index(drop=True)
    opens, closes = frame["open"].to_numpy(), frame["close"].to_numpy()
    frame["open_is_stale"] = stale_opens(opens, closes, frame["session"].to_numpy())
    digest = _digest(frame)
    frame["source"] = pd.Series(["yahoo"] * len(frame), dtype="str")
    frame["source_hash"] = pd.Series([digest] * len(frame), dtype="str")
    kept, refused = sift(frame, BAR_RULES, table_name="bars", source="yahoo", source_hash=digest)
    model = table("bars")
    rows = frame[kept][list(model.to_schema().columns)].sort_values("ts", kind="stable").reset_index(drop=True)
    return Delivery("bars", len(frame), model.accept(rows, f"bars of {symbol}"), refused, digest)


def _actions(symbol: str, history: pd.DataFrame) -> Delivery:
    days = pd.DatetimeIndex(history.index).tz_localize(None).normalize().as_unit("ns")
    splits, dividends = history["Stock Splits"].to_numpy(float), history["Dividends"].to_numpy(float)
    # A dividend paid before a split is given per share of today; raw, it is per share of then.
    later = np.append(np.cumprod(np.where(splits > 0, splits, 1.0)[::-1])[::-1][1:], 1.0)
    rows: list[dict[str, Any]] = []
    for at, day in enumerate(days):
        if splits[at] > 0:
            rows.append({"ex_date": day, "action": "split", "ratio": splits[at], "amount": np.nan})
        if dividends[at] > 0:
            rows.append(
                {
                    "ex_date": day,
                    "action": "cash_dividend",
                    "ratio": np.nan,
                    "amount": round(dividends[at] * later[at], 6),
                }
            )
    digest = sha256(json.dumps(rows, default=str).encode()).hexdigest()[:16]
    frame = pd.DataFrame(rows, columns=["ex_date", "action", "ratio", "amount"])
    frame["ex_date"] = pd.DatetimeIndex(frame["ex_date"]).as_unit("ns")
    for column, value in (("symbol", symbol), ("source", "yahoo"), ("source_hash", digest)):
        frame[column] = pd.Series([value] * len(frame), dtype="str")
    frame["action"] = frame["action"].astype("str")
    frame[["ratio", "amount"]] = frame[["ratio", "amount"]].astype(float)
    model = table("corporate_actions")
    accepted = model.accept(frame[list(model.to_schema().columns)], f"corporate actions of {symbol}")
    return Delivery("corporate_actions", len(frame), accepted, table("quarantine").no_rows(), digest)


def _digest(frame: pd.DataFrame) -> str:
    return sha256(frame.to_csv(index=False).encode()).hexdigest()[:16]

"""Daily index data that the ``arch`` package ships: the embedded source, real and offline.

Nasdaq Composite and S&P 500 with open, high, low, close and volume; VIX and WTI with a close and nothing else. The
files are found by the package's metadata, never by importing it: importing ``arch`` takes seconds, reading a file
40 ms.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from tradepulse.core.sessions import calendar
from tradepulse.core.tables import table
from tradepulse.errors import ChecksumMismatch, MissingData
from tradepulse.ingestion.coverage import COVERAGE
from tradepulse.ingestion.source import BAR_RULES, Covered, Delivery, Part, Wanted, sift
from tradepulse.ingestion.stale_opens import stale_opens

#: SHA-256 of each file in arch 8.0.0.
CHECKSUMS = {
    "nasdaq": "b2009535343ebb14e0aa11ed086788d2997a416ffe4f9450eed9a561ae30ac59",
    "sp500": "1e028cbb9c400cc018c816ccc439b33c919387e726c3ed5ca2c05c82746059de",
    "vix": "410bd07360dc798f7206d681b8347c6150e7fbd8b05fb1ae29bbe2c9985d66ef",
    "wti": "b83498894138a65cdc14a67fc1716aa90b3cfda274f976bd3692cc3f1500084d",
}
#: Our symbol, vendor's file.
BAR_FILES = {"NASDAQ": "nasdaq", "SP500": "sp500"}
#: Our symbol, vendor's file, vendor's column.
CLOSE_FILES = {"VIX": ("vix", "vix"), "WTI": ("wti", "DCOILWTICO")}
FIRST_SESSION, LAST_SESSION = COVERAGE["arch"]


class ArchSource:
    """The embedded source.

    Parameters
    ----------
    folder : folder with ``nasdaq/nasdaq.csv.gz`` and so on; by default that of the installed package
    checksums : expected SHA-256 of each file; ``None`` takes any file, for a vendor's newer one
    """

    name: ClassVar[str] = "arch"
    tables: ClassVar[tuple[str, ...]] = ("bars", "closes")
    options: ClassVar[Mapping[str, str]] = {}
    identity = "arch"
    last_session: date | None = LAST_SESSION

    def __init__(self, folder: Path | None = None, checksums: dict[str, str] | None = CHECKSUMS) -> None:
        self._given = folder
        self._checksums = checksums

    @cached_property
    def folder(self) -> Path:
        """Where the files are."""
        if self._given is not None:
            return self._given
        try:
            return Path(str(distribution("arch").locate_file("arch/data")))
        except PackageNotFoundError as exc:
            raise MissingData(
                "the embedded data come with the arch package, which is not installed: make setup"
            ) from exc

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return one piece: reading the files again takes less than a second."""
        first, last = max(wanted.first, FIRST_SESSION), min(wanted.last, LAST_SESSION)
        return [Part(wanted.table, replace(wanted, first=first, last=last) if wanted.table == "bars" else wanted)]

    def fetch(self, part: Part) -> Delivery:
        """Return bars of the sessions asked for, or all closes."""
        return self.bars(part.wanted.first, part.wanted.last) if part.wanted.table == "bars" else self.closes()

    def bars(self, start: date, end: date) -> Delivery:
        """Return Nasdaq and S&P 500 bars of the sessions from ``start`` to ``end``, both included.

        Parameters
        ----------
        start, end : sessions

        Returns
        -------
        Delivery of ``bars``, sorted by session and symbol

        Raises
        ------
        MissingData
            If the source has no row in the range.
        ChecksumMismatch
            If a file is not the one that arch 8.0.0 ships.
        """
        raw = self._raw_bars
        chosen = raw[(raw["session"] >= pd.Timestamp(start)) & (raw["session"] <= pd.Timestamp(end))]
        if chosen.empty:
            raise MissingData(
                f"source arch has no bars from {start} to {end}: it covers {FIRST_SESSION} to {LAST_SESSION}"
            )
        chosen = chosen.reset_index(drop=True)
        combined = sha256("".join(sorted(set(chosen["source_hash"]))).encode()).hexdigest()[:16]
        kept, quarantined = sift(chosen, BAR_RULES, table_name="bars", source=self.name, source_hash=combined)
        model = table("bars")
        accepted = chosen[kept].reset_index(drop=True)[list(model.to_schema().columns)]
        return Delivery("bars", len(chosen), model.accept(accepted, "bars of arch"), quarantined, combined)

    def closes(self) -> Delivery:
        """Return every VIX and WTI close; days for which the vendor has a dot instead of a number are quarantined.

        Returns
        -------
        Delivery of ``closes``, sorted by session and symbol
        """
        parts, hashes = [], []
        for symbol, (name, column) in CLOSE_FILES.items():
            frame, digest = self._read(name)
            hashes.append(digest)
            parts.append(
                pd.DataFrame(
                    {
                        "session": _dates(frame["Date"]),
                        "symbol": symbol,
                        "close": pd.to_numeric(frame[column], errors="coerce"),
                        "source": self.name,
                        "source_hash": digest,
                        "vendor_value": frame[column].astype(str),
                    }
                )
            )
        raw = pd.concat(parts).sort_values(["session", "symbol"], kind="stable").reset_index(drop=True)
        combined = sha256("".join(sorted(hashes)).encode()).hexdigest()[:16]
        kept, quarantined = sift(
            raw,
            (
                ("close is a finite number", lambda rows: np.isfinite(rows["close"])),
                ("symbol and session are unique", lambda rows: ~rows.duplicated(["symbol", "session"])),
            ),
            table_name="closes",
            source=self.name,
            source_hash=combined,
        )
        accepted = raw[kept].drop(columns="vendor_value").reset_index(drop=True)
        return Delivery("closes", len(raw), table("closes").accept(accepted, "closes of arch"), quarantined, combined)

    @cached_property
    def _raw_bars(self) -> pd.DataFrame:
        exchange = calendar("XNYS")
        parts = []
        for symbol, name in BAR_FILES.items():
            frame, digest = self._read(name)
            sessions = _dates(frame["Date"])
            opens, closes = frame["Open"].to_numpy(float), frame["Close"].to_numpy(float)
            parts.append(
                pd.DataFrame(
                    {
                        "ts": pd.DatetimeIndex([exchange.open_at(day.date()) for day in sessions]).as_unit("ns"),
                        "session": sessions,
                        "symbol": symbol,
                        "open": opens,
                        "high": frame["High"].to_numpy(float),
                        "low": frame["Low"].to_numpy(float),
                        "close": closes,
                        "volume": frame["Volume"].to_numpy(float),
                        "open_is_stale": stale_opens(opens, closes, sessions.to_numpy()),
                        "source": self.name,
                        "source_hash": digest,
                    }
                )
            )
        return pd.concat(parts).sort_values(["session", "symbol"], kind="stable").reset_index(drop=True)

    def _read(self, name: str) -> tuple[pd.DataFrame, str]:
        path = self.folder / name / f"{name}.csv.gz"
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise MissingData(
                f"{path}: cannot be read ({exc.strerror}); reinstall the arch package with make setup"
            ) from exc
        digest = sha256(content).hexdigest()
        if self._checksums is not None and digest != self._checksums[name]:
            raise ChecksumMismatch(
                f"{path}: SHA-256 is {digest[:16]}..., expected {self._checksums[name][:16]}...; "
                "reinstall the arch package with make setup"
            )
        return pd.read_csv(BytesIO(content), compression="gzip", dtype={"vix": str, "DCOILWTICO": str}), digest[:16]


def _dates(column: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(column, format="%m/%d/%Y").dt.as_unit("ns").reset_index(drop=True)

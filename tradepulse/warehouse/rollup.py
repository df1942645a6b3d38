"""Bars from trades where there are too many for memory: one DuckDB query over the Parquet files."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from tradepulse.core.sessions import Calendar
from tradepulse.errors import ConfigError, MissingData

#: What the query may hold in memory; beyond it DuckDB writes to a temporary folder of the output.
MEMORY = "1500MB"
_DAY_US = 86_400_000_000


def bars_from_trades(
    files: Sequence[Path],
    out: Path,
    *,
    exchange: Calendar,
    interval: pd.Timedelta,
    without_price: Collection[str] = (),
    threads: int | None = None,
) -> int:
    """Write bars of an interval to a Parquet file and return how many there are.

    Intervals begin with the session, as those of ``core.resampling``; a trade at the instant of the close, as the
    closing auction is, belongs to the last one. Trades outside trading hours are left out.

    Parameters
    ----------
    files : Parquet files with the columns of ``trades``, each in the order of the tape, an interval in one of them
    out : file to write; symbol, session, ts, open, high, low, close, volume, sorted by symbol and ts
    exchange : whose sessions, which must each lie within one day of UTC
    interval : length of the bars, at most a day
    without_price : sale conditions whose trades count for volume and not for prices
    threads : processor cores used; all of them by default

    Raises
    ------
    MissingData
        If there is no file, or no trade lies in trading hours.
    ConfigError
        If the interval is not a whole number of microseconds above zero and at most a day.
    """
    import duckdb

    step = int(interval.total_seconds() * 1e6)
    if not 0 < step <= _DAY_US:
        raise ConfigError(f"{interval} is no length of bars; it is above zero and at most a day")
    if not files:
        raise MissingData("there are no files of trades to make bars from")
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    source = f"read_parquet([{quoted}], file_row_number = true)"
    with duckdb.connect() as db:
        db.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = '{out.parent}'; SET TimeZone = 'UTC'")
        if threads:
            db.execute(f"SET threads = {int(threads)}")
        # Fetched whole: a result that is half fetched keeps the connection from anything else.
        [row] = db.execute(f"SELECT min(ts)::DATE, max(ts)::DATE FROM {source}").fetchall()
        if row[0] is None:
            raise MissingData(f"{files[0]}: holds no trades")
        sessions = exchange.sessions(max(row[0], exchange.first), min(row[1], exchange.last))
        if not sessions:
            raise MissingData(f"no trade lies in a session of {exchange.name}, between {row[0]} and {row[1]}")
        opens = [int(exchange.open_at(day).timestamp() * 1e6) for day in sessions]
        closes = [int(exchange.close_at(day).timestamp() * 1e6) for day in sessions]
        hours = pd.DataFrame({"day": [at // _DAY_US for at in opens], "opens": opens, "closes": closes})
        hours["session"] = pd.DatetimeIndex(list(sessions))
        db.register("hours", hours)
        # The row's place in its file decides between trades of one instant: the tape's order, and the same every time.
        priced = (
            f"CASE WHEN condition NOT IN ({', '.join('?' * len(without_price))}) THEN price END"
            if without_price
            else "price"
        )
        place = "CASE WHEN price IS NOT NULL THEN n END" if without_price else "n"
        db.execute(
            f"""
            COPY (
                SELECT symbol, session, make_timestamptz(begins) AS ts, arg_min(price, {place}) AS open,
                    max(price) AS high, min(price) AS low, arg_max(price, {place}) AS close, sum(size) AS volume
                FROM (
                    SELECT symbol, session, size, file_row_number AS n, {priced} AS price,
                        opens + least((us - opens) // {step}, (closes - opens - 1) // {step}) * {step} AS begins
                    FROM (SELECT *, epoch_us(ts::TIMESTAMPTZ) AS us FROM {source}) JOIN hours ON us // {_DAY_US} = day
                    WHERE us BETWEEN opens AND closes
                )
                GROUP BY symbol, session, begins HAVING count(price) > 0
                ORDER BY symbol, begins
            ) TO '{str(out).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd)
            """,
            list(without_price),
        )
        [(rows,)] = db.execute("SELECT count(*) FROM read_parquet(?)", [str(out)]).fetchall()
    if not rows:
        raise MissingData(f"no trade lies in the trading hours of {exchange.name}")
    return int(rows)

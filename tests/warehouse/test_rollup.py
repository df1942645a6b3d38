import numpy as np
import pandas as pd
import pytest

from tradepulse.core.resampling import bars_of_trades as in_memory
from tradepulse.core.sessions import calendar
from tradepulse.errors import ConfigError, MissingData
from tradepulse.ingestion.ticks import load_trades
from tradepulse.warehouse.rollup import bars_from_trades

#: Conditions of AlgoSeek whose trades do not make prices.
UNPRICED = ("20", "20000020", "20100200", "20100000", "20040200", "1000000")


def trades(times, prices, sizes=None, condition=""):
    n = len(times)
    text = {"symbol": "A", "venue": "", "condition": condition, "source": "t", "source_hash": "0" * 16}
    return pd.DataFrame(
        {
            "ts": pd.DatetimeIndex(times, tz="UTC").as_unit("ns"),
            "received": pd.Series([pd.NaT] * n, dtype="datetime64[ns, UTC]"),
            "price": np.asarray(prices, dtype=float),
            "size": np.ones(n) if sizes is None else np.asarray(sizes, dtype=float),
            "suspicious": False,
            **{name: pd.Series([value] * n, dtype="str") for name, value in text.items()},
        }
    )


def rolled(tmp_path, *frames, interval="1min", **options):
    files = []
    for n, frame in enumerate(frames):
        files.append(tmp_path / f"{n}.parquet")
        frame.to_parquet(files[-1])
    out = tmp_path / "bars.out"
    count = bars_from_trades(files, out, exchange=calendar(), interval=pd.Timedelta(interval), **options)
    bars = pd.read_parquet(out)
    assert len(bars) == count
    return bars


def test_a_half_day_by_hand(tmp_path):
    # The day after Thanksgiving 2018: 14:30 to 18:00 UTC. Two trades of one instant keep the order of the tape; the
    # auction at the close belongs to the last bar; what lies before the open and after the close is left out.
    frame = trades(
        ["2018-11-23 14:29:59", "2018-11-23 14:30:00", "2018-11-23 14:30:00", "2018-11-23 14:30:59.999999",
         "2018-11-23 17:59:30", "2018-11-23 18:00:00", "2018-11-23 18:00:01"],
        [1, 10, 12, 11, 20, 21, 99],
        [1, 2, 3, 4, 5, 6, 7],
    )  # fmt: skip

    bars = rolled(tmp_path, frame)

    assert bars["ts"].dt.strftime("%H:%M").tolist() == ["14:30", "17:59"]
    assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [
        [10, 12, 10, 11, 9], [20, 21, 20, 21, 11],
    ]  # fmt: skip


def test_without_price_trades_count_for_volume_only(tmp_path):
    late = trades(["2018-11-23 14:30:10"], [50], [100], condition="20")
    bars = rolled(tmp_path, pd.concat([trades(["2018-11-23 14:30:00"], [10]), late]), without_price=("20",))

    assert bars[["open", "high", "close", "volume"]].to_numpy().tolist() == [[10, 10, 10, 101]]


def test_real_ticks_become_the_bars_that_memory_makes_of_them(shared_data, tmp_path):
    tape = load_trades(shared_data / "ticks" / "ibm_20131007_08_trade.parquet").accepted
    days = [rows for _, rows in tape.groupby(tape["ts"].dt.date)]

    for interval in ("1min", "1h", "1D"):
        got = rolled(tmp_path, *days, interval=interval, without_price=UNPRICED)
        wanted = in_memory(tape, pd.Timedelta(interval), calendar(), without_price=UNPRICED)
        columns = ["ts", "open", "high", "low", "close", "volume"]
        pd.testing.assert_frame_equal(
            got[columns].reset_index(drop=True), wanted[columns].reset_index(drop=True), check_dtype=False
        )


@pytest.mark.parametrize(
    ("frames", "interval", "error", "words"),
    [
        ([], "1min", MissingData, "no files of trades"),
        ([trades([], [])], "1min", MissingData, "holds no trades"),
        ([trades(["2018-11-24 15:00:00"], [1])], "1min", MissingData, "no trade lies in a session of XNYS"),
        ([trades(["2018-11-23 23:00:00"], [1])], "1min", MissingData, "no trade lies in the trading hours"),
        ([trades(["2018-11-23 15:00:00"], [1])], "2D", ConfigError, "no length of bars"),
        ([trades(["2018-11-23 15:00:00"], [1])], "0s", ConfigError, "no length of bars"),
    ],
)
def test_what_makes_no_bars_is_refused(tmp_path, frames, interval, error, words):
    with pytest.raises(error, match=words):
        rolled(tmp_path, *frames, interval=interval)

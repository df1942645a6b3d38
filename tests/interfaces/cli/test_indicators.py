import numpy as np
import pandas as pd
import pytest
import talib

from tradepulse.core.indicators import names


def test_every_indicator_is_listed(cli):
    listed = {row["name"]: row for row in cli("indicators", "list", "--json").json}

    assert sorted(listed) == names()
    assert listed["macd"]["params"] == {"fast": 12, "slow": 26, "signal": 9}
    assert listed["bollinger"]["outputs"] == ["upper", "middle", "lower", "percent_b", "bandwidth"]
    assert all(name in cli("indicators", "list").out for name in names())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_output_has_the_input_s_keys_and_rows(cli, bars_file, tmp_path, ending):
    out = tmp_path / f"rsi.{ending}"
    done = cli("indicators", "compute", "rsi", "--bars", bars_file, "--param", "window=7", "--out", out)

    assert done.code == 0
    bars = pd.read_parquet(bars_file)
    result = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
    assert list(result.columns) == ["session", "symbol", "rsi"]
    assert len(result) == len(bars)
    np.testing.assert_allclose(result["rsi"], talib.RSI(bars["close"].to_numpy(), 7), rtol=1e-9, equal_nan=True)


def test_each_symbol_is_computed_by_itself(cli, bars_file, tmp_path):
    bars = pd.read_parquet(bars_file)
    both = pd.concat([bars, bars.assign(symbol="BBB", close=bars["close"] * 1.0)]).sort_values(["session", "symbol"])
    both.to_parquet(tmp_path / "both.parquet")

    cli("indicators", "compute", "sma", "--bars", tmp_path / "both.parquet", "--out", tmp_path / "out.parquet")

    result = pd.read_parquet(tmp_path / "out.parquet")
    first, second = (result.loc[result["symbol"] == symbol, "sma"].to_numpy() for symbol in ("AAA", "BBB"))
    np.testing.assert_array_equal(first, second)
    assert np.isnan(first).sum() == 19


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("smaa",), "No indicator named 'smaa'; close matches: sma"),
        (("sma", "--param", "window"), "--param 'window': write it as name=value"),
        (("sma", "--param", "window=3", "--param", "window=4"), "--param window: given twice"),
        (("sma", "--param", "window=x"), "--param window=x: not a number"),
        (("sma", "--param", "window=nan"), "window must be at least 1, not nan"),
        (("sma", "--param", "window=2.5"), "sma: window must be a whole number, not 2.5"),
        (("sma", "--param", "windw=3"), "unknown parameter 'windw'"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(refused, bars_file, tmp_path, arguments, words):
    out = tmp_path / "out.parquet"
    assert words in refused("indicators", "compute", *arguments, "--bars", bars_file, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("out", "words"), [("out.xlsx", "end it in .csv or .parquet"), ("no/out.csv", "does not exist")]
)
def test_a_place_for_the_output_that_will_not_do_is_refused(refused, bars_file, tmp_path, out, words):
    assert words in refused("indicators", "compute", "sma", "--bars", bars_file, "--out", tmp_path / out)


def test_bars_that_are_not_in_order_are_refused(refused, bars_file, tmp_path):
    pd.read_parquet(bars_file).iloc[::-1].to_parquet(tmp_path / "back.parquet")

    text = refused("indicators", "compute", "sma", "--bars", tmp_path / "back.parquet", "--out", tmp_path / "o.csv")
    assert "bars of AAA are not in time order; sort them by ts" in text


def test_an_indicator_is_explained(cli):
    shown = cli("indicators", "show", "rsi")

    assert shown.out.startswith("rsi(window=14) of close -> rsi\n")
    assert "Wilder, J. W. (1978)" in shown.out
    assert "second source: TA-Lib" in shown.out
    assert "The second source differs on the shape constant: " in shown.out


def test_quotes_are_taken_as_they_are(cli, refused, tmp_path):
    quotes = pd.DataFrame(
        {"ts": ["2024-01-02T15:00:00Z", "2024-01-02T15:00:01Z"], "bid_size": [3, 1], "ask_size": [1, 1]}
    )
    quotes.to_csv(tmp_path / "quotes.csv", index=False)
    out = tmp_path / "out.csv"

    cli("indicators", "compute", "queue_imbalance", "--bars", tmp_path / "quotes.csv", "--out", out)

    assert pd.read_csv(out)["queue_imbalance"].tolist() == [0.5, 0.0]
    for spoiled, words in (
        (quotes.drop(columns="ask_size"), "lacks the column 'ask_size', which queue_imbalance reads"),
        (quotes.assign(bid_size="many"), "the column 'bid_size' is not of numbers"),
        (quotes.iloc[:0], "there are no rows in it"),
    ):
        spoiled.to_csv(tmp_path / "bad.csv", index=False)
        arguments = ("--bars", tmp_path / "bad.csv", "--out", tmp_path / "none.csv")
        assert words in refused("indicators", "compute", "queue_imbalance", *arguments)
        assert not (tmp_path / "none.csv").exists()


def test_symbols_are_compared_at_equal_times(cli, refused, bars_file, tmp_path):
    bars = pd.read_parquet(bars_file)
    other = bars.assign(symbol="BBB", **{name: bars[name] * 2 for name in ("open", "high", "low", "close")})
    pd.concat([bars, other]).sort_values(["session", "symbol"]).to_parquet(tmp_path / "both.parquet")
    out = tmp_path / "out.parquet"

    cli("indicators", "compute", "kuramoto", "--bars", tmp_path / "both.parquet", "--out", out)

    found = pd.read_parquet(out)
    assert list(found.columns) == ["session", "symbol", "short", "medium", "long"]
    # A price and twice the price are at the same point of their swing.
    np.testing.assert_allclose(found["short"].dropna(), 1.0)
    assert found["short"].isna().sum() == 2 * 15
    assert "compares symbols, and there is only AAA" in refused(
        "indicators", "compute", "kuramoto", "--bars", bars_file, "--out", tmp_path / "none.parquet"
    )


def test_the_session_of_a_bar_anchors_its_mean_price(cli, bars_file, tmp_path):
    cli("indicators", "compute", "vwap", "--bars", bars_file, "--out", tmp_path / "out.parquet")

    bars = pd.read_parquet(bars_file)
    expected = (bars["high"] + bars["low"] + bars["close"]) / 3  # one bar per session
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "out.parquet")["vwap"], expected)

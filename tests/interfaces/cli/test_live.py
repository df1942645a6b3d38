"""``execution live``: at Binance on loopback."""

import itertools
import threading
import time

import pandas as pd
import pytest

from tradepulse.core.orders import UNIT
from tradepulse.execution.kill_switch import pull_kill_switch
from tradepulse.execution.terms import MONEY

pytest.importorskip("ccxt")
LIVE = ("execution", "live", "--strategy", "touch_maker")
BOUND = ("--limit", "max_position=3")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--symbol", "BTC/USDT"), "a live desk has a bound; say --limit max_position="),
        (("--symbol", "BTC/USDT", *BOUND, "--param", "size=x"), "size"),
        (("--symbol", "BTC/USDT", *BOUND, "--cash", "nan"), "--cash must lie between 0 and 1e+12"),
        (("--symbol", "BTC/USDT", *BOUND, "--silence", "nan"), "--silence must lie between 0 and 86400 s, not nan"),
        (("--symbol", "BTC/USDT", "--limit", "max_position=x"), "max_position=x: not a number"),
        (("--symbol", "BTC/USDT", "--limit", "max_pos=1"), "max_pos"),
        (("--symbol", "BTC/USDT", *BOUND, "--until", "nan"), "--until must lie between 0 and 100000000 s, not nan"),
        (("--symbol", "BTC/USDT", *BOUND, "--until", "-1"), "--until must lie between 0 and 100000000 s, not -1"),
        (("--symbol", "BTC/USDT", *BOUND, "--book", "../x"), "--book '../x': a name is made of up to 64 letters"),
        (
            ("--symbol", "BTC/USDT", "--limit", "max_position=-1"),
            "limit max_position must lie between 0 and 1e+15, not -1",
        ),
        (("--symbol", "BTC/USDT", "--limit", "max_position=1e400"), "must lie between 0 and 1e+15, not 1e400"),
        (("--symbol", "XXX/YYY", *BOUND), "binance has no XXX/YYY; name a pair as BTC/USDT"),
        (("--symbol", "BTC/TUSD", *BOUND), "binance has no BTC/TUSD; for instance BTC/USDT"),
        (("--symbol", "BTC/USDT", *BOUND, "--instrument", "ETH/USDT"), "a live desk has a bound; say max_position="),
        (("--symbol", "BTC/USDT", *BOUND, "--instrument", "ETH/USDT,max_pos=1"), "unknown key 'max_pos'; it takes"),
        (("--symbol", "BTC/USDT", *BOUND, "--instrument", "BTC/USDT,max_position=1"), "is traded already; name each"),
        (
            ("--symbol", "BTC/USDT", *BOUND, "--instrument", "ETH/EUR,max_position=1"),
            "an account has one money, and BTC/USDT is traded for USDT",
        ),
        (("--symbol", "BTC/USDT", *BOUND, "--instrument", "ETH/USDT,max_position=-1"), "max_position must lie between"),
        (("--symbol", "BTC/USDT", *BOUND, "--instrument", "ETH/USDT,max_position=1"), "binance has no ETH/USDT"),
    ],
)
def test_it_says_in_a_line_what_is_wrong(binance, refused, tmp_path, given, said):
    assert said in refused(*LIVE, *given)
    folder = tmp_path / "var" / "execution" / "desks" / "desk"
    assert not list(folder.glob("*.journal"))
    assert not binance.placed


def test_an_account_that_is_not_named_or_not_known_is_said(binance, refused, monkeypatch):
    monkeypatch.setenv("TRADEPULSE_CCXT_KEY", "wrong")
    said = refused(*LIVE, "--symbol", "BTC/USDT", *BOUND)
    assert "binance: the account is not known; set TRADEPULSE_CCXT_KEY and TRADEPULSE_CCXT_SECRET" in said
    monkeypatch.delenv("TRADEPULSE_CCXT_KEY")
    assert "the environment lacks TRADEPULSE_CCXT_KEY" in refused(*LIVE, "--symbol", "BTC/USDT", *BOUND)


@pytest.mark.parametrize(
    ("changes", "symbol", "said"),
    [
        ({}, "XXXX", "alpaca has no XXXX; name a share as AAPL"),
        ({"APCA_API_KEY_ID": "wrong"}, "AAPL", "alpaca: the account is not known; set APCA_API_KEY_ID and"),
        ({"APCA_API_SECRET_KEY": ""}, "AAPL", "the environment lacks APCA_API_KEY_ID or APCA_API_SECRET_KEY"),
        ({"APCA_API_DATA_FEED": "sit"}, "AAPL", "APCA_API_DATA_FEED=sit: it is iex or sip"),
    ],
)
def test_at_alpaca_it_says_so_too(alpaca, cli, monkeypatch, changes, symbol, said):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    done = cli(*LIVE, "--broker", "alpaca", "--symbol", symbol, *BOUND, "--untried", "a test")
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]
    assert not alpaca.placed


def test_it_trades_until_its_time_is_up_and_leaves_nothing_open(binance, cli):
    with binance.moving():
        done = cli(
            *LIVE, "--symbol", "BTC/USDT", *BOUND, "--param", "size=1", "--param", "most=2", "--until", 2, "--json"
        )

    assert done.code == 1
    assert (done.json["ended"], done.json["reason"]) == ("killed", "the time is up (--until)")
    # What was decided as the switch was pulled is not sent.
    assert done.json["orders"] - done.json["refused"].get("not_received", 0) == len(binance.placed) >= 2
    assert not binance.venue.open_ids()


def test_a_strategy_of_bars_trades_at_an_exchange_as_it_does_on_paper(binance, cli, refused, tmp_path):
    before = pd.date_range("2026-01-01T00:00:00Z", periods=3, freq="100ms")
    bars = pd.DataFrame({"ts": before, "symbol": "BTC", **dict.fromkeys(("open", "high", "low", "close"), 100.0)})
    bars.assign(volume=1.0).to_csv(tmp_path / "bars.csv", index=False)
    history = ("--history", tmp_path / "bars.csv")
    given = ("execution", "live", "--symbol", "BTC/USDT", *BOUND, "--until", 5, "--json", *history, "--strategy")

    with binance.moving():
        done = cli(*given, "sma_cross,fast=1,slow=2,seconds=0.1,quantity=2,unit=1")

    assert (done.code, done.json["reason"]) == (1, "the time is up (--until)")
    assert done.json["fills"] >= 2
    assert done.json["refused"].keys() <= {"not_received"}  # what was decided as the switch was pulled
    # It holds two or nothing; what it has asked for last may still have been on its way.
    assert 0 <= done.json["position"] <= 2
    ledger, _ = binance.ledger()
    assert done.json["position"] == ledger / UNIT
    assert {(one["type"], one["timeInForce"]) for one in binance.placed.values()} == {("LIMIT", "IOC")}
    assert "its bars are 0.1 s apart, and those of the strategy 60 s" in refused(*given, "sma_cross")


def test_two_pairs_trade_one_account(binance, cli):
    other = binance.beside()
    other.display(buy={"9.00": "500"}, sell={"11.00": "400"})
    given = ("execution", "live", "--symbol", "BTC/USDT", *BOUND, "--instrument", "ETH/USDT,max_position=3")

    with binance.moving():
        done = cli(
            *given, "--strategy", "hedged_maker", "--param", "size=1", "--param", "most=2", "--until", 3, "--json"
        )

    assert (done.code, done.json["reason"]) == (1, "the time is up (--until)")
    ledgers = {"BTC/USDT": binance.ledger()[0] / UNIT, "ETH/USDT": other.ledger()[0] / UNIT}
    assert done.json["positions"] == pytest.approx(ledgers)
    assert done.json["fills"] == len(binance.trades) + len(other.trades)
    assert other.trades  # what was made in one was hedged in the other
    assert not [*binance.venue.open_ids(), *other.venue.open_ids()]


def test_a_breakout_trades_by_stops_that_wait_at_the_gateway(binance, cli):
    with binance.moving(swing=10):
        done = cli(
            "execution", "live", "--symbol", "BTC/USDT", *BOUND, "--strategy", "breakout", "--param", "size=1",
            "--param", "seconds=0.5", "--param", "trail_bp=1", "--until", 4, "--json",
        )  # fmt: skip

    assert (done.code, done.json["reason"]) == (1, "the time is up (--until)")
    assert done.json["orders"] > 1
    assert {(one["type"], one["side"]) for one in binance.placed.values()} == {("MARKET", "BUY"), ("MARKET", "SELL")}
    ledger, _ = binance.ledger()
    assert done.json["position"] == ledger / UNIT
    assert not binance.venue.open_ids()


# -- several exchanges -------------------------------------------------------------------------------------------------

#: With real money, as neither exchange has a sandbox here.
TWO = ("execution", "live", "--symbol", "BTC/USDT", *BOUND, "--untried", "a test of the line")


def test_what_takes_goes_where_it_is_cheapest(binance, binanceus, cli, tmp_path):
    # It buys while most of the best is bid: the lowest offer is 100.5, at the other one. Then it sells at 99, here.
    taker = ("--strategy", "imbalance_taker", "--param", "size=1", "--param", "most=2", "--param", "lean=0.5")

    def until(exchange, trades):
        """Let others display anew, and anew, until so many trades are made."""
        end = time.monotonic() + 20
        for step in itertools.count():
            if len(exchange.trades) >= trades or time.monotonic() > end:
                return
            binanceus.display(buy={"97.00": f"{step % 2 + 1}"})
            time.sleep(0.1)

    def market():
        until(binanceus, 2)
        for exchange in (binance, binanceus):
            exchange.display(sell={"100.50": "90"})
        until(binance, 2)
        pull_kill_switch(tmp_path / "var" / "execution" / "desks" / "desk", "all is done", "the market")

    turns = threading.Thread(target=market)
    turns.start()
    done = cli(*TWO, "--beside", "binanceus,latency_us=2000", *taker, "--until", 60, "--json")
    turns.join()

    assert (done.code, done.json["reason"]) == (1, "all is done (the market)")
    bought = {(one["price"], one["isBuyer"]) for one in binanceus.trades}
    assert bought == {("100.5", True)}
    assert {(one["price"], one["isBuyer"]) for one in binance.trades} == {("99", False)}
    # One account to the desk: what was taken as a fee of what was bought is gone.
    (first, cash), (other, more) = binance.ledger(), binanceus.ledger()
    assert done.json["position"] == pytest.approx((first + other) / UNIT)
    assert done.json["cash"] == pytest.approx(10_000 + (cash + more) / MONEY)
    assert not [*binance.venue.open_ids(), *binanceus.venue.open_ids()]
    rows = cli("execution", "log", "--out", tmp_path / "log.csv") and pd.read_csv(tmp_path / "log.csv")
    assert set(zip(rows["venue"], rows["side"], strict=True)) == {
        ("binanceus BTC/USDT", "buy"), ("binance BTC/USDT", "sell")
    }  # fmt: skip


def test_what_rests_is_at_the_first_exchange_and_killed_nothing_is_left_at_either(binance, binanceus, cli):
    with binance.moving(), binanceus.moving(seed=2):
        done = cli(*TWO, "--beside", "binanceus", "--strategy", "touch_maker,size=1,most=2", "--until", 2, "--json")

    assert (done.code, done.json["reason"]) == (1, "the time is up (--until)")
    assert binance.placed
    assert {one["type"] for one in binance.placed.values()} == {"LIMIT_MAKER"}
    assert not binanceus.placed
    assert not [*binance.venue.open_ids(), *binanceus.venue.open_ids()]


@pytest.mark.parametrize(
    ("beside", "changes", "said"),
    [
        ("binance", {}, "--beside binance: is traded at already; name each exchange once"),
        ("nope", {}, "--beside nope: ccxt knows no such exchange; for instance binance"),
        ("kraken", {}, "the environment lacks TRADEPULSE_CCXT_KRAKEN_KEY, TRADEPULSE_CCXT_KRAKEN_SECRET"),
        ("binanceus,latency=1", {}, "--beside binanceus: unknown key 'latency'; it takes latency_us, fades_us"),
        ("binanceus,latency_us=x", {}, "--beside binanceus latency_us=x: not a number"),
        ("binanceus,latency_us=-1", {}, "latency and what fades are not below it"),
        ("binanceus", {"TRADEPULSE_CCXT_BINANCEUS_KEY": "wrong"},
         "binanceus: the account is not known; set TRADEPULSE_CCXT_BINANCEUS_KEY and TRADEPULSE_CCXT_BINANCEUS_SECRET"),
    ],
)  # fmt: skip
def test_another_exchange_that_makes_no_sense_is_said_in_a_line(
    binance, binanceus, cli, monkeypatch, beside, changes, said
):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    done = cli(*TWO, "--strategy", "touch_maker", "--beside", beside)
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]
    assert not [*binance.placed, *binanceus.placed]


def test_nothing_is_beside_alpaca(alpaca, cli):
    done = cli(*LIVE, "--broker", "alpaca", "--symbol", "AAPL", *BOUND, "--untried", "a test", "--beside", "kraken")
    assert "--beside kraken: no exchange is beside Alpaca" in done.err.splitlines()[-1]

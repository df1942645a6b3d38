"""``backtest stress-book``, and what may trade for money after it."""

import json

import pandas as pd
import pytest

from tradepulse.backtest.book_shocks import SHOCKS
from tradepulse.backtest.tracking import Tracking
from tradepulse.core.orders import UNIT
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.execution.brokers import trades_money
from tradepulse.warehouse.lake import Lake

MAKER = ("--strategy", "touch_maker,most=2", "--param", "size=1")
BOUND = ("--limit", "max_position=3")


@pytest.fixture
def quotes(tmp_path):
    """A minute of a quiet book, as options."""
    stamps = pd.date_range("2026-01-05T10:00:00Z", periods=240, freq="250ms")
    table = pd.DataFrame({"ts": stamps, "bid": 1_000.0, "bid_size": 95.0, "ask": 1_002.0, "ask_size": 5.0})
    # Every other quote leans the other way.
    table.loc[::2, ["bid_size", "ask_size"]] = [5.0, 95.0]
    table.to_csv(tmp_path / "quotes.csv", index=False)
    return "--quotes", tmp_path / "quotes.csv", "--lot", 1, "--tick", 1, "--symbol", "BTC/USDT"


def test_each_run_counts_and_the_verdicts_are_kept(cli, quotes, tmp_path):
    done = cli("backtest", "stress-book", *quotes, *MAKER, *BOUND, "--json")

    assert (done.code, done.json["passed"]) == (0, True)
    assert [one["scenario"] for one in done.json["shocks"]] == list(SHOCKS)
    lake = Lake(tmp_path / "var" / "lake")
    trials, rows = lake.read("trials"), lake.read("book_stress")
    assert len(trials) == trials["trial_id"].nunique() == 1 + 3 * len(SHOCKS)
    assert rows["scenario"].tolist() == list(SHOCKS)
    assert set(rows["trial_id"]) <= set(trials["trial_id"])
    assert rows["bounds"].map(json.loads).tolist() == [{"BTC/USDT": 3.0}] * len(SHOCKS)
    client = Tracking(tmp_path / "var" / "mlflow").client()
    run = client.get_run(done.json["mlflow_run_id"])
    assert run.data.tags["stress"] == "passed"
    assert run.data.tags["trial_id"] == rows["trial_id"].iloc[0]
    assert (run.data.params["size"], run.info.run_name) == ("1.0", "stress touch_maker@1 BTC/USDT")
    page = tmp_path / "reports" / "stress" / f"{done.json['run_id']}.html"
    assert str(page) == done.json["report"]
    text = page.read_text()
    assert text.count("<svg") == len(SHOCKS)
    assert rows["trial_id"].iloc[0] in text
    assert sorted(one.path for one in client.list_artifacts(run.info.run_id)) == sorted([page.name, "stress.csv"])
    assert run.data.tags["mlflow.note.content"].count("* passed: ") == len(SHOCKS)


def test_who_does_not_bear_a_shock_is_told_which(cli, quotes):
    done = cli("backtest", "stress-book", *quotes, "--strategy", "imbalance_taker,size=1,most=3", *BOUND)

    assert done.code == 1
    lines = done.out.splitlines()
    assert any(line.startswith("FAILED  wide_spread: struck at 0.") for line in lines)
    assert any(line.startswith("passed  silence: ") for line in lines)


def test_a_strategy_that_breaks_in_a_shock_is_told_and_one_that_always_does_is_one_line(
    cli, refused, quotes, tmp_path, monkeypatch
):
    def breaks(self, market, desk):
        if market.bid_size < least:
            raise ZeroDivisionError("nothing\nat all")

    monkeypatch.setattr(TouchMaker, "on_market", breaks)
    monkeypatch.setattr(TouchMaker, "compiled", lambda self: None)
    least = 2 * UNIT  # five are there, and in a drought a tenth of them
    done = cli("backtest", "stress-book", *quotes, *MAKER, *BOUND, "--json")

    assert done.code == 1
    [failed] = [one for one in done.json["shocks"] if not one["passed"]]
    assert failed["detail"] == "struck at 0.25 of its time: ZeroDivisionError: nothing"
    assert (failed["scenario"], failed["limit"]) == ("drought", None)
    assert "ZeroDivisionError" in (tmp_path / "reports" / "stress" / f"{done.json['run_id']}.html").read_text()

    least = 100 * UNIT
    said = refused("backtest", "stress-book", *quotes, *MAKER, *BOUND)
    assert said.startswith("touch_maker@1 broke: ZeroDivisionError: nothing at all (test_stress_book.py, line ")
    assert Lake(tmp_path / "var" / "lake").read("trials")["status"].tolist().count("failed") == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "under stress a desk has a bound; say max_position= of BTC/USDT"),
        ((*BOUND, "--shock", "gap"), "every shock strike by itself; leave --shock out"),
        ((*BOUND, "--param", "size=1:2:1"), "--param"),
        ((*BOUND, "--symbol", "BTC/USDT+ETH/USDT"), "2 names for 1 instruments"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_counts(refused, quotes, tmp_path, given, said):
    assert said in refused("backtest", "stress-book", *quotes, "--strategy", "touch_maker", *given)
    assert not Lake(tmp_path / "var" / "lake").partitions("trials")


def test_with_real_money_a_desk_trades_what_has_passed_or_somebody_says_why(alpaca, cli, refused, quotes, tmp_path):
    # Any place but Alpaca's own for paper may have real money.
    live = ("execution", "live", "--broker", "alpaca", "--symbol", "AAPL", *MAKER, "--until", 1, "--json")

    said = refused(*live, *BOUND)
    assert "touch_maker@1 with these parameters has not been put through shocks on AAPL; run tradepulse_cli" in said
    cli("backtest", "stress-book", *quotes[:-1], "AAPL", *MAKER, *BOUND)
    assert "with at most 3 of AAPL, and may hold 4 here" in refused(*live, "--limit", "max_position=4")
    assert "has not been put through" in refused(*live[:-4], "size=2", *live[-3:], *BOUND)
    assert not alpaca.placed

    with alpaca.moving():
        done = cli(*live, *BOUND)
    assert done.json["reason"] == "the time is up (--until)"
    assert "untried" not in json.loads((tmp_path / "var/execution/desks/desk/desk.json").read_text())

    with alpaca.moving():
        done = cli(*live, "--limit", "max_position=4", "--book", "other", "--untried", "a test of the line")
    assert done.json["reason"] == "the time is up (--until)"
    assert "it trades all the same: a test of the line" in done.err
    kept = json.loads((tmp_path / "var/execution/desks/other/desk.json").read_text())
    assert kept["untried"] == "a test of the line"


@pytest.mark.parametrize(
    ("broker", "named", "money"),
    [
        ("ccxt", {}, False),
        ("ccxt", {"TRADEPULSE_CCXT_LIVE": "no"}, False),
        ("ccxt", {"TRADEPULSE_CCXT_LIVE": "yes"}, True),
        ("alpaca", {}, False),
        ("alpaca", {"APCA_API_BASE_URL": "https://paper-api.alpaca.markets"}, False),
        ("alpaca", {"APCA_API_BASE_URL": "https://api.alpaca.markets"}, True),
        ("alpaca", {"APCA_API_BASE_URL": "https://paper-api.alpaca.markets.example.org"}, True),
    ],
)
def test_what_is_real_money(monkeypatch, broker, named, money):
    for name in ("TRADEPULSE_CCXT_LIVE", "APCA_API_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)

    assert trades_money(broker) is money

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of, random_walk
from tradepulse.backtest.venue import load_venue
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.warehouse.lake import Lake

#: Closes that cross their mean up on the fourth bar and down on the sixth; opens half a point above the closes.
CLOSES = [3.0, 2.0, 2.0, 4.0, 4.0, 1.0, 1.0, 1.0]


@pytest.fixture
def small(tmp_path):
    bars = bars_of(CLOSES, np.array(CLOSES) + 0.5)[["session", "symbol", "open", "high", "low", "close", "volume"]]
    bars.to_csv(tmp_path / "small.csv", index=False)
    return tmp_path / "small.csv"


def sma(small, *more, command="run"):
    return (
        "backtest",
        command,
        "--bars",
        small,
        "--strategy",
        "sma_cross",
        "--param",
        "fast=1",
        "--param",
        "slow=2",
        *more,
    )


def test_a_run_by_hand(cli, small, tmp_path):
    done = cli(*sma(small, "--quantity", 10, "--cash", 1000, "--commission-bp", 10, "--slippage-bp", 100, "--out",
                    tmp_path / "out", "--json"))  # fmt: skip

    # Decided on bar 3, bought at bar 4's open 4.5 * 1.01 = 4.545; decided on bar 5, sold at bar 6's open 1.5 * 0.99.
    assert done.code == 0
    fills = pd.read_parquet(tmp_path / "out" / "fills.parquet")
    assert fills["side"].tolist() == ["buy", "sell"]
    assert fills["price"].tolist() == pytest.approx([4.545, 1.485])
    assert fills["commission"].tolist() == pytest.approx([0.04545, 0.01485])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary == done.json
    assert summary["final_equity"] == pytest.approx(1000 - 45.45 - 0.04545 + 14.85 - 0.01485)
    assert (summary["n_fills"], summary["n_round_trips"], summary["bars_per_year"]) == (2, 1, 252.0)
    # Equity peaks at 1000; at the close of bar 5 the 10 units bought for 45.45 are worth 10.
    assert summary["max_drawdown"] == pytest.approx((45.45 + 0.04545 - 14.85 + 0.01485) / 1000, rel=0.2)
    assert {"final_equity", "n_fills", "n_round_trips", "total_commission", "max_drawdown", "sharpe", "bars_per_year",
            "data_version", "trial_id"} <= set(summary)  # fmt: skip
    assert {
        "ts",
        "symbol",
        "side",
        "quantity",
        "price",
        "commission",
        "slippage",
        "order_id",
        "reason",
        "evidence",
    } <= set(fills)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "equity.parquet", "fills.parquet", "flows.parquet", "report.html", "summary.json", "trades.parquet",
    ]  # fmt: skip


def test_the_same_run_gives_the_same_bytes(cli, small, tmp_path):
    for name in ("a", "b"):
        cli(*sma(small, "--out", tmp_path / name))

    for part in ("summary.json", "fills.parquet", "equity.parquet", "trades.parquet", "report.html"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()


def test_every_run_counts_in_the_trial_ledger(cli, small, tmp_path):
    for _ in range(2):
        cli(*sma(small, "--out", tmp_path / "out"))

    trials = Lake(tmp_path / "var" / "lake").read("trials")
    assert len(trials) == 2
    assert trials["trial_id"].nunique() == 1


def test_a_run_that_is_refused_counts_too(refused, small, tmp_path):
    closes = np.arange(10.0, 40.0)
    bars = bars_of(closes, np.concatenate([[9.5], closes[:-1]]))[["session", "open", "high", "low", "close", "volume"]]
    bars.to_csv(tmp_path / "stale.csv", index=False)

    text = refused(*sma(tmp_path / "stale.csv", "--out", tmp_path / "out"))

    assert "stale: 23 of 30 opens from 2015-01-13 to 2015-02-13 repeat the previous close" in text
    assert not (tmp_path / "out").exists()
    assert Lake(tmp_path / "var" / "lake").read("trials")["status"].tolist() == ["failed"]


def test_same_close_says_that_it_looks_ahead(cli, small, tmp_path):
    done = cli(*sma(small, "--fill", "same_close", "--out", tmp_path / "out"))

    assert "looks ahead" in done.err
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["looks_ahead"] is True


def test_a_scenario_sets_slice_and_costs(cli, small, tmp_path):
    (tmp_path / "dear.yaml").write_text("description: dear\ncommission_bp: 50\nstart: 2015-01-05\nend: 2015-01-09\n")

    done = cli(*sma(small, "--scenario", tmp_path / "dear.yaml", "--out", tmp_path / "out", "--json"))

    assert (done.json["first_session"], done.json["last_session"]) == ("2015-01-05", "2015-01-09")
    assert done.json["commission_bp"] == 50


def test_an_earlier_result_is_replaced_and_nothing_else_ever(cli, refused, small, tmp_path):
    cli(*sma(small, "--out", tmp_path / "out"))
    assert cli(*sma(small, "--out", tmp_path / "out")).code == 0

    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    assert "exists and is no folder of a backtest; name another" in refused(*sma(small, "--out", precious))
    assert [p.name for p in precious.iterdir()] == ["thesis.txt"]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--param", "slow=1"), "--param slow: given twice"),
        (("--param", "windw=1"), "sma_cross: unknown parameter 'windw'"),
        (("--quantity", "0"), "quantity must be a whole number of at least 1, not 0"),
        (("--quantity", "1.5"), "'1.5' is not a valid integer"),
        (("--cash", "-5"), "cash must be a positive amount, not -5.0"),
        (("--cash", "nan"), "cash must be a positive amount, not nan"),
        (("--commission-bp", "-1"), "commission_bp must lie between 0 and 10000, not -1.0"),
        (("--slippage-bp", "nan"), "slippage_bp must lie between 0 and 10000, not nan"),
        (("--fill", "vwap"), "'vwap' is not one of"),
        (("--scenario", "dotcom_crsh"), "No scenario named 'dotcom_crsh'; close matches: dotcom_crash"),
        (("--scenario", "dotcom_crash"), "has no bars in scenario dotcom_crash, 2000-03-10 to 2002-10-09"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(refused, small, tmp_path, more, words):
    assert words in refused(*sma(small, *more, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_one_bar_is_nothing_to_trade_on(refused, small, tmp_path):
    one = tmp_path / "one.csv"
    one.write_text("".join(small.read_text().splitlines(keepends=True)[:2]))
    assert "has one bar, and what is decided on it would trade on the next" in refused(
        *sma(one, "--out", tmp_path / "out")
    )
    assert not (tmp_path / "out").exists()
    swept = refused("backtest", "sweep", "--bars", one, "--strategy", "sma_cross", "--param", "fast=2:4:1")
    assert "one.csv: has one bar" in swept


def test_an_unknown_strategy_and_an_unreadable_file_are_refused(refused, small, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "No strategy named 'sma'" in refused("backtest", "run", "--bars", small, "--strategy", "sma", *out)
    assert "cannot be read" in refused("backtest", "run", "--bars", "no.csv", "--strategy", "donchian", *out)


def test_a_run_by_hand_is_metered_for_its_trial(cli, small, tmp_path):
    asked = sma(small, "--quantity", 10, "--cash", 1000, "--out", tmp_path / "out", "--json")
    done = cli(*asked)

    [one] = cli("finops", "report", "--by", "trial_id", "--by", "strategy", "--json").json["parts"]

    assert (one["trial_id"], one["strategy"]) == (done.json["trial_id"], "sma_cross@1")
    assert one["cost_nano_usd"] > 0
    cli(*asked)  # again: the same trial, and another backtest
    assert cli("finops", "report", "--json").json["steps"] == 2
    [backtest] = [unit for unit in cli("finops", "units", "--json").json if unit["name"] == "backtest"]
    assert backtest["count"] == 2


def test_a_sweep_asks_every_combination_and_counts_each(cli, small, tmp_path):
    arguments = (
        "backtest",
        "sweep",
        "--bars",
        small,
        "--strategy",
        "sma_cross",
        "--param",
        "fast=1:2",
        "--param",
        "slow=2:3:1",
    )
    done = cli(*arguments, "--json")

    # (1,2) (1,3) (2,3); (2,2) is no cross.
    assert done.json["trials"] == 3
    trials = Lake(tmp_path / "var" / "lake").read("trials")
    assert trials["params"].tolist() == ['{"fast": 1, "slow": 2}', '{"fast": 1, "slow": 3}', '{"fast": 2, "slow": 3}']
    assert "3 trials, all of them in the ledger" in cli(*arguments).out


def test_parameters_that_are_no_whole_numbers_are_swept_too(cli, small, tmp_path):
    done = cli("backtest", "sweep", "--bars", small, "--strategy", "bollinger_reversion",
               "--param", "window=3", "--param", "entry=0.5:1.5:0.5", "--json")  # fmt: skip

    assert done.json["trials"] == 3
    trials = Lake(tmp_path / "var" / "lake").read("trials")
    assert sorted(json.loads(one)["entry"] for one in trials["params"]) == [0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("fast=1:x", "fast=x: not a number"),
        ("fast=20.5", "sma_cross: fast must be a whole number"),
        ("fast=5:1", "write first:last:step with first <= last"),
        ("fast=1:5:0", "step above 0"),
        ("fast=1:2:3:4", "write first:last:step"),
        ("fsat=1", "sma_cross: unknown parameter 'fsat'; it takes fast, slow"),
        ("fast=1:999999", "999,999 values, at most 100,000"),
        ("fast=60", "no combination of the grids makes a valid strategy: sma_cross: fast must be shorter than slow"),
    ],
)
def test_a_bad_range_is_refused_before_anything_runs(refused, small, tmp_path, param, words):
    assert words in refused("backtest", "sweep", "--bars", small, "--strategy", "sma_cross", "--param", param)
    assert not (tmp_path / "var").exists()


def test_a_result_carries_the_coverage_of_its_bars(cli, bars_file, tmp_path):
    import json

    import pandas as pd

    bars = pd.read_parquet(bars_file)
    bars.drop(index=[50, 51]).to_parquet(bars_file)
    options = ("--strategy", "sma_cross", "--param", "fast=3", "--param", "slow=9", "--out", tmp_path / "out")
    assert cli("backtest", "run", "--bars", bars_file, *options).code == 0

    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    [row] = summary["coverage"]
    assert (row["symbol"], row["expected"], row["present"], row["holes"], row["quarantined"]) == ("AAA", 120, 118, 2, 0)
    assert "118 of 120 expected bars, 2 holes" in (tmp_path / "out" / "report.html").read_text()


def test_a_live_log_is_held_against_its_simulation(cli, refused, bars_file, tmp_path):
    out = tmp_path / "run"
    cli(
        "backtest",
        "run",
        "--bars",
        bars_file,
        "--strategy",
        "sma_cross",
        "--param",
        "fast=3",
        "--param",
        "slow=8",
        "--out",
        out,
    )
    fills = pd.read_parquet(out / "fills.parquet")
    fills.to_csv(tmp_path / "live.csv", index=False)
    dear = fills.assign(commission=fills["commission"] * 3)
    dear.to_csv(tmp_path / "dear.csv", index=False)

    same = cli("backtest", "validate", "--live", tmp_path / "live.csv", "--simulated", out, "--json")
    over = cli("backtest", "validate", "--live", tmp_path / "dear.csv", "--simulated", out)
    allowed = cli("backtest", "validate", "--live", tmp_path / "dear.csv", "--simulated", out, "--budget", "fee=3")

    assert (same.code, same.json["gap"], same.json["over"]) == (0, "0.00", [])
    assert over.code == 1
    assert "OVER BUDGET: fee" in over.out
    assert allowed.code == 0
    assert "no part 'fees' of the gap" in refused(
        "backtest", "validate", "--live", tmp_path / "live.csv", "--simulated", out, "--budget", "fees=3"
    )
    assert "no folder of a backtest run" in refused(
        "backtest", "validate", "--live", tmp_path / "live.csv", "--simulated", tmp_path
    )
    assert "--within soon: no length of time" in refused(
        "backtest", "validate", "--live", tmp_path / "live.csv", "--simulated", out, "--within", "soon"
    )


def test_a_sweep_says_how_much_of_the_best_is_choice(cli, refused, bars_file):
    asked = (
        "backtest",
        "sweep",
        "--bars",
        bars_file,
        "--strategy",
        "sma_cross",
        "--param",
        "fast=2:6:2",
        "--param",
        "slow=8:16:4",
    )
    done = cli(*asked, "--walk-forward", "60:20", "--json").json

    assert done["trials"] == 9
    assert 1 <= done["effective_trials"] <= 9
    assert 0 <= done["probability_of_overfitting"] <= 1
    assert {"first_session", "trial_id", "sharpe_fitted", "sharpe_traded", "profit"} <= set(done["walk_forward"][0])
    for bad in ("100", "0:40", "a:b", "100:40:2"):
        assert "write bars to choose on and to trade on, as 500:125" in refused(*asked, "--walk-forward", bad)
    assert "too few for 100,000 to fit on" in refused(*asked, "--walk-forward", "100000:40")


def test_an_account_its_exits_and_events_are_held_to(cli, refused, small, tmp_path):
    events = tmp_path / "actions.csv"
    events.write_text("symbol,ex_date,action,ratio,amount\nAAA,2015-01-09,cash_dividend,,0.25\n")
    done = cli(
        *sma(small, "--quantity", 10, "--cash", 1000, "--commission-bp", 0, "--slippage-bp", 0, "--account", "cash",
             "--stop-bp", 3000, "--events", f"actions={events}", "--out", tmp_path / "out", "--json")
    )  # fmt: skip

    # Bought at 4.5 on 8 January and held into the 9th, which pays 10 x 0.25 and opens at 1.5, below the stop of 3.15.
    assert done.json["holding"] == {"dividend": 2.5}
    assert done.json["final_equity"] == pytest.approx(1000 - 45 + 2.5 + 15)
    assert done.json["account"] == {"leverage": 1.0, "reserve_bp": 50, "short": False, "stop_bp": 3000.0}
    assert done.json["evidence"]["every stop and target where the bars reached it"]["asked"] >= 1
    flows = pd.read_parquet(tmp_path / "out" / "flows.parquet")
    assert flows[["symbol", "kind", "amount"]].to_numpy().tolist() == [["AAA", "dividend", 2.5]]
    plain = cli(*sma(small, "--quantity", 10, "--cash", 1000, "--out", tmp_path / "plain", "--json"))
    assert plain.json["trial_id"] != done.json["trial_id"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--account", "nowhere"), "No account named 'nowhere'; known: cash, perpetual_5x, reg_t."),
        (("--stop-bp", -1), "stop_bp must lie between 0 and 10000, not -1.0"),
        (("--stop-bp", "nan"), "stop_bp must be a number, not nan"),
        (("--events", "mergers=x.csv"), "no such kind; there are actions, funding, recalls, delistings"),
        (("--events", "actions"), "--events 'actions': write it as name=value"),
        (("--events", "actions=nothing.csv"), "nothing.csv"),
    ],
)
def test_bad_terms_are_refused_and_nothing_is_written(refused, small, tmp_path, more, words):
    assert words in refused(*sma(small, *more, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_events_need_their_columns_and_times_a_zone(refused, small, tmp_path):
    events = tmp_path / "funding.csv"
    for text, words in (
        ("symbol,ts\nAAA,2015-01-08T08:00:00Z\n", "lacks the column 'rate'; funding have symbol, ts, rate"),
        ("symbol,ts,rate\nAAA,2015-01-08,0.1\n", "give a UTC time and a fraction"),
        ("symbol,ts,rate\nAAA,soon,0.1\n", "column 'ts' is not a time throughout"),
    ):
        events.write_text(text)
        assert words in refused(*sma(small, "--events", f"funding={events}", "--out", tmp_path / "out"))


def test_where_a_bar_reached_both_ends_the_profit_lies_between(cli, tmp_path):
    # Crosses up on bar 4, bought on bar 5 at 4.5; that bar falls to 4 and rises to 5: a tenth either way.
    closes, opens = [3.0, 2.0, 2.0, 4.0, 4.5, 4.5], [3.0, 2.0, 2.0, 4.0, 4.5, 4.5]
    bars = bars_of(closes, opens, highs=[3.0, 2.0, 2.0, 4.0, 5.0, 4.5], lows=[3.0, 2.0, 2.0, 4.0, 4.0, 4.5])
    bars.drop(columns=["open_is_stale", "source", "source_hash", "ts"]).to_csv(tmp_path / "both.csv", index=False)

    done = cli(*sma(tmp_path / "both.csv", "--quantity", 10, "--cash", 1000, "--commission-bp", 0, "--slippage-bp", 0,
                    "--stop-bp", 1000, "--take-bp", 1000, "--out", tmp_path / "out", "--json"))  # fmt: skip

    assert done.json["bars_of_unclear_order"] == 1
    assert done.json["final_equity_between"] == pytest.approx([1000 - 4.5, 1000 + 4.5])
    assert done.json["final_equity"] == pytest.approx(995.5)
    assert "reached a stop and a target both" in (tmp_path / "out" / "report.html").read_text()


def test_a_scenario_with_shocks_changes_the_bars(cli, refused, small, tmp_path):
    scenario = tmp_path / "halved.yaml"
    scenario.write_text("description: half\nshocks: [{kind: gap_open, at: 0.5, size: 0.5}]\n")
    done = cli(*sma(small, "--quantity", 10, "--cash", 1000, "--commission-bp", 0, "--slippage-bp", 0, "--scenario",
                    scenario, "--out", tmp_path / "out", "--json"))  # fmt: skip

    # From bar 5 on prices are half: the cross of bar 4 still fills on bar 5, at 4.5 / 2.
    assert done.code == 0
    assert pd.read_parquet(tmp_path / "out" / "fills.parquet")["price"].iloc[0] == pytest.approx(2.25)
    scenario.write_text("description: twice\nshocks: [{kind: duplicated, at: 0.5}]\n")
    assert "sort the bars, drop repeats" in refused(*sma(small, "--scenario", scenario, "--out", tmp_path / "o2"))


def test_a_book_is_traded_from_quotes_and_trades(cli, refused, tmp_path):
    stamps = ["2024-08-08T12:00:00Z", "2024-08-08T12:00:02Z"]
    pd.DataFrame({"ts": stamps, "bid": 99.0, "bid_size": 5.0, "ask": 101.0, "ask_size": 5.0}).to_csv(
        tmp_path / "quotes.csv", index=False
    )
    pd.DataFrame({"ts": ["2024-08-08T12:00:01Z"], "price": 99.0, "size": 7.0}).to_csv(
        tmp_path / "trades.csv", index=False
    )
    given = ("backtest", "book", "--quotes", tmp_path / "quotes.csv", "--strategy", "touch_maker", "--param", "size=2",
             "--param", "most=4", "--lot", 1, "--tick", 1)  # fmt: skip

    done = cli(*given, "--trades", tmp_path / "trades.csv", "--out", tmp_path / "out", "--json")

    # 5 stand ahead of our bid of 2; a sale of 7 takes them and ours.
    assert done.code == 0
    assert (done.json["n_fills"], done.json["final_position"]) == (1, 2.0)
    assert pd.read_parquet(tmp_path / "out" / "fills.parquet")["evidence"].tolist() == ["trade 0: 7 at 99 by a seller"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "equity.parquet", "fills.parquet", "orders.parquet", "report.html", "summary.json",
    ]  # fmt: skip
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") >= 2
    assert done.json["trial_id"] in page
    ledger = Lake(tmp_path / "var" / "lake").read("trials")
    assert ledger[["trial_id", "symbol", "status", "n_orders", "strategy"]].to_numpy().tolist() == [
        [done.json["trial_id"], "quotes", "done", 1, "touch_maker@1"]
    ]
    # It holds 2 that were bought at 99 and are marked at 100.
    assert ledger["total_return"].iloc[0] == pytest.approx((2 - 0.0) / 10_000)
    for more, words in (
        (("--recording", tmp_path / "quotes.csv"), "name either --recording or --quotes"),
        (("--trades", tmp_path / "quotes.csv"), "lacks the column 'price'; it needs ts, price, size"),
        (("--order-us", -1), "median_us must lie between 0 and 6e+07, not -1"),
        (("--seed", -1), "--seed must be at least 0, not -1"),
        (("--cash", -1), "--cash must lie between"),
    ):
        assert words in refused(*given, *more, "--out", tmp_path / "o2")
    assert not (tmp_path / "o2").exists()


def test_several_strategies_trade_one_book_each_with_limits_of_its_own(cli, refused, tmp_path):
    stamps = pd.date_range("2024-08-08T12:00:00Z", periods=40, freq="1s")
    pd.DataFrame({"ts": stamps, "bid": 99.0, "bid_size": 9.0, "ask": 101.0, "ask_size": 1.0}).to_csv(
        tmp_path / "quotes.csv", index=False
    )
    pd.DataFrame({"ts": stamps[1::3], "price": 99.0, "size": 12.0}).to_csv(tmp_path / "trades.csv", index=False)
    given = ("--quotes", tmp_path / "quotes.csv", "--trades", tmp_path / "trades.csv", "--lot", 1, "--tick", 1,
             "--strategy", "twap", "--param", "seconds=30", "--param", "quantity=4")  # fmt: skip
    taker = "imbalance_taker,size=1,most=9,max_position=3"

    done = cli("backtest", "book", *given, "--strategy", taker, "--out", tmp_path / "out", "--json")

    assert done.json["strategy"] == "twap@1+imbalance_taker@1"
    assert {"quantity": 4, "imbalance_taker.size": 1}.items() <= done.json["params"].items()
    each = done.json["strategies"]
    # The taker would hold nine; its own limit is three.
    assert abs(each["imbalance_taker@1"]["position"]) <= 3
    orders = pd.read_parquet(tmp_path / "out" / "orders.parquet")
    refusals = orders[orders["reason"] == "strategy_max_position"]
    assert set(refusals["strategy"]) == {"imbalance_taker@1"}
    earned = done.json["final_equity"] - done.json["initial_cash"]
    assert sum(one["profit"] for one in each.values()) == pytest.approx(earned)
    assert "What each strategy did" in (tmp_path / "out" / "report.html").read_text()
    wide = cli("backtest", "book", *given, "--strategy", taker.replace("=3", "=9"), "--out", tmp_path / "w", "--json")
    assert wide.json["trial_id"] != done.json["trial_id"]
    swept = cli("backtest", "sweep-book", *given[:-2], "--param", "quantity=2:4:2", "--strategy", taker, "--json").json
    assert [one["trial_id"] for one in swept["best"] if one["quantity"] == 4] == [done.json["trial_id"]]
    for strategy, words in (
        ("twap", "one is named twice; each trades an instrument of an account once"),
        ("touch_maker,max_position=-1", "--strategy touch_maker: max_position must lie between 0 and 1e+12, not -1"),
        ("touch_maker,max_open_orders=2.5", "--strategy touch_maker: max_open_orders=2.5: finer than there are units"),
        ("touch_maker,size=1:2:1", "--strategy touch_maker size=1:2:1: not a number"),
        ("touch_maker,size", "--strategy touch_maker 'size': write it as name=value"),
        ("touch_maker,sise=1", "sise"),
        ("twop", "twop"),
    ):
        assert words in refused("backtest", "book", *given, "--strategy", strategy, "--out", tmp_path / "o2")
    both = (*given[:-6], "--strategy", "twap,quantity=2", *given[-4:])
    assert "--param and --strategy both say quantity; leave one out" in refused(
        "backtest", "book", *both, "--out", tmp_path / "o2"
    )


def test_a_desk_on_paper_is_held_against_its_backtest_part_by_part(cli, refused, tmp_path):
    stamps = pd.date_range("2024-08-08T12:00:00Z", periods=60, freq="1s")
    pd.DataFrame({"ts": stamps, "bid": 99.0, "bid_size": 5.0, "ask": 101.0, "ask_size": 5.0}).to_csv(
        tmp_path / "quotes.csv", index=False
    )
    prices = [99.0, 101.0] * 15
    pd.DataFrame({"ts": stamps[::2] + pd.Timedelta("500ms"), "price": prices, "size": 7.0}).to_csv(
        tmp_path / "trades.csv", index=False
    )
    given = ("--quotes", tmp_path / "quotes.csv", "--trades", tmp_path / "trades.csv", "--lot", 1, "--tick", 1,
             "--strategy", "touch_maker", "--param", "size=2", "--param", "most=4", "--cash", 1000.25)  # fmt: skip
    none = ("--feed-us", 0, "--order-us", 0, "--answer-us", 0)

    paper = cli("execution", "paper", *given, "--maker-bp", 1, "--speed", 0, "--json")
    assert "fills" in cli("execution", "log", "--out", tmp_path / "live.csv").out
    made = cli("backtest", "book", *given, "--maker-bp", 1, *none, "--out", tmp_path / "same", "--json")
    assert made.json["initial_cash"] == 1000.25
    equity = pd.read_parquet(tmp_path / "same" / "equity.parquet")
    assert paper.json["cash"] == pytest.approx(equity["cash"].iloc[-1])
    cli("backtest", "book", *given, "--maker-bp", 0, *none, "--out", tmp_path / "free")
    validate = ("backtest", "validate", "--live", tmp_path / "live.csv", "--simulated")
    same, free = cli(*validate, tmp_path / "same", "--json"), cli(*validate, tmp_path / "free", "--json")

    assert paper.json["fills"] > 10
    assert same.code == 0
    assert {float(part["amount"]) for part in same.json["components"].values()} == {0.0}
    # A fee that the simulation did not have is a gap of one bp, and of that part alone.
    log = pd.read_csv(tmp_path / "live.csv")
    assert free.code == 1
    assert free.json["over"] == ["fee"]
    assert float(free.json["components"]["fee"]["amount"]) == pytest.approx(-log["commission"].sum(), abs=0.005)
    assert log["commission"].sum() == pytest.approx((log["price"] * log["quantity"]).sum() / 10_000)
    # On a way of their own cancels come later or sooner, which is another trial; a shipped venue has fees of its own.
    slow = cli("backtest", "book", *given, "--cancel-us", 5e5, "--out", tmp_path / "slow", "--json").json
    usual = cli("backtest", "book", *given, "--out", tmp_path / "usual", "--json").json
    assert slow["trial_id"] != usual["trial_id"]
    taken = cli("backtest", "book", *given, "--venue", "binance_usdm", "--out", tmp_path / "usdm", "--json").json
    assert taken["total_commission"] == pytest.approx(2e-4 * taken["traded"])
    assert "No venue named 'binance_usd'" in refused(
        "backtest", "book", *given, "--venue", "binance_usd", "--out", tmp_path / "o2"
    )
    assert "latency: median_us must lie between 0" in refused(
        "backtest", "book", *given, "--cancel-us", -1, "--out", tmp_path / "o2"
    )
    assert "there is no such desk" in refused("execution", "log", "--book", "other", "--out", tmp_path / "o.csv")
    assert ".csv or .parquet" in refused("execution", "log", "--out", tmp_path / "o.txt")
    assert not (tmp_path / "o.csv").exists()


def test_limits_of_the_account_are_those_of_a_desk_and_part_of_the_question(cli, refused, tmp_path):
    stamps = pd.date_range("2026-01-05T10:00:00Z", periods=200, freq="250ms")
    quotes = {"ts": stamps, "bid": 99.0, "bid_size": 90.0, "ask": 101.0, "ask_size": 10.0}
    pd.DataFrame(quotes).to_csv(tmp_path / "quotes.csv", index=False)
    given = ("--quotes", tmp_path / "quotes.csv", "--lot", 1, "--tick", 1, "--cash", 500, "--taker-bp", 0,
             "--strategy", "imbalance_taker,size=1,most=9")  # fmt: skip
    borrows_nothing = ("--limit", "max_leverage=1", "--limit", "max_short=0")

    free = cli("backtest", "book", *given, "--out", tmp_path / "free", "--json").json
    bound = cli("backtest", "book", *given, *borrows_nothing, "--out", tmp_path / "bound", "--json").json
    paper = cli("execution", "paper", *given, *borrows_nothing, "--speed", 0, "--silence", 5, "--json").json

    # Four at 101 leave 96; the mid is 100, so that a fifth would be more than there is.
    assert (free["final_position"], bound["final_position"], paper["position"]) == (9, 4, 4)
    assert bound["trial_id"] != free["trial_id"]
    assert set(pd.read_parquet(tmp_path / "bound" / "orders.parquet")["reason"]) == {"", "max_leverage"}
    swept = cli("backtest", "sweep-book", *given, *borrows_nothing, "--json").json
    assert [one["trial_id"] for one in swept["best"]] == [bound["trial_id"]]
    for words, said in (
        ("max_leverage=-1", "--limit: max_leverage must lie between 0 and 1e+12, not -1"),
        ("max_lever=1", "No limit named 'max_lever'; close matches: max_leverage"),
        ("max_leverage", "--limit 'max_leverage': write it as name=value"),
        ("max_leverage=x", "max_leverage=x: not a number"),
    ):
        assert said in refused("backtest", "book", *given, "--limit", words, "--out", tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_shock_strikes_the_market_of_a_book_and_is_part_of_the_question(cli, refused, tmp_path):
    stamps = pd.date_range("2026-01-05T10:00:00Z", periods=200, freq="250ms")
    quotes = {"ts": stamps, "bid": 990.0, "bid_size": 9.0, "ask": 1010.0, "ask_size": 9.0}
    pd.DataFrame(quotes).assign(bid_size=[9.0, 8.0] * 100).to_csv(tmp_path / "quotes.csv", index=False)
    given = ("--quotes", tmp_path / "quotes.csv", "--lot", 1, "--tick", 1, "--strategy", "touch_maker,size=1,most=1")
    shock = ("--shock", "gap,at=0.5,size=0.1,seconds=5")

    calm = cli("backtest", "book", *given, "--out", tmp_path / "calm", "--json").json
    struck = cli("backtest", "book", *given, *shock, "--out", tmp_path / "struck", "--json").json

    # Its bid at 990 is run over by offers at 909.
    assert (calm["n_fills"], calm["shocks"]) == (0, [])
    assert struck["n_fills"] >= 1
    assert struck["shocks"] == ["gap,at=0.5,size=0.1,seconds=5"]
    assert "gap,at=0.5,size=0.1,seconds=5" in (tmp_path / "struck" / "report.html").read_text()
    fills = pd.read_parquet(tmp_path / "struck" / "fills.parquet")
    assert (fills["side"].iloc[0], fills["price"].iloc[0]) == ("buy", 990.0)
    assert struck["trial_id"] != calm["trial_id"]
    swept = cli("backtest", "sweep-book", *given, *shock, "--json").json
    assert [one["trial_id"] for one in swept["best"]] == [struck["trial_id"]]
    # What strikes first is struck by the next one: the other way round is another question.
    orders = [("gap", "silence"), ("silence", "gap"), ("gap", "gap")]
    several = [
        cli("backtest", "sweep-book", *given, "--shock", one, "--shock", two, "--json").json["best"][0]["trial_id"]
        for one, two in orders
    ]
    assert len({struck["trial_id"], *several}) == 4
    for words, said in (
        ("quake", "No shock named 'quake'"), ("gap,size=2", "shock gap: size must lie between 0 and 0.99, not 2"),
        ("gap,sise=2", "--shock gap: unknown key 'sise'; it takes at, size, seconds"),
        ("gap,at=x", "at=x: not a number"),
    ):  # fmt: skip
        assert said in refused("backtest", "book", *given, "--shock", words, "--out", tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_stops_wait_at_the_venue_or_at_the_desk(cli, tmp_path):
    stamps = pd.date_range("2026-01-05T10:00:00Z", periods=2_000, freq="5ms")
    mid = 100 + np.random.default_rng(3).integers(-1, 2, len(stamps)).cumsum()
    quotes = {"ts": stamps, "bid": mid - 1.0, "bid_size": 9.0, "ask": mid + 1.0, "ask_size": 9.0}
    pd.DataFrame(quotes).to_csv(tmp_path / "quotes.csv", index=False)
    pd.DataFrame({"ts": stamps, "price": mid + 1.0, "size": 1.0}).to_csv(tmp_path / "trades.csv", index=False)
    given = ("--quotes", tmp_path / "quotes.csv", "--trades", tmp_path / "trades.csv", "--lot", 1, "--tick", 1,
             "--strategy", "breakout,size=1,seconds=0.2,trail_bp=300", "--order-us", 4000)  # fmt: skip

    at = {where: cli("backtest", "book", *given, "--stops", where, "--out", tmp_path / where, "--json").json
          for where in ("venue", "desk")}  # fmt: skip

    assert at["venue"]["trial_id"] != at["desk"]["trial_id"]
    assert min(one["n_fills"] for one in at.values()) > 4
    assert at["desk"]["evidence"]["triggered as its price was there"] == {
        "asked": at["desk"]["evidence"]["triggered as its price was there"]["asked"], "broken": 0,
    }  # fmt: skip
    assert (
        cli("backtest", "book", *given, "--out", tmp_path / "as usual", "--json").json["trial_id"]
        == (at["venue"]["trial_id"])
    )


def test_sets_of_a_quoting_strategy_are_swept_over_a_book(cli, refused, tmp_path):
    stamps = pd.date_range("2024-08-08T12:00:00Z", periods=2, freq="2s")
    pd.DataFrame({"ts": stamps, "bid": 99.0, "bid_size": 5.0, "ask": 101.0, "ask_size": 5.0}).to_csv(
        tmp_path / "quotes.csv", index=False
    )
    pd.DataFrame({"ts": ["2024-08-08T12:00:01Z"], "price": 99.0, "size": 7.0}).to_csv(
        tmp_path / "trades.csv", index=False
    )
    given = ("--quotes", tmp_path / "quotes.csv", "--trades", tmp_path / "trades.csv", "--strategy", "touch_maker",
             "--lot", 0.5, "--tick", 1, "--param", "most=4")  # fmt: skip

    done = cli("backtest", "sweep-book", *given, "--param", "size=0.5:2:0.5", "--out", tmp_path / "all.csv", "--json")

    # 5 stand ahead and 7 are sold: each size fills whole, bought at 99 and marked at 100.
    assert done.json["sets"] == 4
    assert [(row["size"], row["final_equity"]) for row in done.json["best"]] == [
        (2, 10_002.0), (1.5, 10_001.5), (1, 10_001.0), (0.5, 10_000.5)]  # fmt: skip
    assert pd.read_csv(tmp_path / "all.csv")["trial_id"].nunique() == 4
    ledger = Lake(tmp_path / "var" / "lake").read("trials")
    assert set(ledger["trial_id"]) == {row["trial_id"] for row in done.json["best"]}
    alone = cli("backtest", "book", *given, "--param", "size=1", "--out", tmp_path / "one", "--json")
    assert alone.json["trial_id"] == done.json["best"][2]["trial_id"]
    for command, more, words in (
        ("book", ("--param", "size=1:2:1"), "--param asks for 2 sets; name one, or use backtest sweep-book"),
        ("sweep-book", ("--param", "size=2:1:1"), "write first:last:step with first <= last and step above 0"),
        ("sweep-book", ("--param", "size=0.5:2"), "write first:last:step"),
        ("sweep-book", ("--param", "size=1:200000:1"), "200,000 values, at most 100,000"),
        ("sweep-book", ("--param", "size=a:2"), "not a number"),
        ("sweep-book", ("--param", "size=nan:2:1"), "not a number"),
        ("sweep-book", ("--param", "size=1:inf:1"), "not a number"),
    ):
        assert words in refused("backtest", command, *given, *more, "--out", tmp_path / "o2.csv")
    many = ("--param", "size=1:999:1", "--param", "most=1:999:1")
    assert "asks for 998,001 sets, at most 10,000" in refused("backtest", "sweep-book", *given[:-2], *many)


def test_what_a_log_of_a_book_shows_goes_into_the_next_run(cli, refused, tmp_path):
    from tests.backtest.test_compiled_book import Wild, busy
    from tradepulse.backtest.book import Ways, replay
    from tradepulse.backtest.latency import Latency
    from tradepulse.core.orders import UNIT
    from tradepulse.execution.terms import FEE, MONEY, Terms

    ways = Ways(Latency(500), Latency(1_500), Latency(800), 5)
    terms = Terms(UNIT, UNIT, -FEE, 5 * FEE, cash=10**6 * MONEY)
    log = pd.concat([replay(busy(seed, 300), Wild(seed=seed), terms, ways=ways).fills for seed in range(8)])
    log.to_parquet(tmp_path / "log.parquet", index=False)
    quotes = pd.DataFrame({"ts": pd.date_range("2024-08-08", periods=4, freq="s", tz="UTC"), "bid": 99.0,
                           "bid_size": 5.0, "ask": 101.0, "ask_size": 5.0})  # fmt: skip
    quotes.to_csv(tmp_path / "quotes.csv", index=False)

    found = cli("backtest", "calibrate", tmp_path / "log.parquet", "--out", tmp_path / "mine.yaml", "--json")
    figures = {row["figure"]: row["value"] for row in found.json}
    assert (figures["maker_bp"], figures["taker_bp"]) == (pytest.approx(-1), pytest.approx(5))
    assert (figures["order_us"], figures["order_deviation"]) == (pytest.approx(1_500), pytest.approx(0, abs=1e-9))
    assert figures["slippage_bp"] is None

    given = ("backtest", "book", "--quotes", tmp_path / "quotes.csv", "--strategy", "touch_maker", "--param", "size=2",
             "--lot", 1, "--tick", 1, "--venue", tmp_path / "mine.yaml")  # fmt: skip
    assert cli(*given, "--out", tmp_path / "out", "--json").json["latency_us"]["order"] == pytest.approx(1_500)
    assert "--taker-bp and mine.yaml both say it" in refused(*given, "--taker-bp", 4, "--out", tmp_path / "o2")
    assert "is a .yaml file" in refused(
        "backtest", "calibrate", tmp_path / "log.parquet", "--out", tmp_path / "mine.txt"
    )


def test_a_queue_goes_from_a_log_and_its_market_into_the_next_run(cli, refused, tmp_path):
    from tests.backtest.test_validation import long_queues
    from tradepulse.core.orders import UNIT

    moves = long_queues(3)
    quotes, trades, touch = [], [], {}
    for move in moves:
        at = pd.Timestamp("2024-08-08", tz="UTC") + pd.Timedelta(move.ns, "ns")
        if move.aggressor is not None:
            trades.append({"ts": at, "price": move.price / UNIT, "size": move.quantity / UNIT})
            continue
        touch |= {side.value: (price / UNIT, size / UNIT) for side, price, size in move.levels if size}
        quotes.append({"ts": at, "bid": touch["buy"][0], "bid_size": touch["buy"][1], "ask": touch["sell"][0],
                       "ask_size": touch["sell"][1]})  # fmt: skip
    for name, rows in (("quotes", quotes), ("trades", trades)):
        pd.DataFrame(rows).to_parquet(tmp_path / f"{name}.parquet", index=False)
    market = ("--quotes", tmp_path / "quotes.parquet", "--trades", tmp_path / "trades.parquet", "--lot", 1)
    asked = ("backtest", "book", *market, "--strategy", "touch_maker", "--param", "size=5", "--param", "most=100",
             "--tick", 1, "--cash", 1_000_000)  # fmt: skip
    live = cli(*asked, "--cancels-ahead", 0.7, "--out", tmp_path / "live", "--json").json
    log = tmp_path / "live" / "fills.parquet"

    found = cli("backtest", "calibrate", log, *market, "--out", tmp_path / "mine.yaml", "--json")

    [queue] = [row for row in found.json if row["figure"] == "cancels_ahead"]
    assert queue["low"] <= 0.7 <= queue["high"]
    assert queue["high"] - queue["low"] < 0.2
    again = cli(*asked, "--venue", tmp_path / "mine.yaml", "--out", tmp_path / "again", "--json").json
    assert again["cancels_ahead"] == pytest.approx(queue["value"])
    assert again["n_fills"] == pytest.approx(live["n_fills"], abs=3)
    assert again["trial_id"] != live["trial_id"]
    guessed = cli(*asked, "--out", tmp_path / "guessed", "--json").json
    assert abs(guessed["n_fills"] - live["n_fills"]) > 10
    assert "--cancels-ahead and mine.yaml both say it" in refused(
        *asked, "--venue", tmp_path / "mine.yaml", "--cancels-ahead", 0, "--out", tmp_path / "o2"
    )
    assert "--cancels-ahead must lie between 0 and 1" in refused(*asked, "--cancels-ahead", "nan", "--out", tmp_path)
    assert "--trades go with --quotes" in refused("backtest", "calibrate", log, "--recording", log, "--trades", log)


def test_a_book_of_two_venues_is_routed_and_traded_on_paper_alike(cli, refused, shared_data, tmp_path):
    from tradepulse.core.files import replace_text

    spot, usdm = (tmp_path / f"binance_{name}_btcusdt_20240808.gz" for name in ("spot", "usdm"))
    for part in (spot, usdm):
        # Two minutes of both, by the clock that received them.
        with gzip.open(shared_data / "l2" / part.name, "rt") as whole, gzip.open(part, "wt") as some:
            some.writelines(line for line in whole if int(line.split(" ", 1)[0]) < 1723161375 * 10**9)
    given = ("--recording", spot, "--beside", f"{usdm},tick=0.1,lot=0.001,taker_bp=2", "--lot", 0.001, "--strategy",
             "imbalance_taker", "--param", "size=0.05", "--param", "most=0.5")  # fmt: skip
    none = ("--feed-us", 0, "--order-us", 0, "--answer-us", 0)

    tested = cli("backtest", "book", *given, *none, "--out", tmp_path / "out", "--json").json
    paper = cli("execution", "paper", *given, "--speed", 0, "--durability", "os", "--json").json

    assert tested["n_fills"] > 50
    assert (paper["orders"], paper["fills"]) == (tested["n_orders"], tested["n_fills"])
    assert paper["position"] == pytest.approx(tested["final_position"])
    orders = pd.read_parquet(tmp_path / "out" / "orders.parquet")
    assert set(orders["venue"]) == {"binance_spot_btcusdt_20240808", "binance_usdm_btcusdt_20240808"}
    said = orders["routed"].str.contains("a unit with [24] bp of fee")
    assert said.mean() > 0.95
    # Where less than a lot is displayed there is nothing to choose.
    assert set(orders.loc[~said, "venue"]) <= {"binance_spot_btcusdt_20240808"}
    alone = cli("backtest", "book", *given[:2], *given[4:], *none, "--out", tmp_path / "one", "--json").json
    assert alone["trial_id"] != tested["trial_id"]
    replace_text(tmp_path / "venue.yaml", "book: {taker_bp: 1}\n")
    cheap = cli("backtest", "book", *given, "--venue", tmp_path / "venue.yaml", "--out", tmp_path / "c", "--json").json
    assert cheap["total_commission"] < tested["total_commission"]


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ("a.gz,tock=1", "unknown key 'tock'; it takes tick, lot, maker_bp, taker_bp, latency_us, fades_us"),
        ("a.gz,tick=0", "tick must lie between 1e-09 and 1e+12, not 0"),
        ("a.gz,tick", "--beside 'tick': write it as name=value"),
        ("a.gz,lot=x", "--beside lot=x: not a number"),
        ("here.gz", "two files have one name"),
        ("a.gz", "a.gz: cannot be read"),
    ],
)
def test_another_venue_that_makes_no_sense_is_refused(refused, tmp_path, beside, words):
    (tmp_path / "here.csv").write_text(
        "ts,bid,bid_size,ask,ask_size\n2024-08-08T00:00:00Z,99,5,101,5\n2024-08-08T00:00:01Z,99,5,101,5\n"
    )
    given = ("backtest", "book", "--quotes", tmp_path / "here.csv", "--strategy", "touch_maker")

    assert words in refused(*given, "--beside", beside, "--out", tmp_path / "out")


def test_a_book_of_two_instruments_is_hedged_and_traded_on_paper_alike(cli, refused, shared_data, tmp_path):
    spot, usdm = (tmp_path / f"{name}.gz" for name in ("spot", "usdm"))
    for part in (spot, usdm):
        source = shared_data / "l2" / f"binance_{part.stem}_btcusdt_20240808.gz"
        with gzip.open(source, "rt") as whole, gzip.open(part, "wt") as some:
            some.writelines(line for line in whole if int(line.split(" ", 1)[0]) < 1723161375 * 10**9)
    given = ("--recording", spot, "--instrument", f"{usdm},tick=0.1,lot=0.001,taker_bp=2,max_position=0.05",
             "--strategy", "hedged_maker", "--param", "size=0.002", "--param", "most=0.02")  # fmt: skip
    none = ("--feed-us", 0, "--order-us", 0, "--answer-us", 0)

    tested = cli("backtest", "book", *given, *none, "--out", tmp_path / "out", "--json").json
    paper = cli("execution", "paper", *given, "--speed", 0, "--durability", "os", "--json").json

    ends = {symbol: one["position"] for symbol, one in tested["instruments"].items()}
    assert tested["n_fills"] > 50
    assert (paper["orders"], paper["fills"]) == (tested["n_orders"], tested["n_fills"])
    assert paper["positions"] == pytest.approx(ends)
    assert abs(ends["spot"] + ends["usdm"]) < 0.003  # less than a step of the hedge, and one that was on its way
    fills, equity = (pd.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ("fills", "equity"))
    assert set(zip(fills["symbol"], fills["liquidity"], strict=True)) == {("spot", "maker"), ("usdm", "taker")}
    # Equity is cash and what is held of each at its own middle.
    last = equity.iloc[-1]
    signed = fills["quantity"].where(fills["side"] == "buy", -fills["quantity"])
    cash = 10_000 - (signed * fills["price"] + fills["commission"]).sum()
    worth = sum(ends[symbol] * tested["marks"][symbol] for symbol in ends)
    assert last["equity"] == pytest.approx(cash + worth)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Fills and position of spot" in page
    assert "What the market of usdm did after fills" in page
    # What a desk did is held against its backtest, symbol by symbol.
    cli("execution", "log", "--out", tmp_path / "live.csv")
    same = cli("backtest", "validate", "--live", tmp_path / "live.csv", "--simulated", tmp_path / "out", "--json")
    assert {float(part["amount"]) for part in same.json["components"].values()} == {0.0}

    alone = cli("backtest", "book", *given[:2], "--strategy", "touch_maker", *none, "--out", tmp_path / "one", "--json")
    on = cli("backtest", "book", *given[:4], "--strategy", "touch_maker,on=usdm", "--out", tmp_path / "on", "--json")
    assert set(pd.read_parquet(tmp_path / "on" / "orders.parquet")["symbol"]) == {"usdm"}
    assert len({tested["trial_id"], alone.json["trial_id"], on.json["trial_id"]}) == 3
    for more, words in (
        (("--recording", spot, "--strategy", "hedged_maker"), "trades several instruments, and there is one: spot"),
        ((*given[:4], "--strategy", "touch_maker,on=x"), "on=x: there is no such instrument; there are spot, usdm"),
        (("--recording", spot, "--instrument", f"{spot},tick=1", "--strategy", "twap"), "two files have one name"),
        (("--recording", spot, "--instrument", f"{usdm},tock=1", "--strategy", "twap"), "unknown key 'tock'; it takes"),
        (("--recording", spot, "--instrument", f"{usdm},max_position=-1", "--strategy", "twap"), "must lie between 0"),
        (
            ("--recording", spot, "--beside", f"{usdm},max_position=1", "--strategy", "twap"),
            "unknown key 'max_position'",
        ),
    ):
        assert words in refused("backtest", "book", *more, "--out", tmp_path / "o2")


def test_a_strategy_of_bars_begins_on_a_book_with_the_bars_before_it(cli, refused, tmp_path):
    stamps = pd.date_range("2024-08-08T12:00:00Z", periods=40, freq="500ms")
    quotes = pd.DataFrame({"ts": stamps, "bid": 99.0, "bid_size": 50.0, "ask": 101.0, "ask_size": 50.0})
    quotes.to_csv(tmp_path / "quotes.csv", index=False)
    trades = pd.DataFrame({"ts": stamps + pd.Timedelta("1ms"), "price": np.arange(40) + 100.0, "size": 1.0})
    trades.to_csv(tmp_path / "trades.csv", index=False)
    before = pd.date_range("2024-08-08T11:59:50Z", periods=10, freq="1s")
    close = np.arange(20.0, 10.0, -1)
    bars = pd.DataFrame({"ts": before, "symbol": "ABC", "open": close, "high": close, "low": close, "close": close,
                         "volume": 5.0})  # fmt: skip
    bars.to_csv(tmp_path / "bars.csv", index=False)
    given = ("--quotes", tmp_path / "quotes.csv", "--trades", tmp_path / "trades.csv", "--lot", 1, "--tick", 1,
             "--cash", 1e6, "--strategy", "sma_cross,fast=2,slow=9,seconds=1,quantity=3")  # fmt: skip
    none = ("--feed-us", 0, "--order-us", 0, "--answer-us", 0)
    history = ("--history", tmp_path / "bars.csv")

    warm = cli("backtest", "book", *given, *history, *none, "--out", tmp_path / "warm", "--json").json
    cold = cli("backtest", "book", *given, *none, "--out", tmp_path / "cold", "--json").json
    paper = cli("execution", "paper", *given, *history, "--speed", 0, "--json").json

    # The cross is above at the first whole bar; without what was before it is above from the first bar that counts, and
    # there is no cross to see.
    assert (warm["n_fills"], cold["n_fills"], paper["fills"]) == (1, 0, 1)
    assert warm["trial_id"] != cold["trial_id"]
    first = pd.read_parquet(tmp_path / "warm" / "fills.parquet")["decided_ts"].iloc[0]
    assert first == pd.Timestamp("2024-08-08T12:00:02Z")
    two = pd.concat([bars, bars.assign(symbol="DEF")]).sort_values("ts", kind="stable")
    two.to_csv(tmp_path / "two.csv", index=False)
    for more, words in (
        (("--strategy", "touch_maker", *history), "--history: touch_maker is no strategy of bars of one instrument"),
        (("--strategy", "sma_cross,seconds=2", *history), "its bars are 1 s apart, and those of the strategy 2 s"),
        (("--strategy", "sma_cross,seconds=1", "--history", tmp_path / "two.csv"), "has bars of ABC, DEF; name a file"),
        (("--strategy", "sma_cross,seconds=1", "--history", tmp_path / "no.csv"), "no.csv"),
    ):
        assert words in refused("backtest", "book", *given[:-2], *more, "--out", tmp_path / "o2")


def test_bars_of_another_currency_are_traded_at_the_rate_of_their_instant(cli, refused, small, tmp_path):
    rates = bars_of([2.0] * 8, symbol="EURUSD")[["session", "symbol", "open", "high", "low", "close", "volume"]]
    rates.to_csv(tmp_path / "rates.csv", index=False)
    given = ("--quantity", 10, "--cash", 1000, "--commission-bp", 0, "--slippage-bp", 0)
    plain = cli(*sma(small, *given, "--out", tmp_path / "a", "--json")).json
    twice = cli(*sma(small, *given, "--rates", tmp_path / "rates.csv", "--out", tmp_path / "b", "--json")).json

    assert twice["final_equity"] - 1000 == pytest.approx(2 * (plain["final_equity"] - 1000))
    assert twice["trial_id"] != plain["trial_id"]
    rates.iloc[:-1].to_csv(tmp_path / "short.csv", index=False)
    assert "1 of 8 bars have no rate of EURUSD" in refused(
        *sma(small, "--rates", tmp_path / "short.csv", "--out", tmp_path / "c")
    )


def test_a_sweep_keeps_to_its_budget(cli, refused, bars_file, tmp_path):
    sweep = (
        "backtest",
        "sweep",
        "--bars",
        bars_file,
        "--strategy",
        "sma_cross",
        "--param",
        "fast=2:4:1",
        "--param",
        "slow=6:9:1",
    )

    assert "no sweep has been metered yet" in refused(*sweep, "--budget-usd", 1)
    assert cli(*sweep, "--json").json["trials"] == 12
    each = next(one for one in cli("finops", "units", "--json").json if one["name"] == "backtest")["each_nano_usd"]
    assert each > 0

    before = len(Lake(tmp_path / "var" / "lake").read("trials"))
    line = refused(*sweep, "--budget-usd", 5.5 * each / 1e9)
    assert "the sweep asks 12 trials" in line
    assert "is enough for 5: --trim asks only those" in line
    assert len(Lake(tmp_path / "var" / "lake").read("trials")) == before
    done = cli(*sweep, "--budget-usd", 5.5 * each / 1e9, "--trim", "--json").json
    assert 1 <= done["trials"] <= 5
    assert done["trials"] + done["not_asked"] == 5
    assert cli(*sweep, "--budget-usd", 1, "--json").json["trials"] == 12
    assert "--trim goes with --budget-usd" in refused(*sweep, "--trim")
    assert "--budget-usd must be an amount above 0, not -1" in refused(*sweep, "--budget-usd", -1)
    assert "do not go together" in refused(*sweep, "--budget-usd", 1, "--walk-forward", "30:10")


def test_what_a_live_log_shows_is_the_friction_of_the_next_backtest(cli, refused, tmp_path):
    """The live side is a venue that nothing here is told of: 2.5 bp, and slippage of 3 bp and 60 bp by the root."""
    draw = np.random.default_rng(5)
    bars = random_walk(8, 1_500).assign(volume=np.exp(draw.uniform(np.log(200), np.log(50_000), 1_500)).round())
    path = tmp_path / "bars.parquet"
    bars[["session", "symbol", "open", "high", "low", "close", "volume"]].to_parquet(path)
    (tmp_path / "true.yaml").write_text("commission: {bp: 2.5}\nslippage: {bp: 3, impact_bp: 60}\n")
    run = ("backtest", "run", "--bars", path, "--strategy", "sma_cross", "--param", "fast=2", "--param", "slow=4")
    assert cli(*run, "--friction", tmp_path / "true.yaml", "--out", tmp_path / "live").code == 0
    fills = pd.read_parquet(tmp_path / "live" / "fills.parquet")
    volume = bars.set_index("ts")["volume"]
    fills.assign(bar_volume=volume.loc[fills["ts"]].to_numpy()).to_parquet(tmp_path / "live.parquet")
    assert len(fills) > 300
    held = ("backtest", "validate", "--live", tmp_path / "live.parquet", "--budget", "fee=0.2", "--budget", "price=0.5")
    assert cli(*run, "--out", tmp_path / "guess").code == 0

    first = cli(*held, "--simulated", tmp_path / "guess", "--venue-out", tmp_path / "fit.yaml", "--json")

    assert (first.code, sorted(first.json["over"])) == (1, ["fee", "price"])
    fitted = load_venue(str(tmp_path / "fit.yaml"))
    assert fitted.fees.bp == pytest.approx(2.5, abs=0.01)
    assert fitted.worse.bp == pytest.approx(3, abs=0.05)
    assert fitted.worse.impact_bp == pytest.approx(60, rel=0.01)
    assert cli(*run, "--friction", tmp_path / "fit.yaml", "--out", tmp_path / "again").code == 0
    second = cli(*held, "--simulated", tmp_path / "again", "--json")
    assert (second.code, second.json["over"]) == (0, [])
    # A log that cannot tell makes no venue, and leaves none.
    few = pd.read_parquet(tmp_path / "live.parquet").head(20)
    few.to_parquet(tmp_path / "few.parquet")
    said = refused("backtest", "validate", "--live", tmp_path / "few.parquet", "--simulated", tmp_path / "guess",
                   "--venue-out", tmp_path / "none.yaml")  # fmt: skip
    assert "no venue can be made of this log: commission_bp is not known, 20 fills, at least 30" in said
    assert not (tmp_path / "none.yaml").exists()
    assert "a venue is a .yaml file" in refused(*held, "--simulated", tmp_path / "guess", "--venue-out", tmp_path / "v")


def test_a_strategy_that_breaks_is_one_line_that_says_where(small, refused, tmp_path, monkeypatch):
    def breaks(self, bar, desk):
        return {}[bar.symbol]

    monkeypatch.setattr(SmaCross, "handle_tick", breaks)
    said = refused(*sma(small), "--out", tmp_path / "out")

    assert said.startswith("sma_cross@1 broke: KeyError: ")
    assert "(test_backtest.py, line " in said
    assert not (tmp_path / "out").exists()

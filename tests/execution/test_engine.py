"""The engine and the exchange over a real line: the same as the backtest, and safe whatever happens to either."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.execution.desks import TERMS, Running, Scripted, levels, market, spec
from tradepulse.backtest.book import moves_of_recording, replay
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.errors import BookLocked, ConfigError, LineLost, MissingData
from tradepulse.execution import line
from tradepulse.execution.desk import View
from tradepulse.execution.engine import parse_desk
from tradepulse.execution.exchange import Exchange, connect, logon
from tradepulse.execution.journal import Journal, older_files, verify_journal
from tradepulse.execution.kill_switch import pull_kill_switch, reset_kill_switch
from tradepulse.execution.lease import read_lease
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.supervision import desk_of, run_paper, watched_desk
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.execution.ticket import OrderType, Ticket
from tradepulse.ingestion.recording import load_recording


@pytest.fixture
def exchange(tmp_path):
    made = []

    def open_one(moves, speed=0.0, **options):
        made.append(Exchange(moves, tmp_path / "venue", speed=speed, **options))
        return made[-1]

    yield open_one
    for one in made:
        one.close()


def state_of(folder, terms=TERMS):
    with Journal(folder / "orders.journal", "os") as journal:
        return OrderPath(journal, terms).state


def assert_the_ledgers_agree(state, venue):
    """What we have is what happened at the venue, nothing lost and nothing twice."""
    theirs = [(e.fill_id, e.id, e.side, e.price, e.quantity) for e in venue.events if e.kind == "filled"]
    ours = [(f.fill_id, f.order, f.side, f.price, f.quantity) for f in state.fills]
    assert sorted(ours) == sorted(theirs)
    assert state.position == venue.position
    assert set(state.open) == set(venue.open_ids())
    assert not any(order.status == "unknown" for order in state.orders.values())


# -- the same as the backtest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["touch_maker", "imbalance_taker"])
def test_the_same_strategy_on_the_same_market_sends_the_same_orders_on_paper(tmp_path, exchange, name, seed):
    params = {"touch_maker": {"size": 3, "most": 12}, "imbalance_taker": {"size": 2, "most": 10, "lean": 0.7}}[name]
    moves = market(seed)
    engine = Running(tmp_path / "b", spec(tmp_path, strategies=[(name, params)]))
    engine.until_ended(exchange(moves))

    tested = replay(moves, quoting_strategy(name)(**params), TERMS, book="book")
    state = state_of(tmp_path / "b")

    assert engine.error is None
    assert len(tested.orders) > 20
    ours = [
        (id, o.ticket.side.value, o.ticket.quantity / UNIT, o.status, o.filled / UNIT) for id, o in state.orders.items()
    ]
    assert ours == [
        (row.order_id, row.side, row.quantity, row.status, row.filled) for row in tested.orders.itertuples()
    ]  # fmt: skip
    assert [(f.order, f.price / UNIT, f.quantity / UNIT, f.liquidity) for f in state.fills] == [
        (row.order_id, row.price, row.quantity, row.liquidity) for row in tested.fills.itertuples()
    ]
    assert engine.outcome.cash / MONEY == pytest.approx(tested.equity["cash"].iloc[-1], rel=1e-12)


def test_a_loss_counts_until_the_day_is_over(tmp_path):
    # 2 units bought at 101 and sold at 99: 4 lost before midnight. The next day begins with what is left.
    day = 86_400_000
    strict = replace(TERMS, taker_fee=0, limits=Limits(max_daily_loss=3 * MONEY))
    moves = [
        levels(day - 30, ("buy", 99, 9), ("sell", 101, 9)), levels(day - 20, ("buy", 98, 9)),
        levels(day - 10, ("buy", 97, 9)), levels(day + 10, ("buy", 96, 9)), levels(day + 20, ("buy", 95, 9)),
    ]  # fmt: skip

    def act(self, count, seen, desk):
        side = Side.SELL if count == 1 else Side.BUY
        desk.submit(side, 2 * UNIT)

    tested = replay(moves, Scripted(act), strict)

    assert tested.orders["status"].tolist() == ["filled", "filled", "refused", "filled", "filled"]
    assert tested.orders["reason"].tolist()[2] == "max_daily_loss"
    exchange = Exchange(moves, tmp_path / "venue", speed=0)
    try:
        wanted = spec(tmp_path, terms=strict)
        engine = Running(tmp_path / "b", wanted, Scripted(act)).until_ended(exchange)
    finally:
        exchange.close()
    assert engine.error is None
    assert [order.status for order in state_of(tmp_path / "b", strict).orders.values()] == tested.orders[
        "status"
    ].tolist()


def test_a_real_recording_is_traded_on_paper_as_it_was_tested(tmp_path, shared_data):
    moves = moves_of_recording(load_recording(shared_data / "l2" / "binance_spot_btcusdt_20240808.gz"))[:5_000]
    desk = {"book": "b", "strategy": "touch_maker", "params": {}, "tick": "0.01", "lot": "0.00001", "taker_bp": "4",
            "cash": "10000"}  # fmt: skip

    outcome = run_paper(tmp_path / "b", desk, moves, speed=0, cancels_ahead=0.5)

    terms = Terms(UNIT // 100, UNIT // 100_000, 0, 4 * FEE, cash=10_000 * MONEY)
    tested = replay(moves, quoting_strategy("touch_maker")(), terms, book="b", cancels_ahead=0.5).summary
    assert (outcome["ended"], outcome["orders"], outcome["fills"]) == ("closed", tested["n_orders"], tested["n_fills"])
    assert outcome["position"] / UNIT == tested["final_position"]


def test_the_journal_is_the_same_byte_for_byte_however_the_line_cuts_what_is_said(tmp_path, exchange, monkeypatch):
    written = []
    for chunk in (5, 97, 4_099, 1 << 20):
        monkeypatch.setattr(line, "_CHUNK", chunk)
        (place := tmp_path / str(chunk)).mkdir()
        venue = Exchange(market(3, 150), place / "venue", speed=0.0)
        engine = Running(place / "b", spec(place))
        engine.until_ended(venue, seconds=2_000)
        venue.close()
        assert engine.error is None
        written.append((place / "b" / "orders.journal").read_bytes())

    assert len(set(written)) == 1
    assert len(written[0]) > 5_000


def test_the_journal_is_the_same_byte_for_byte_in_every_process(tmp_path, monkeypatch):
    desk = {"book": "b", "strategy": "touch_maker", "params": {"size": 3, "most": 12}, "tick": "1", "lot": "1",
            "taker_bp": "4", "cash": "100000", "durability": "os"}  # fmt: skip
    written = []
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        assert run_paper(tmp_path / seed, desk, market(5), speed=0)["orders"] > 20
        written.append((tmp_path / seed / "orders.journal").read_bytes())

    assert len(set(written)) == 1


# -- death -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["os", "group", "each"])
def test_an_engine_that_is_killed_again_and_again_loses_nothing_and_sends_nothing_twice(tmp_path, exchange, durability):
    venue = exchange(market(7, 1_500))
    desk = {"book": "b", "place": str(tmp_path / "venue"), "strategy": "touch_maker", "tick": "1", "lot": "1",
            "params": {"size": 3, "most": 12}, "maker_bp": "-1", "taker_bp": "4", "cash": "100000",
            "durability": durability, "rotate_mb": 0, "keep_files": 1}  # fmt: skip
    (tmp_path / "desk.json").write_text(json.dumps(desk))
    command = [sys.executable, "-m", "tradepulse.execution", "--folder", str(tmp_path / "b"), "--desk",
               str(tmp_path / "desk.json")]  # fmt: skip
    deaths = 0
    engine = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        next_death = 200
        while engine.poll() is None:
            venue.step(0.01)
            if venue.over:
                venue.say_over()
            if venue.venue.moment > next_death and deaths < 5:
                engine.kill()
                engine.communicate()
                deaths, next_death = deaths + 1, next_death + 200
                engine = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        engine.kill()
        out, err = engine.communicate()

    assert deaths == 5
    assert engine.returncode == 0, err
    assert json.loads(out)["epoch"] == 6
    state = state_of(tmp_path / "b")
    assert_the_ledgers_agree(state, venue.venue)
    assert len(state.fills) > 50
    # Each start on a journal that had grown by more than its snapshot went on in a new file.
    older = older_files(tmp_path / "b" / "orders.journal")
    assert len(older) >= 2
    assert [path.stat().st_size > 0 for path in older] == [False] * (len(older) - 1) + [True]
    verify_journal(tmp_path / "b" / "orders.journal")


def test_paper_starts_an_engine_again_that_died(tmp_path):
    desk = {"book": "b", "strategy": "touch_maker", "tick": "1", "lot": "1", "params": {"size": 3, "most": 12},
            "cash": "100000"}  # fmt: skip
    said, killed = [], []

    def say(line):
        said.append(line)
        if "(maker)" in line and not killed:
            killed.append(json.loads((tmp_path / "b" / "lease").read_text())["pid"])
            os.kill(killed[0], signal.SIGKILL)

    outcome = run_paper(tmp_path / "b", desk, market(3, 3_000), speed=0, say=say)

    assert (outcome["ended"], outcome["starts"], outcome["epoch"]) == ("closed", 2, 2)
    assert "the engine died (signal 9); starting it again" in said

    again = run_paper(tmp_path / "b", desk, market(4), speed=0)
    assert (again["ended"], again["epoch"]) == ("closed", 3)
    assert again["fills"] > outcome["fills"]  # the ids of a new exchange's fills are new


# -- the kill switch ---------------------------------------------------------------------------------------------------


def quote_once(self, number, market, desk):
    if number == 0:
        self.ids = [desk.submit(Side.BUY, UNIT, 99 * UNIT), desk.submit(Side.SELL, UNIT, 101 * UNIT)]


QUIET = [levels(0, ("buy", 99, 5), ("sell", 101, 5)), *(levels(n, ("buy", 95, n % 7 + 1)) for n in range(1, 4_000))]


def until_both_quotes_rest(venue):
    for _ in range(200):
        venue.step(0.01)
        if len(venue.venue.open_ids()) == 2:
            return
    raise AssertionError("the engine has not quoted")


def test_the_kill_switch_cancels_at_the_venue_and_has_it_proven(tmp_path, exchange):
    venue = exchange(QUIET, speed=1.0)
    engine = Running(tmp_path / "b", spec(tmp_path), Scripted(quote_once))
    until_both_quotes_rest(venue)
    pull_kill_switch(tmp_path / "b", "drawdown", "anna")
    engine.until_ended(venue)

    assert (engine.outcome.ended, engine.outcome.reason) == ("killed", "drawdown (anna)")
    assert venue.venue.open_ids() == []
    state = state_of(tmp_path / "b")
    assert [(o.status, o.reason) for o in state.orders.values()] == [("canceled", "killed")] * 2

    # It survives a restart, and nothing is traded until somebody says why it may.
    again = Running(tmp_path / "b", spec(tmp_path), Scripted(quote_once)).until_ended(venue)
    assert (again.outcome.ended, again.outcome.orders) == ("killed", 2)
    with pytest.raises(ConfigError, match="reset by somebody for a reason"):
        reset_kill_switch(tmp_path / "b", TERMS, "  ", "ben")
    reset_kill_switch(tmp_path / "b", TERMS, "checked the feed", "ben")
    with pytest.raises(ConfigError, match="is not pulled; there is nothing to reset"):
        reset_kill_switch(tmp_path / "b", TERMS, "checked the feed", "ben")
    assert not state_of(tmp_path / "b").killed


def test_without_proof_in_time_it_is_escalated(tmp_path, exchange):
    venue = exchange(QUIET, speed=1.0)
    engine = Running(tmp_path / "b", spec(tmp_path, deadline_s=0.3, reconnect_s=0.2), Scripted(quote_once))
    until_both_quotes_rest(venue)
    pull_kill_switch(tmp_path / "b", "drawdown", "anna")
    engine.thread.join(5)  # the exchange is silent from here on

    assert engine.outcome.ended == "escalated"
    assert engine.said[-1].startswith("ESCALATED: the venue has not proven in 0.3 s that nothing is open (2 orders")
    state = state_of(tmp_path / "b")
    assert (state.killed, state.escalated) == (True, True)
    assert len(state.open) == 2  # still reserved: nobody knows


def raises(self, number, market, desk):
    quote_once(self, number, market, desk)
    if number == 5:
        raise ZeroDivisionError("by nothing")


def test_a_strategy_that_raises_pulls_it(tmp_path, exchange):
    venue = exchange(QUIET)
    engine = Running(tmp_path / "b", spec(tmp_path), Scripted(raises)).until_ended(venue)

    assert (engine.outcome.ended, engine.outcome.reason) == ("killed", "ZeroDivisionError: by nothing")
    assert venue.venue.open_ids() == []


def test_market_data_that_stops_pulls_it_and_heartbeats_do_not_count(tmp_path, exchange):
    venue = exchange([QUIET[0], QUIET[1], levels(60_000, ("buy", 95, 1))], speed=1.0)
    engine = Running(tmp_path / "b", spec(tmp_path, silence_s=1.2), Scripted(quote_once))
    end = time.monotonic() + 10
    while engine.thread.is_alive() and time.monotonic() < end:
        venue.serve(0.6)  # beats

    assert (engine.outcome.ended, engine.outcome.reason) == ("killed", "no market data for 1.2 s")


# -- fencing -----------------------------------------------------------------------------------------------------------


def test_a_second_process_on_the_same_book_is_refused(tmp_path, exchange):
    venue = exchange(QUIET, speed=1.0)
    first = Running(tmp_path / "b", spec(tmp_path), Scripted(quote_once))
    for _ in range(50):
        venue.step(0.01)
    second = Running(tmp_path / "b", spec(tmp_path), Scripted(quote_once))
    second.thread.join(5)
    pull_kill_switch(tmp_path / "b", "done", "test")
    first.until_ended(venue)

    assert isinstance(second.error, BookLocked)
    assert "another process trades this book" in str(second.error)
    assert first.outcome.orders == 2


def test_an_older_process_is_turned_away_by_the_venue_and_by_the_lease(tmp_path, exchange):
    """The lock of a folder does not reach every file system; the epoch does."""
    venue = exchange(QUIET, speed=1.0)
    first = Running(tmp_path / "b", spec(tmp_path), Scripted(quote_once))
    for _ in range(50):
        venue.step(0.01)
    assert read_lease(tmp_path / "b") == 1
    line = connect(tmp_path / "venue", 1.0)
    logon(line, 2, 0, [])
    first.until_ended(venue)

    assert isinstance(first.error, BookLocked)
    assert "a process with epoch 2 trades this book; this one, with epoch 1, is turned away" in str(first.error)
    # And who is not logged on any more sends in vain.
    old = connect(tmp_path / "venue", 1.0)
    logon(old, 1, 0, [])
    old.send(["submit", {"id": "x", "side": "buy", "type": "limit", "quantity": UNIT, "price": 99 * UNIT}])
    for _ in range(10):
        venue.step(0.01)
    assert ["fenced", 2] in old.receive(1)
    assert venue.turned_away == 1
    assert not venue.venue.knows("x")


# -- what is lost on the way -------------------------------------------------------------------------------------------


class Lossy(Exchange):
    """Loses, repeats and swaps what it says of orders; what is asked for again comes whole."""

    def __init__(self, *given, seed=0, forgets=False, **options):
        import random

        super().__init__(*given, **options)
        self.draw, self.forgets, self.garbled = random.Random(seed), forgets, 0

    def _news(self):
        events = super()._news()
        if not events:
            return events
        self.garbled += 1
        match self.draw.randrange(4):
            case 0:
                return [*events, events[0]]
            case 1:
                return events[::-1]
            case 2 if self._next < len(self._moves):
                return events[1:] or [["beat", 0, 0]]
        return events


@pytest.mark.parametrize("seed", range(4))
def test_events_lost_repeated_or_out_of_order_leave_the_ledger_right(tmp_path, seed):
    venue = Lossy(market(seed, 800), tmp_path / "venue", speed=0.0, seed=seed)
    try:
        engine = Running(tmp_path / "b", spec(tmp_path)).until_ended(venue)
        assert engine.error is None
        assert venue.garbled > 20
        assert_the_ledgers_agree(state_of(tmp_path / "b"), venue.venue)
    finally:
        venue.close()


class Forgetful(Exchange):
    """Never tells one of its fills on the session."""

    def _events(self, first, end):
        return [
            ["event", n, at, {**body, "kind": "changed", "ticket": None} if body["fill_id"] == "V3" else body]
            for _, n, at, body in super()._events(first, end)
        ]


def test_a_fill_told_by_the_drop_copy_only_is_booked_and_flagged(tmp_path):
    venue = Forgetful(market(1), tmp_path / "venue", speed=0.0)
    try:
        engine = Running(tmp_path / "b", spec(tmp_path)).until_ended(venue)
        state = state_of(tmp_path / "b")
        assert "fill V3 was not told on the session; booked from the drop copy" in engine.said
        assert [text for text in state.flagged if "V3" in text and "drop copy only" in text]
        assert state.position == venue.venue.position
        cash = sum(-e.side.sign * e.price * e.quantity for e in venue.venue.events if e.kind == "filled")
        assert {f.fill_id for f in state.fills} == {e.fill_id for e in venue.venue.events if e.kind == "filled"}
        assert (state.cash - TERMS.cash) / MONEY == pytest.approx(cash / UNIT / UNIT, rel=1e-3)  # fees aside
    finally:
        venue.close()


def test_a_line_that_breaks_is_connected_again(tmp_path, exchange):
    venue = exchange(market(5, 600))
    engine = Running(tmp_path / "b", spec(tmp_path))
    broken = 0
    while engine.thread.is_alive():
        venue.step(0.01)
        if venue.over:
            venue.say_over()
        if venue.venue.moment > 150 * (broken + 1) and broken < 3 and venue._line is not None:
            venue._hang_up(venue._line)
            broken += 1

    assert engine.error is None
    assert broken == 3
    assert sum("connecting again" in line for line in engine.said) == 3
    assert_the_ledgers_agree(state_of(tmp_path / "b"), venue.venue)


def test_an_exchange_that_never_answers_is_said(tmp_path):
    engine = Running(tmp_path / "b", spec(tmp_path, reconnect_s=0.2))
    engine.thread.join(5)

    assert isinstance(engine.error, LineLost)
    assert "nobody answers there" in str(engine.error)


@pytest.mark.parametrize(
    "message",
    [
        ["move", 1, [["buy", float("1e300"), 5]], 0, 0, None, ""],
        ["move", 1, [["up", 1, 5]], 0, 0, None, ""],
        ["move", 1, [["buy", True, 5]], 0, 0, None, ""],
        ["what"],
    ],
)
def test_a_message_that_is_none_is_no_price(tmp_path, exchange, message):
    """A price that is no number would disable every limit that looks at it; the line is dropped and begun anew."""
    venue = exchange(QUIET, speed=1.0)
    engine = Running(tmp_path / "b", spec(tmp_path), Scripted(quote_once))
    for _ in range(50):
        venue.step(0.01)
    venue._say(message)
    for _ in range(50):
        venue.step(0.01)
    pull_kill_switch(tmp_path / "b", "done", "test")
    engine.until_ended(venue)

    assert any("not a m" in line and "connecting again" in line for line in engine.said)
    assert engine.outcome.ended == "killed"


# -- the venue's rate --------------------------------------------------------------------------------------------------


class Hasty(Exchange):
    """Notes in which order things arrive."""

    arrived: list = []

    def _answer(self, line, what, body):
        if what in {"submit", "cancel"}:
            self.arrived.append((what, time.monotonic()))
        super()._answer(line, what, body)


def crowd(self, number, market, desk):
    if number == 0:
        self.ids = [desk.submit(Side.BUY, UNIT, (98 - n) * UNIT) for n in range(4)]
    if number == 200:
        self.ids += [desk.submit(Side.BUY, UNIT, (90 - n) * UNIT) for n in range(10)]
        for id in self.ids[:4]:
            desk.cancel(id)


def test_where_the_venue_limits_messages_cancels_go_first(tmp_path):
    Hasty.arrived = []
    venue = Hasty(QUIET, tmp_path / "venue", speed=1.0)
    try:
        engine = Running(tmp_path / "b", spec(tmp_path, messages_per_second=8), Scripted(crowd))
        while len(Hasty.arrived) < 18 and engine.thread.is_alive():
            venue.step(0.01)
        pull_kill_switch(tmp_path / "b", "done", "test")
        engine.until_ended(venue)
    finally:
        venue.close()

    kinds = [kind for kind, _ in Hasty.arrived[:18]]
    # The first ten have no cancel beside them; of what comes with cancels, the cancels leave first.
    assert kinds[:4] == ["submit"] * 4
    assert kinds.index("cancel") <= 6
    assert kinds[-6:] == ["submit"] * 6
    gaps = [b - a for (_, a), (_, b) in pairwise(Hasty.arrived[4:18])]
    assert sum(gaps) > 0.5  # 18 messages, 8 at once and 8 in a second


# -- the desk file -----------------------------------------------------------------------------------------------------

DESK = {"book": "b", "place": "/nowhere", "strategy": "touch_maker", "tick": "0.01", "lot": "1"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tick": None}, "desk: is not valid"),
        ({"tick": "0"}, "tick and lot are above zero"),
        ({"cash": "NaN"}, "cash is 'NaN', which is no number of its kind"),
        ({"limits": {"max_position": "inf"}}, "max_position is 'inf', which is no number"),
        ({"limits": {"max_positon": "1"}}, "limits have the unknown key 'max_positon'; there are max_order_quantity"),
        ({"durability": "maybe"}, "durability is 'maybe'; it is os, group or each"),
        ({"silence_s": -1}, "silence_s must lie between 0 and 86400"),
        ({"spede": 1}, "has the unknown key 'spede'"),
        ({"taker_bp": True}, "taker_bp is True"),
    ],
)
def test_a_desk_file_that_makes_no_sense_is_one_line(changes, words):
    with pytest.raises(ConfigError, match="desk: ") as told:
        parse_desk(json.dumps({**DESK, **changes}))
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_desk_file_without_a_tick_says_so():
    with pytest.raises(ConfigError, match="desk: lacks 'tick'"):
        parse_desk(json.dumps({k: v for k, v in DESK.items() if k != "tick"}))
    with pytest.raises(ConfigError, match="desk: is not valid"):
        parse_desk("{")


# -- looking on --------------------------------------------------------------------------------------------------------


def test_a_desk_is_watched_while_it_trades(tmp_path):
    desk = {"book": "b", "strategy": "touch_maker", "tick": "1", "lot": "1", "params": {"size": 3, "most": 12},
            "cash": "100000", "limits": {"max_position": "24"}}  # fmt: skip
    pictures = []

    outcome = run_paper(
        tmp_path / "b", desk, market(3, 6_000), speed=0, picture=lambda seen: pictures.append(seen.lines(20))
    )

    assert len(pictures) >= 1
    seen = watched_desk(tmp_path / "b")
    lines = seen.lines(40)
    assert lines[0] == "b   epoch 1   closed"
    assert f"orders    {outcome['orders']:,} (" in lines[3]
    assert f"  {outcome['fills']:,} fills" in lines
    position = outcome["position"] / UNIT
    assert f"position {abs(position):g} of 24 [" in lines[5]
    assert len(seen.lines(12)) <= 12
    with pytest.raises(MissingData, match="there is no such desk"):
        watched_desk(tmp_path / "other")


def test_who_watches_follows_a_journal_into_its_next_file(tmp_path):
    desk = {"book": "b", "strategy": "touch_maker", "tick": "1", "lot": "1", "params": {"size": 3, "most": 12},
            "cash": "100000"}  # fmt: skip
    run_paper(tmp_path / "b", desk, market(3, 2_000), speed=0)
    seen = watched_desk(tmp_path / "b")
    seen.refresh()
    before, terms = seen.path.state, seen.path.terms
    assert len(before.fills) > 20

    with Journal(tmp_path / "b" / "orders.journal", "os") as journal:
        path = OrderPath(journal, terms)
        journal.rotate(path.snapshot(), keep=0)
        path.kill("enough")
        seen.refresh()
        assert seen.path.state == path.state
        path.escalate(["o1"])
        seen.refresh()
        assert seen.path.state == path.state

    assert seen.path.state.fills == before.fills
    assert seen.lines(20)[0].endswith("ESCALATED")


def test_risk_refuses_a_price_that_is_too_old_or_from_another_time(tmp_path):
    limits = Limits(max_price_age_ms=100, max_clock_skew_ms=50)
    view, reasons = View(), []
    with Journal(tmp_path / "j", "os") as journal:
        path = OrderPath(journal, Terms(UNIT, UNIT, limits=limits))

        def ask(now_ms):
            ticket = Ticket(f"o{len(reasons)}", Side.BUY, OrderType.LIMIT, UNIT, 99 * UNIT)
            path.submit(ticket, view, now_ms)
            reasons.append(path.state.orders[ticket.id].reason)

        ask(0)  # nothing was seen yet
        view.see(levels(1_000, ("buy", 99, 1)), now_ms=1_040)
        ask(1_140)
        ask(1_141)
        view.see(levels(1_000, ("buy", 99, 1)), now_ms=1_051)
        ask(1_060)

    assert reasons == ["stale_price", "", "stale_price", "clock_skew"]


def test_the_deadline_of_the_kill_switch_holds_while_the_venue_is_gone(tmp_path, exchange):
    venue = exchange(QUIET, speed=1.0)
    engine = Running(tmp_path / "b", spec(tmp_path, deadline_s=0.5, reconnect_s=30.0), Scripted(quote_once))
    until_both_quotes_rest(venue)
    pull_kill_switch(tmp_path / "b", "drawdown", "anna")
    begin = time.monotonic()
    while "killed: drawdown (anna)" not in engine.said and time.monotonic() < begin + 5:
        time.sleep(0.01)  # the venue says nothing any more
    venue._hang_up(venue._line)
    venue._listener.close()
    begin = time.monotonic()
    engine.thread.join(10)

    assert (engine.outcome.ended, time.monotonic() - begin < 3) == ("escalated", True)


def test_the_kill_switch_is_heard_while_a_venue_that_has_gone_is_looked_for(tmp_path, exchange):
    venue = exchange(QUIET, speed=1.0)
    engine = Running(tmp_path / "b", spec(tmp_path, deadline_s=0.5, reconnect_s=60.0), Scripted(quote_once))
    until_both_quotes_rest(venue)
    venue._hang_up(venue._line)
    venue._listener.close()
    begin = time.monotonic()
    while not any("connecting again" in line for line in engine.said) and time.monotonic() < begin + 5:
        time.sleep(0.01)
    pull_kill_switch(tmp_path / "b", "drawdown", "anna")
    engine.thread.join(10)

    assert "killed: drawdown (anna)" in engine.said
    assert engine.outcome.ended == "escalated"
    assert time.monotonic() - begin < 10


# -- what a strategy goes on with after a death ------------------------------------------------------------------------


def killed_at(folder, words, count):
    """A listener that kills the engine once it has said something so many times."""
    said, killed = [], []

    def say(line):
        said.append(line)
        if sum(words in one for one in said) == count and not killed:
            killed.append(json.loads((folder / "lease").read_text())["pid"])
            os.kill(killed[0], signal.SIGKILL)

    return say


@pytest.mark.parametrize("name", ["twap", "vwap"])
def test_a_large_order_is_worked_once_whatever_dies_in_it(tmp_path, name):
    params = {"quantity": 60, "seconds": 3, "least": 1}
    desk = {"book": "b", "strategy": name, "params": params, "tick": "1", "lot": "1", "cash": "1000000"}

    say = killed_at(tmp_path / "b", "(taker)", 8)
    outcome = run_paper(tmp_path / "b", desk, market(3, 3_000), speed=0, say=say)

    assert (outcome["ended"], outcome["starts"]) == ("closed", 2)
    assert outcome["position"] == 60 * UNIT
    # Run again, the book goes on: its order is done.
    again = run_paper(tmp_path / "b", desk, market(4, 3_000), speed=0)
    assert (again["position"], again["fills"]) == (60 * UNIT, outcome["fills"])


def test_a_strategy_of_bars_goes_on_with_what_it_has_seen(tmp_path):
    params = {"fast": 3, "slow": 20, "seconds": 0.1, "quantity": 5}
    desk = {"book": "b", "strategy": "sma_cross", "params": params, "tick": "1", "lot": "1", "cash": "1000000"}
    moves = market(6, 6_000)
    whole = run_paper(tmp_path / "a", {**desk, "book": "a"}, moves, speed=0)

    say = killed_at(tmp_path / "b", "(taker)", 2)
    outcome = run_paper(tmp_path / "b", desk, moves, speed=0, say=say)

    assert (outcome["ended"], outcome["starts"], whole["starts"]) == ("closed", 2, 1)
    one, other = (state_of(tmp_path / name, desk_of(tmp_path / name).terms) for name in "ab")
    # But for the bar that it died in, it has seen the same, and remembers as many as it looks at.
    ours, theirs = (state.memory["sma_cross@1"] for state in (other, one))
    assert len(ours) == len(theirs) == 21
    assert ours[-1] == theirs[-1]
    # It trades on within the bars that would be its warm-up if it had none.
    died = other.fills[1].moment
    assert any(0 < fill.moment - died < 20 * 10**8 for fill in other.fills[2:])


def test_what_another_strategy_did_on_a_book_is_not_taken_for_one_s_own(tmp_path):
    common = {"book": "b", "tick": "1", "lot": "1", "cash": "1000000"}
    bars = {**common, "strategy": "sma_cross", "params": {"fast": 2, "slow": 4, "seconds": 0.1, "quantity": 7}}
    first = run_paper(tmp_path / "b", bars, market(6, 2_000), speed=0)
    assert first["fills"] > 2

    sliced = {**common, "strategy": "twap", "params": {"quantity": 60, "seconds": 1, "least": 1}}
    second = run_paper(tmp_path / "b", sliced, market(3, 3_000), speed=0)

    assert (second["ended"], second["position"] - first["position"]) == ("closed", 60 * UNIT)

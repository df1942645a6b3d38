"""The checker accepts what the venue does, and refuses every way of filling too well on a book that is planted here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.desks import TERMS, EveryWay, Scripted, levels, market, print_
from tests.execution.test_several_instruments import FLAT, two_markets
from tests.execution.test_several_venues import FLAT as TWO
from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import Ways, moves_of_recording, replay
from tradepulse.backtest.grid import Grid, Rate
from tradepulse.backtest.latency import Latency
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.execution.matching import Venue
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.ingestion.recording import load_recording
from tradepulse.quality.book_fills import book_fills_could_happen

WIDE = replace(TERMS, limits=Limits())
MAKER, TAKER = {"size": 3, "most": 12}, {"size": 4, "most": 20, "lean": 0.6}
WAYS = Ways(Latency(500), Latency(900), Latency(700))


def told(moves):
    """Others' moves, each with a name of its own, as a recording's have."""
    return [move._replace(what=f"move {number}") for number, move in enumerate(moves)]


def run(moves, terms=WIDE, ways=None, team=None, **more):
    team = team or [quoting_strategy("touch_maker")(**MAKER), quoting_strategy("imbalance_taker")(**TAKER)]
    terms = replace(terms, strategies=(Limits(),) * len(team) if len(team) > 1 else ())
    return replay(moves, team, terms, ways=ways, **more), terms


def refused(result, moves, terms, ways=None, **more):
    ways = ways or Ways()
    given = {"order_us": [ways.order.median_us], "answer_us": ways.answer.median_us, **more}
    checks = book_fills_could_happen(result.fills, result.orders, result.equity, moves, terms, **given)
    return [check.name for check in checks if check.failing]


# -- what the venue does -----------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), delayed=st.booleans(), ahead=st.sampled_from([0.0, 0.4, 1.0]))
def test_what_the_venue_does_is_accepted(seed, delayed, ahead):
    moves, ways = told(market(seed, 150)), WAYS if delayed else None
    result, terms = run(moves, ways=ways, cancels_ahead=ahead)

    checks = book_fills_could_happen(
        result.fills, result.orders, result.equity, moves, terms, cancels_ahead=ahead,
        order_us=[900.0 * delayed], answer_us=700.0 * delayed,
    )  # fmt: skip

    assert [str(check) for check in checks if check.failing] == []
    assert len(checks) == 18


@pytest.mark.parametrize("moves", [told(two_markets(3)), told(two_markets(4))])
def test_what_several_venues_and_instruments_do_is_accepted(moves):
    for terms, team in (
        (TWO, [quoting_strategy("imbalance_taker")(**TAKER), quoting_strategy("touch_maker")(**MAKER)]),
        (FLAT, [quoting_strategy("hedged_maker")(**MAKER)]),
    ):
        result, terms = run(moves, terms, WAYS, team)

        assert len(result.fills) > 20
        assert refused(result, moves, terms, WAYS) == []


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), delayed=st.booleans(), at_desk=st.booleans())
def test_orders_of_every_kind_are_accepted(seed, delayed, at_desk):
    moves, ways = told(market(seed, 300)), replace(WAYS if delayed else Ways(), stops_at_desk=at_desk)
    result, terms = run(moves, ways=ways, team=[EveryWay(seed=seed)])

    assert len(result.fills) > 5
    way = (ways.feed.median_us + ways.order.median_us) if at_desk else None
    assert refused(result, moves, terms, ways, stop_us=way) == []
    if at_desk and delayed:  # held against more than it had, what waited comes too soon
        assert "triggered as its price was there" in refused(result, moves, terms, ways, stop_us=1e9)


def test_what_the_compiled_engine_does_is_accepted():
    for seed in range(3):
        moves = told(market(seed, 600))
        result = compiled_book.replay(moves, quoting_strategy("touch_maker")(**MAKER), WIDE, ways=WAYS)

        assert len(result.fills) > 20
        assert refused(result, moves, WIDE, WAYS) == []


def test_what_is_changed_on_its_way_is_accepted():
    def act(self, count, seen, desk):
        if count == 0:
            self.ids.append(desk.submit(Side.BUY, 4 * UNIT, 98 * UNIT))
        if count == 2:
            desk.replace(self.ids[0], price=99 * UNIT)
        if count == 4:
            desk.replace(self.ids[0], price=101 * UNIT)

    moves = told([levels(0, ("buy", 99, 2), ("sell", 101, 5)), *(levels(n, ("buy", 90, n)) for n in range(1, 4)),
                  print_(4, 99, 3, "sell"), levels(5, ("buy", 90, 9)), levels(6, ("buy", 90, 8))])  # fmt: skip
    result = replay(moves, Scripted(act), WIDE)

    assert result.fills[["price", "quantity"]].to_numpy().tolist() == [[99.0, 1.0], [101.0, 3.0]]
    assert result.orders["changed"].tolist() == [True]
    assert refused(result, moves, WIDE) == []


def instants(*pairs):
    return tuple(tuple(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms) for ms in pair) for pair in pairs)


@pytest.mark.parametrize("seed", range(4))
def test_halts_and_limits_of_orders_are_accepted_and_missed_where_there_are_none(seed):
    moves, grid = told(market(seed, 500)), Grid(shut=instants((1_050, 1_200), (1_400, 1_405)), rate=Rate(3, 0.02))
    result = replay(moves, Layers(), WIDE, grid=grid)

    assert {"halted", "rate_limited"} <= set(result.orders["reason"])
    asked = {"shut": grid.shut, "rate": (3, 0.02)}
    assert refused(result, moves, WIDE, **asked) == []
    free = replay(moves, Layers(), WIDE)
    assert {"while the venue was open", "no more orders than the venue takes"} <= {*refused(free, moves, WIDE, **asked)}


def test_a_real_recording_is_accepted(shared_data):
    moves = moves_of_recording(load_recording(shared_data / "l2" / "binance_spot_btcusdt_20240808.gz"))
    terms = Terms(UNIT // 100, UNIT // 100_000, 0, 4 * FEE, cash=10_000 * MONEY, strategies=(Limits(), Limits()))
    team = [quoting_strategy("touch_maker")(), quoting_strategy("imbalance_taker")(size=0.02)]
    result = replay(moves, team, terms, ways=WAYS, cancels_ahead=0.5)

    assert refused(result, moves, terms, WAYS, cancels_ahead=0.5) == []
    # As if nothing had been taken back before us, some of them would have come too soon.
    assert refused(result, moves, terms, WAYS) == ["the queue before it was passed"]


def test_of_a_run_without_fills_only_its_equity_is_asked():
    moves = told(market(1, 20))
    result = replay(moves, Scripted(lambda *given: None), WIDE)

    checks = book_fills_could_happen(result.fills, result.orders, result.equity, moves, WIDE)

    assert {check.name for check in checks if check.seen} == {"cash, position and equity are what the fills make"}


# -- an engine that fills too well -------------------------------------------------------------------------------------


def honest():
    moves = told(market(11, 900))
    result, terms = run(moves, ways=WAYS)
    assert set(result.fills["liquidity"]) == {"maker", "taker"}
    assert refused(result, moves, terms, WAYS) == []
    return moves, result, terms


HONEST = honest()
SIGN = {"buy": 1, "sell": -1}


def recounted(result, fills, terms):
    """The equity that an engine which believes its own fills would report."""
    signed = fills["quantity"] * fills["side"].map(SIGN)
    equity = result.equity.copy()
    last = equity.index[-1]
    equity.loc[last, "cash"] = terms.cash / MONEY - (signed * fills["price"] + fills["commission"]).sum()
    equity.loc[last, "position"] = signed.sum()
    equity.loc[last, "equity"] = equity.loc[last, "cash"] + equity.loc[last, "position"] * equity.loc[last, "mid"]
    return equity


def fee(fills):
    rate = fills["liquidity"].map({"maker": -1e-4, "taker": 4e-4})
    return fills.assign(commission=fills["price"] * fills["quantity"] * rate)


def of(which, /, **changes):
    """A bug of the fills that rested, or of those that took."""

    def spoil(fills):
        some = fills[fills["liquidity"] == which]
        made = some.assign(**{name: change(some) for name, change in changes.items()})
        whole = pd.concat([fills.drop(index=some.index), made]).sort_index()
        return fee(whole) if "commission" not in changes else whole

    return spoil


def better(ticks):
    return lambda fills: fills["price"] - fills["side"].map(SIGN) * ticks


def earlier(column, ms):
    return lambda fills: fills[column] - pd.Timedelta(ms, "ms")


#: Ways to fill too well: from fills to those that such an engine would report.
BUGS = {
    "resting orders filled at a better price than theirs": of("maker", price=better(1)),
    "resting orders filled half way to the other side": of("maker", price=better(0.5)),
    "taken at the price of the other side": of("taker", price=better(2)),
    "taken at the middle": of("taker", price=better(1)),
    "twice as much as rested": of("maker", quantity=lambda f: f["quantity"] * 2),
    "twice as much as was displayed": of("taker", quantity=lambda f: f["quantity"] * 2),
    "without a fee": of("taker", commission=lambda f: f["commission"] * 0),
    "with the rebate of who rests": of("taker", commission=lambda f: -f["price"] * f["quantity"] * 1e-4),
    "with twice the rebate": of("maker", commission=lambda f: f["commission"] * 2),
    "what took said to have rested": of("taker", liquidity=lambda f: "maker"),
    "there as soon as it was decided": of("taker", ts=lambda f: f["decided_ts"], arrived_ts=lambda f: f["decided_ts"]),
    "decided after it had arrived": of("taker", decided_ts=lambda f: f["arrived_ts"]),
    "filled before it arrived": of("maker", ts=lambda f: f["arrived_ts"]),
    "filled at once, on the move before": of("maker", ts=earlier("ts", 1)),
    "heard as it happened": of("maker", heard_ts=lambda f: f["ts"]),
    "heard before it happened": of("taker", heard_ts=earlier("ts", 1)),
    "made possible by something else": of("maker", evidence=lambda f: f["evidence"].str.replace("move ", "move 9")),
    "made possible by a print of another size": of(
        "maker", evidence=lambda f: f["evidence"].str.replace(r": \d+ at", ": 999 at", regex=True)
    ),
    "made possible by what was not displayed": of("taker", displayed_before=lambda f: f["displayed_before"] + 5),
    "and what it took stays there": of("taker", displayed_after=lambda f: f["displayed_before"]),
    "on the other side": of("maker", side=lambda f: f["side"].map({"buy": "sell", "sell": "buy"})),
    "of an order that there is not": of("taker", order_id=lambda f: "x" + f["order_id"]),
    "each fill twice": lambda f: pd.concat([f, f]).sort_index(kind="stable").reset_index(drop=True),
    "resting fills twice, to two halves": lambda f: pd.concat(
        [f[f["liquidity"] == "maker"].iloc[[0]], f]
    ).reset_index(drop=True),
    "in another order": lambda f: f.iloc[::-1].reset_index(drop=True),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_fills_that_are_too_good_are_refused(bug):
    moves, result, terms = HONEST
    wrong = BUGS[bug](result.fills)

    found = refused(replace(result, fills=wrong, equity=recounted(result, wrong, terms)), moves, terms, WAYS)

    assert found
    assert "cash, position and equity are what the fills make" not in found


def test_fills_that_are_forgotten_are_missed_in_the_cash():
    moves, result, terms = HONEST
    lost = result.fills.drop(index=[3, 4]).reset_index(drop=True)

    assert "cash, position and equity are what the fills make" in refused(
        replace(result, fills=lost), moves, terms, WAYS
    )
    for column, wrong in (("cash", 1.0), ("position", 1.0), ("equity", 1.0)):
        spoilt = result.equity.copy()
        spoilt.loc[spoilt.index[-1], column] += wrong
        assert refused(replace(result, equity=spoilt), moves, terms, WAYS) == [
            "cash, position and equity are what the fills make"
        ]


# -- a venue that fills too well: the engine believes it, and what it reports is of one piece --------------------------


def _no_queue(self, order):
    _REST(self, order)
    order.ahead = 0


def _half_a_queue(self, order):
    _REST(self, order)
    order.ahead //= 2


def _print_twice(self, side, price, left):
    _PRINT(self, side, price, left)
    _PRINT(self, side, price, left)


def _prints_are_whole_for_each(self, side, price, left):
    for own in [own for own in self._resting(side) if own.ticket.price == price]:
        self._fill(own, min(left, own.shown), price, "maker")
    self._take_displayed(side, price, left)


def _touching_is_enough(self, price, quantity, aggressor):
    # A print one step away fills what rests.
    for own in self._resting(Side.BUY if aggressor is Side.SELL else Side.SELL):
        self._fill(own, own.left, own.ticket.price, "maker")
    _TRADE(self, price, quantity, aggressor)


def _nothing_is_used_up(self, side, price, quantity):
    for own in self._resting(side):
        if own.ticket.price == price:
            own.ahead = max(0, own.ahead - quantity)


def _display_is_sold_twice(self, side, price, quantity):
    _TAKEN(self, side, price, (quantity + 1) // 2)


def _what_crosses_is_there_for_all(self, levels):
    for side, price, _ in levels:
        for own in self._crossed_by(side, price):
            self._fill(own, own.left, own.ticket.price, "maker")
    _DISPLAY(self, levels)


def _quotes_away_from_it_fill(self, levels):
    for own in list(self._orders.values()):
        self._fill(own, own.left, own.ticket.price, "maker")
    _DISPLAY(self, levels)


def _at_the_best_price_for_all(self, order):
    best = self.best(Side.SELL if order.ticket.side is Side.BUY else Side.BUY)
    if best is None or not self._would_take(order.ticket):
        return False
    self._fill(order, order.left, best, "taker")
    return True


def _cancels_stood_before_us(self, side, price, had):
    for own in self._resting(side):
        if own.ticket.price == price:
            own.ahead = max(0, own.ahead - max(0, had - self.others[side].get(price, 0)))


_REST, _PRINT, _TRADE, _TAKEN, _DISPLAY = Venue._rest, Venue._print, Venue.trade, Venue._take_displayed, Venue.display
VENUES = {
    "no queue": ("_rest", _no_queue),
    "half of the queue": ("_rest", _half_a_queue),
    "a print fills twice": ("_print", _print_twice),
    "a print fills each order whole, first in the queue": ("_print", _prints_are_whole_for_each),
    "any print fills what rests": ("trade", _touching_is_enough),
    "what we take stays displayed": ("_take_displayed", _nothing_is_used_up),
    "half of what we take stays displayed": ("_take_displayed", _display_is_sold_twice),
    "what crosses us is there for each": ("display", _what_crosses_is_there_for_all),
    "any quote fills what rests": ("display", _quotes_away_from_it_fill),
    "all is taken at the best price": ("_take", _at_the_best_price_for_all),
    "what others take back stood before us": ("_shorten", _cancels_stood_before_us),
}


# -- and of orders of other kinds --------------------------------------------------------------------------------------


def _a_tick_too_soon(self):
    for order in self._orders.values():
        if order.waiting and order.ticket.stop_price is not None:
            rising = order.ticket.side.sign * (-1 if order.ticket.type.touches else 1)
            order.ticket = order.ticket._replace(stop_price=order.ticket.stop_price - rising * UNIT)
    _LOOK(self)


def _never_follows(self):
    _LOOK(self)
    for order in self._orders.values():
        if order.waiting and order.best is not None:
            order.best = order.best + order.ticket.side.sign * UNIT  # away from where it would trigger


def _goes_by_the_other_price(self):
    waiting = [order for order in self._orders.values() if order.waiting]
    for look in (_LOOK, lambda self: None):
        for order in waiting:
            order.ticket = order.ticket._replace(trigger="quote" if order.ticket.trigger == "last" else "last")
        look(self)


def _at_the_stop_price(self, order):
    if order.ticket.stop_price is None:
        return _TAKE(self, order)
    self._fill(order, order.left, order.ticket.stop_price, "taker")
    return True


def _keeps_its_place(self, order):
    ahead = order.ahead if order.filled else None
    _REST(self, order)
    order.ahead = order.ahead if ahead is None else 0


def _never_expires(self, now_ms):
    self.now_ms = self.seen_ms = self.venue_ms = now_ms
    self.moment += 1


def _immediate_orders_rest(self, order, status, reason):
    if reason == "ioc":
        self._rest(order)
    else:
        _END(self, order, status, reason)


VENUES_OF_KINDS = {
    "a stop a tick too soon": ("_look", _a_tick_too_soon),
    "a trailing stop that follows too far": ("_look", _never_follows),
    "triggered by the other price": ("_look", _goes_by_the_other_price),
    "a stop filled whole at its price": ("_take", _at_the_stop_price),
    "what is shown in parts keeps its place": ("_rest", _keeps_its_place),
    "what has ended fills": ("advance", _never_expires),
    "what is immediate rests": ("_end", _immediate_orders_rest),
    "fills whole or not at all, in part": ("_not_whole", lambda self, order: ""),
    "what only rests takes": ("_would_take", lambda self, ticket: False),
    "what only reduces turns the position": ("_reducible", lambda self, order: order.left),
}
_LOOK, _TAKE, _END = Venue._look, Venue._take, Venue._end


@pytest.mark.parametrize("bug", VENUES_OF_KINDS)
def test_a_venue_that_works_other_kinds_too_well_is_found_out(bug, monkeypatch):
    name, wrong = VENUES_OF_KINDS[bug]
    monkeypatch.setattr(Venue, name, wrong)
    moves = told(market(2, 900))

    assert refused(replay(moves, EveryWay(seed=2), WIDE), moves, WIDE)


class Layers(Scripted):
    """Rests at several prices, more than once at each, and takes more than the best level has."""

    def __init__(self):
        super().__init__(self.layers)

    def layers(self, _, count, seen, desk):
        if seen.bid is None or seen.ask is None:
            return
        if count % 7 == 0:
            for n in range(2):
                desk.submit(Side.BUY, 5 * UNIT, seen.bid - n * UNIT, post_only=True)
                desk.submit(Side.SELL, 5 * UNIT, seen.ask + n * UNIT, post_only=True)
        if count % 31 == 0:
            for id in list(desk.open_orders())[:-8]:
                desk.cancel(id)
        if count % 11 == 5:
            desk.submit(Side.BUY if count % 2 else Side.SELL, 30 * UNIT, tif="ioc")


def test_what_rests_in_layers_is_accepted():
    for seed in range(4):
        moves = told(market(seed, 500))
        result = replay(moves, Layers(), WIDE)

        assert len(result.fills) > 100
        assert refused(result, moves, WIDE) == []


@pytest.mark.parametrize("bug", VENUES)
def test_a_venue_that_fills_too_well_is_found_out(bug, monkeypatch):
    name, wrong = VENUES[bug]
    monkeypatch.setattr(Venue, name, wrong)
    moves = told(market(2, 500))

    assert refused(replay(moves, Layers(), WIDE), moves, WIDE)


def test_there_are_more_than_forty():
    assert len(BUGS) + len(VENUES) + len(VENUES_OF_KINDS) > 40

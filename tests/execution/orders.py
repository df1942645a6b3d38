"""Orders, books and requests that the tests of the order path are written with."""

import json
from dataclasses import asdict

from tradepulse.core.orders import Fill, Order, Side
from tradepulse.execution.book import Book
from tradepulse.execution.journal import Record


def order(id="o1", side=Side.BUY, quantity=100, reference=10_000_000, symbol="AAA", session="2018-10-01"):
    return Order(id, symbol, side, quantity, reference, "sma_cross@1", "t" * 16, session)


def fill(of, id="f1", quantity=None, price=10_000_000, session="2018-10-02", commission=0):
    return Fill(id, of.client_order_id, of.symbol, of.side, quantity or of.quantity, price, 0, commission, session, "")


def record(kind, **body):
    return Record(0, kind, body, "")


def decided(of):
    return record("order_decided", **asdict(of))


def filled(what):
    return record("order_filled", **asdict(what))


def book_of(*records, cash=1_000_000_000_000):
    return Book.of([record("book_opened", book="paper", cash_micros=cash), *records])


def request_text(session="2018-10-01", *, target=100, opens=None, **changes):
    """Return a request as JSON: one symbol, its target, and opening prices by session."""
    content = {
        "book": "paper",
        "session": session,
        "cash": "1000000",
        "opens": {day: {"AAA": price} for day, price in (opens or {}).items()},
        "closes": {session: {"AAA": "101.5"}},
        "targets": [
            {
                "symbol": "AAA",
                "target_quantity": target,
                "reference_close": "101.5",
                "strategy": "sma_cross@1",
                "trial_id": "t" * 16,
            }
        ],
        "limits": {"max_order_quantity": 200, "max_order_notional": "100000", "max_position": 200},
        "fees": {"commission_bp": 1.0, "slippage_bp": 2.0},
    }
    return json.dumps({**content, **changes})

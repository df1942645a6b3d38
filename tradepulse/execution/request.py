"""What a session is told: the request, and how it is read from JSON."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from tradepulse.core.orders import to_micros
from tradepulse.errors import ConfigError
from tradepulse.execution.brokers.simulated import Fees
from tradepulse.execution.terms import LEVERAGE, OF_STRATEGY, WHOLE_BP, Limits

_KEYS = {
    "book", "session", "cash", "opens", "closes", "targets", "limits", "fees", "broker", "account", "actions",
    "strategies", "borrow_bp", "funding",
}  # fmt: skip
#: Units that the limits of an account are in, money as an account holds it; the first three it has to have. A strategy
#: can have those of :data:`~tradepulse.execution.terms.OF_STRATEGY`.
_LIMITS = {
    "max_order_quantity": 1, "max_order_notional": 10**6 * WHOLE_BP, "max_position": 1, "max_open_orders": 1,
    "max_daily_loss": 10**6 * WHOLE_BP, "max_short": 1, "max_leverage": LEVERAGE,
}  # fmt: skip
_NEEDED = ("max_order_quantity", "max_order_notional", "max_position")


@dataclass(frozen=True, slots=True)
class Target:
    """A released signal: what to hold after a session, and the ids that say why."""

    symbol: str
    target_quantity: int
    reference_micros: int
    strategy: str
    trial_id: str


class Split(NamedTuple):
    """``denominator`` units of a symbol become ``numerator`` before the session of a date opens."""

    symbol: str
    ex_date: str
    numerator: int
    denominator: int


class Dividend(NamedTuple):
    """Who holds a unit over the night before a date is paid, who is short pays; booked on that date."""

    symbol: str
    ex_date: str
    micros: int


class Funding(NamedTuple):
    """Who is long a perpetual pays a rate of its value to who is short, below zero the other way, on a session."""

    symbol: str
    session: str
    rate_micros: int


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a session's run is told. It asks nothing else: no clock, no network, no database.

    Parameters
    ----------
    book : name of the book
    session : trading date whose signals are executed, ISO
    cash_micros : cash that a new book opens with
    opens, closes : prices in micros by session and symbol, for the sessions since the book's last one
    targets : released signals of the session
    limits : risk limits, in units and micros times :data:`~tradepulse.execution.terms.WHOLE_BP`
    fees : what the simulated venue charges
    broker : ``simulated``, or one of :data:`tradepulse.execution.brokers.BROKERS`
    actions : what goes ex in the sessions since the book's last one
    strategies : limits of each strategy on what it has of the account
    account : ``margin``, or ``cash``, which sells what it has and pays with cash that has settled
    borrow : fee for a unit that is short, micros of a bp of its value in a year of 360 days, by symbol
    funding : what perpetuals pay in the sessions since the book's last one
    """

    book: str
    session: str
    cash_micros: int
    opens: Mapping[str, Mapping[str, int]]
    closes: Mapping[str, Mapping[str, int]]
    targets: Sequence[Target]
    limits: Limits
    fees: Fees
    broker: str = "simulated"
    actions: Sequence[Split | Dividend] = ()
    strategies: Mapping[str, Limits] = field(default_factory=dict)
    account: str = "margin"
    borrow: Mapping[str, int] = field(default_factory=dict)
    funding: Sequence[Funding] = ()


def parse_request(text: str) -> Request:
    """Return a request from its JSON form; prices and cash are decimal strings there.

    Raises
    ------
    ConfigError
        Naming what is missing, unknown or no number.
    """
    try:
        raw: dict[str, Any] = json.loads(text)
        _only(raw, _KEYS, "the request")
        session = date.fromisoformat(raw["session"]).isoformat()
        return Request(
            book=str(raw["book"]),
            session=session,
            cash_micros=to_micros(raw["cash"]),
            opens=_prices(raw["opens"]),
            closes=_prices(raw["closes"]),
            targets=[_target(target) for target in raw["targets"]],
            limits=_limits(raw["limits"], tuple(_LIMITS), needed=_NEEDED),
            fees=Fees(**raw["fees"]),
            broker=str(raw.get("broker", "simulated")),
            account=_account(raw.get("account", "margin")),
            actions=_actions(raw.get("actions", ())),
            strategies={name: _limits(of, OF_STRATEGY) for name, of in raw.get("strategies", {}).items()},
            borrow={
                symbol: _bounded(bp, f"borrow_bp of {symbol}", 0, 10**6)
                for symbol, bp in raw.get("borrow_bp", {}).items()
            },
            funding=_funding(raw.get("funding", ())),
        )
    except KeyError as exc:
        raise ConfigError(f"request lacks {exc.args[0]!r}; see tradepulse/execution/README.md for its form") from exc
    except (ValueError, TypeError, ArithmeticError, AttributeError) as exc:
        raise ConfigError(f"request is not valid: {exc}") from exc


def _only(raw: Mapping[str, Any], known: Collection[str], what: str) -> None:
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"{what} has the unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _account(kind: object) -> str:
    if kind not in ("cash", "margin"):
        raise ConfigError(f"an account is cash or margin, not {kind!r}")
    return str(kind)


def _target(raw: Mapping[str, Any]) -> Target:
    _only(raw, ("symbol", "target_quantity", "reference_close", "strategy", "trial_id"), "a target")
    return Target(
        symbol=raw["symbol"],
        target_quantity=_integer(raw["target_quantity"]),
        reference_micros=to_micros(raw["reference_close"]),
        strategy=raw["strategy"],
        trial_id=raw["trial_id"],
    )


def _limits(raw: Mapping[str, Any], known: Sequence[str], needed: Sequence[str] = ()) -> Limits:
    _only(raw, known, "limits")
    for name in needed:
        raw[name]  # or the request lacks it
    found = {
        name: _integer(value) if _LIMITS[name] == 1 else to_micros(value) * (_LIMITS[name] // 10**6)
        for name, value in raw.items()
    }
    for name, most in found.items():
        if most < 0:
            raise ConfigError(f"limit {name} must not be below zero, as {raw[name]} is")
    return Limits(**found)


def _bounded(text: str, what: str, least: int, most: int) -> int:
    micros = to_micros(text)
    if not least * 10**6 <= micros <= most * 10**6:
        raise ConfigError(f"{what} must lie between {least} and {most}, not {text}")
    return micros


def _funding(raw: Sequence[Mapping[str, Any]]) -> list[Funding]:
    found = []
    for one in raw:
        _only(one, ("symbol", "session", "rate"), "funding")
        session = date.fromisoformat(one["session"]).isoformat()
        found.append(Funding(str(one["symbol"]), session, _bounded(one["rate"], f"rate of {one['symbol']}", -1, 1)))
    if len({one[:2] for one in found}) < len(found):
        raise ValueError("a symbol has two rates of funding in one session; add them up")
    return found


def _actions(raw: Sequence[Mapping[str, Any]]) -> list[Split | Dividend]:
    actions = [_action(action) for action in raw]
    known: set[tuple[str, str, bool]] = set()
    for action in actions:
        key = (action.symbol, action.ex_date, isinstance(action, Split))
        if key in known:
            raise ValueError(f"{action.symbol} has two {'splits' if key[2] else 'dividends'} on {action.ex_date}")
        known.add(key)
    return actions


def _action(raw: Mapping[str, Any]) -> Split | Dividend:
    if ("split" in raw) == ("dividend" in raw):
        raise ValueError("an action has either a split, such as [2, 1], or a dividend per unit")
    _only(raw, ("symbol", "ex_date", "split", "dividend"), "an action")
    symbol, ex_date = str(raw["symbol"]), date.fromisoformat(raw["ex_date"]).isoformat()
    if "dividend" in raw:
        return Dividend(symbol, ex_date, _price(raw["dividend"], symbol, ex_date))
    numerator, denominator = (_integer(part) for part in raw["split"])
    if numerator <= 0 or denominator <= 0:
        raise ValueError(f"a split of {numerator} for {denominator} of {symbol} is none")
    return Split(symbol, ex_date, numerator, denominator)


def _prices(raw: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, int]]:
    return {
        date.fromisoformat(session).isoformat(): {
            symbol: _price(price, symbol, session) for symbol, price in row.items()
        }
        for session, row in raw.items()
    }


def _price(price: str, symbol: str, session: str) -> int:
    micros = to_micros(price)
    if micros <= 0:
        raise ConfigError(f"price {price} of {symbol} on {session} is not above zero")
    return micros


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{value!r} is not a whole number")
    return value

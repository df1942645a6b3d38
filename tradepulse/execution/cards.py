"""Scenario cards: a venue, what happens, and what must be true afterwards, through the real order path.

A card is one YAML or JSON document; a file may hold a list of them. The format is described in
``tradepulse/execution/README.md``.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import ConfigError, UnreadableFile
from tradepulse.execution.journal import Journal
from tradepulse.execution.matching import Venue
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce

_CARD = {"id", "venue", "risk", "account", "book", "steps", "expect", "why", "source"}
_VENUE = {"symbol", "tick", "lot", "maker_fee_bp", "taker_fee_bp", "self_trade"}
_RISK = {
    "max_order_quantity": UNIT, "max_order_notional": MONEY, "max_position": UNIT, "price_collar_bp": FEE,
    "max_open_orders": 1, "max_orders_per_second": 1, "max_daily_loss": MONEY,
}  # fmt: skip
_SUBMIT = {
    "id", "side", "type", "quantity", "price", "stop_price", "tif", "expire_at_ms", "display_quantity", "trail_offset",
    "post_only", "reduce_only", "trigger",
}  # fmt: skip
_STEPS = {
    "submit": _SUBMIT, "cancel": {"id"}, "replace": {"id", "price", "quantity", "stop_price"},
    "trade": {"price", "quantity", "aggressor"}, "report": {"id", "side", "price", "quantity", "fill_id"},
    "halt": set(), "resume": set(), "close": set(), "kill": set(), "crash": set(), "hold": set(), "release": set(),
    "disconnect": set(), "reconnect": set(), "book": None,
}  # fmt: skip
_EXPECT = {"orders", "fills", "book", "position", "cash"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a card.

    Parameters
    ----------
    id : of the card
    differences : what was expected and not so, a line each
    observed : orders, fills, book, position and cash at the end
    """

    id: str
    differences: list[str]
    observed: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether everything that the card names is so."""
        return not self.differences


def load_cards(paths: list[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the cards of files, and of the ``*.yaml`` and ``*.json`` files of folders, in the order of their names.

    Raises
    ------
    UnreadableFile
        If a path is absent or no YAML, or a document is no card.
    """
    for path in paths:
        files = sorted({*path.rglob("*.yaml"), *path.rglob("*.json")}) if path.is_dir() else [path]
        for file in files:
            try:
                text = file.read_text()
                # JSON is YAML too, and ten times faster to read as JSON.
                document = json.loads(text) if file.suffix == ".json" else yaml.load(text, _LOADER)  # noqa: S506
            except OSError as exc:
                raise UnreadableFile(
                    f"{file}: cannot be read ({exc.strerror}); name a file or folder of cards"
                ) from exc
            except (yaml.YAMLError, ValueError) as exc:
                raise UnreadableFile(f"{file}: not readable ({' '.join(str(exc).split())[:120]})") from exc
            for number, card in enumerate(document if isinstance(document, list) else [document], start=1):
                if not isinstance(card, dict) or not isinstance(card.get("id"), str):
                    raise UnreadableFile(f"{file}: document {number} is no card: a card is a mapping with an id")
                yield file, card


#: Safe, and by libyaml where it is there.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def run_card(card: Mapping[str, Any]) -> Verdict:
    """Run a card and return what differs from what it expects.

    Parameters
    ----------
    card : as loaded

    Raises
    ------
    ConfigError
        If the card itself is not one: an unknown key, a number that is none, a crossed book, time running backwards.
    """
    name = str(card.get("id"))
    try:
        with tempfile.TemporaryDirectory(prefix="tradepulse-card-") as folder:
            desk = _Desk(card, Path(folder) / "orders.journal")
            try:
                for step in _list(card.get("steps", []), "steps"):
                    desk.do(step)
                observed = desk.observed()
            finally:
                desk.journal.close()
        return Verdict(name, _differences(card.get("expect") or {}, observed), observed)
    except ConfigError as exc:
        raise ConfigError(f"card {name}: {exc}") from exc


class _Desk:
    """A venue, an order path, and the line between them, which may be held or lost."""

    def __init__(self, card: Mapping[str, Any], path: Path) -> None:
        _only(card, _CARD, "card")
        venue, account, risk = (_mapping(card.get(key) or {}, key) for key in ("venue", "account", "risk"))
        _only(venue, _VENUE, "venue")
        _only(account, {"cash", "position"}, "account")
        _only(risk, set(_RISK), "risk")
        rule = venue.get("self_trade", "cancel_newest")
        if rule not in {"cancel_newest", "cancel_oldest", "cancel_both"}:
            raise ConfigError(f"self_trade is {rule!r}; it is cancel_newest, cancel_oldest or cancel_both")
        if below := [key for key in risk if _number(risk[key], key, _RISK[key]) < 0]:
            raise ConfigError(f"risk: {below[0]} must be at least 0, not {risk[below[0]]}")
        tick, lot = (_number(venue.get(key, "1"), key, UNIT) for key in ("tick", "lot"))
        if tick <= 0 or lot <= 0:
            raise ConfigError("tick and lot are above zero")
        position = _number(account.get("position", "0"), "position", UNIT)
        self.terms = Terms(
            tick, lot,
            _number(venue.get("maker_fee_bp", "0"), "maker_fee_bp", FEE),
            _number(venue.get("taker_fee_bp", "0"), "taker_fee_bp", FEE),
            Limits(**{key: _number(value, key, _RISK[key]) for key, value in risk.items()}),
            _number(account.get("cash", "0"), "cash", MONEY),
            position,
        )  # fmt: skip
        self.venue = Venue(rule, position)
        self.path_file = path
        self.journal = Journal(path, "os")
        self.path = OrderPath(self.journal, self.terms)
        self.connected, self.held = True, False
        self.at_ms: int | None = None
        #: How far our clock lies ahead of the venue's.
        self.ahead_ms = 0
        self.venue.display(_levels(card.get("book") or []))
        self.path.mark(self.venue)

    def do(self, step: object) -> None:
        """Do one step of the card."""
        step = _mapping(step, "step")
        at = step.get("at_ms")
        names = [key for key in step if key != "at_ms"]
        if not isinstance(at, int) or isinstance(at, bool) or len(names) != 1 or names[0] not in _STEPS:
            raise ConfigError(f"step {step!r}: a step has at_ms and one of {', '.join(_STEPS)}")
        if self.at_ms is not None and at < self.at_ms:
            raise ConfigError(f"step at {at} ms comes after one at {self.at_ms} ms; time does not run backwards")
        self.at_ms = at
        name, body = names[0], step[names[0]]
        allowed = _STEPS[name]
        if allowed is not None:
            body = _mapping(body or {}, name)
            _only(body, allowed, name)
        self.venue.advance(at)
        self._listen()
        getattr(self, f"_{name}")(body)
        self._listen()
        self.path.mark(self.venue)

    # -- steps of ours -----------------------------------------------------------------------------------------------

    def _submit(self, body: Mapping[str, Any]) -> None:
        ticket = _ticket(body)
        if self.path.submit(ticket, self.venue, (self.at_ms or 0) + self.ahead_ms) and self.connected:
            self.venue.submit(ticket)

    def _cancel(self, body: Mapping[str, Any]) -> None:
        id = _text(body, "id")
        if self.path.cancel(id) and self.connected:
            self.venue.cancel(id)

    def _replace(self, body: Mapping[str, Any]) -> None:
        id = _text(body, "id")
        change = {
            key: None if key not in body else _grid_number(body[key]) for key in ("price", "quantity", "stop_price")
        }
        # By the contract risk goes by what we know, which a change is once it is answered.
        if self.path.replace(id, self.venue, **change, reserve=False) and self.connected:
            self.venue.replace(id, **change)

    def _kill(self, _: object) -> None:
        for id in self.path.kill():
            if self.path.cancel(id, "killed") and self.connected:
                self.venue.cancel(id, "killed")

    # -- steps of others ---------------------------------------------------------------------------------------------

    def _book(self, body: object) -> None:
        self.venue.display(_levels(body))

    def _trade(self, body: Mapping[str, Any]) -> None:
        price, quantity = (_positive(body, key) for key in ("price", "quantity"))
        self.venue.trade(price, quantity, _side(body, "aggressor"))

    def _report(self, body: Mapping[str, Any]) -> None:
        side, price, quantity = _side(body, "side"), _positive(body, "price"), _positive(body, "quantity")
        self.venue.report(_text(body, "id"), side, price, quantity, _text(body, "fill_id"))

    def _halt(self, _: object) -> None:
        self.venue.halt()

    def _resume(self, _: object) -> None:
        self.venue.resume()

    def _close(self, _: object) -> None:
        self.venue.close()

    # -- the line ----------------------------------------------------------------------------------------------------

    def _listen(self, *, asked: bool = False) -> None:
        """Hear what the venue has said; asked for by reconciliation, it is no answer that could be held back."""
        while self.connected and (asked or not self.held) and self.path.state.heard < len(self.venue.events):
            self.path.hear(self.venue.events[self.path.state.heard])

    def _hold(self, _: object) -> None:
        self.held = True

    def _release(self, _: object) -> None:
        self.held = False

    def _disconnect(self, _: object) -> None:
        self.connected = False

    def _reconnect(self, _: object) -> None:
        self.connected = True
        self._reconcile()

    def _crash(self, _: object) -> None:
        self.journal.close()
        self.journal = Journal(self.path_file, "os")
        self.path = OrderPath(self.journal, self.terms)
        if self.connected:
            self._reconcile()

    def _reconcile(self) -> None:
        """Hear what was missed, learn what never arrived, and ask again for cancels that were lost."""
        self._listen(asked=True)
        for id, order in list(self.path.state.orders.items()):
            if not order.open:
                continue
            if not self.venue.knows(id):
                self.path.not_received(id)
            elif order.canceling:
                self.venue.cancel(id, order.canceling)
        self._listen()

    # -- looking -----------------------------------------------------------------------------------------------------

    def observed(self) -> dict[str, Any]:
        """Return what we know at the end, numbers as decimal strings."""
        state = self.path.state
        lines: dict[tuple[int, str, int, str], int] = {}
        for fill in state.fills:
            key = (fill.moment, fill.order, fill.price, fill.liquidity)
            lines[key] = lines.get(key, 0) + fill.quantity
        return {
            "orders": {
                id: {"status": order.status, "filled": _shown(order.filled, UNIT), "reason": order.reason}
                for id, order in state.orders.items()
            },
            "fills": [
                {"order": id, "price": _shown(price, UNIT), "quantity": _shown(quantity, UNIT), "liquidity": liquidity}
                for (_, id, price, liquidity), quantity in lines.items()
            ],
            "book": [
                {"side": side.value, "price": _shown(price, UNIT), "quantity": _shown(quantity, UNIT)}
                for side in Side
                for price, quantity in sorted(self.venue.others[side].items())
            ],
            "position": _shown(state.position, UNIT),
            "cash": _shown(state.cash, MONEY),
            "flagged": list(state.flagged),
        }  # fmt: skip


# -- comparing -------------------------------------------------------------------------------------------------------


def _differences(expect: Mapping[str, Any], observed: Mapping[str, Any]) -> list[str]:
    _only(_mapping(expect, "expect"), _EXPECT, "expect")
    found = []
    for id, wanted in _mapping(expect.get("orders") or {}, "orders").items():
        have = observed["orders"].get(id)
        if have is None:
            found.append(f"order {id}: expected {_mapping(wanted, 'order')}, there is no such order")
            continue
        found += [
            f"order {id}: {key} is {have.get(key)!r}, expected {value!r}"
            for key, value in _mapping(wanted, "order").items()
            if not _equal(have.get(key), value)
        ]
    if "fills" in expect:
        wanted_fills = [_mapping(fill, "fill") for fill in _list(expect["fills"], "fills")]
        have_fills = observed["fills"]
        same = len(wanted_fills) == len(have_fills) and all(
            all(_equal(have.get(key), value) for key, value in wanted.items())
            for have, wanted in zip(have_fills, wanted_fills, strict=True)
        )
        if not same:
            found.append(f"fills are {_brief(have_fills)}, expected {_brief(wanted_fills)}")
    if "book" in expect:
        sides = [
            {(level["side"], Decimal(str(level["price"]))): Decimal(str(level["quantity"])) for level in levels}
            for levels in (observed["book"], _list(expect["book"], "book"))
        ]
        have_book, wanted_book = ({key: q for key, q in side.items() if q} for side in sides)
        found += [
            f"book: {key[0]} {key[1]} shows {have_book.get(key, 0)}, expected {wanted_book.get(key, 0)}"
            for key in sorted({*have_book, *wanted_book})
            if have_book.get(key, 0) != wanted_book.get(key, 0)
        ]
    found += [
        f"{key} is {observed[key]}, expected {expect[key]}"
        for key in ("position", "cash")
        if key in expect and not _equal(observed[key], expect[key])
    ]
    return found


def _equal(have: object, wanted: object) -> bool:
    if have == wanted:
        return True
    try:
        return Decimal(str(have)) == Decimal(str(wanted))
    except InvalidOperation:
        return False


def _brief(fills: list[dict[str, Any]]) -> str:
    return "; ".join(" ".join(str(value) for value in fill.values()) for fill in fills) or "none"


# -- reading ---------------------------------------------------------------------------------------------------------


def _ticket(body: Mapping[str, Any]) -> Ticket:
    for key in ("id", "side", "type", "quantity"):
        if key not in body:
            raise ConfigError(f"submit {body.get('id', '?')} lacks {key!r}")
    known = {"type": OrderType, "tif": TimeInForce}
    for key, names in known.items():
        if key in body and body[key] not in [str(name) for name in names]:
            raise ConfigError(f"{key} is {body[key]!r}; there are {', '.join(names)}")
    trigger = body.get("trigger", "last")
    if trigger not in {"last", "quote"}:
        raise ConfigError(f"trigger is {trigger!r}; it is last or quote")
    expire = body.get("expire_at_ms")
    if expire is not None and (not isinstance(expire, int) or isinstance(expire, bool)):
        raise ConfigError(f"expire_at_ms is {expire!r}; it is a whole number of milliseconds")
    flags = {key: body.get(key, False) for key in ("post_only", "reduce_only")}
    if not all(isinstance(value, bool) for value in flags.values()):
        raise ConfigError("post_only and reduce_only are true or false")
    numbers = {
        key: _grid_number(body[key])
        for key in ("price", "stop_price", "display_quantity", "trail_offset")
        if key in body
    }
    return Ticket(
        id=_text(body, "id"), side=_side(body, "side"), type=OrderType(body["type"]),
        quantity=_grid_number(body["quantity"]), tif=TimeInForce(body.get("tif", "gtc")), expire_at_ms=expire,
        trigger=trigger, post_only=flags["post_only"], reduce_only=flags["reduce_only"], price=numbers.get("price"),
        stop_price=numbers.get("stop_price"), display_quantity=numbers.get("display_quantity"),
        trail_offset=numbers.get("trail_offset"),
    )  # fmt: skip


def _grid_number(value: object) -> int:
    """Return a price or quantity of an order in units; -1, which risk refuses, where it is no number or on no grid."""
    try:
        number = Decimal(str(value)) * UNIT
    except InvalidOperation:
        return -1
    return int(number) if number.is_finite() and number == number.to_integral_value() else -1


def _number(value: object, what: str, unit: int) -> int:
    """Return an exact number in units.

    Raises
    ------
    ConfigError
        If it is none, or finer than the unit.
    """
    try:
        number = Decimal(str(value)) * unit
    except InvalidOperation as exc:
        raise ConfigError(f"{what} is {value!r}, which is no number") from exc
    if not number.is_finite() or isinstance(value, bool):
        raise ConfigError(f"{what} is {value!r}, which is no number")
    if number != number.to_integral_value():
        raise ConfigError(f"{what} is {value!r}, which is finer than 1/{unit}")
    return int(number)


def _positive(body: Mapping[str, Any], key: str) -> int:
    if key not in body:
        raise ConfigError(f"step lacks {key!r}")
    number = _number(body[key], key, UNIT)
    if number <= 0:
        raise ConfigError(f"{key} is {body[key]!r}; it is above zero")
    return number


def _levels(raw: object) -> list[tuple[Side, int, int]]:
    levels = []
    for item in _list(raw, "book"):
        level = _mapping(item, "level")
        _only(level, {"side", "price", "quantity"}, "level")
        quantity = _number(level.get("quantity"), "quantity", UNIT)
        if quantity < 0:
            raise ConfigError(f"quantity is {level['quantity']!r}; displayed quantities are not below zero")
        levels.append((_side(level, "side"), _positive(level, "price"), quantity))
    return levels


def _side(body: Mapping[str, Any], key: str) -> Side:
    try:
        return Side(str(body.get(key)))
    except ValueError as exc:
        raise ConfigError(f"{key} is {body.get(key)!r}; it is buy or sell") from exc


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{key} is {value!r}; it is a text")
    return value


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} is {value!r}, not a mapping")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{what} is {value!r}, not a list")
    return value


def _only(body: Mapping[str, Any], allowed: set[str], what: str) -> None:
    unknown = sorted(set(map(str, body)) - allowed)
    if unknown:
        raise ConfigError(
            f"{what} has the unknown key {unknown[0]!r}; it may have {', '.join(sorted(allowed)) or 'none'}"
        )


def _shown(value: int, unit: int) -> str:
    """Return an amount in units as an exact decimal without needless zeros."""
    digits = len(str(unit)) - 1
    text = f"{abs(value):0{digits + 1}d}"
    number = f"{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".") if digits else text
    return f"-{number}" if value < 0 and number != "0" else number

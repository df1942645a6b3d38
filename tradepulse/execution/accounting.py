"""The books of an account: double entry, exact to the last digit, with lots and with cash that has not settled yet.

Everything that happens is an entry whose postings sum to zero. Debits are positive: assets and expenses grow by them,
income and capital by credits. A bought unit stands at what was paid for it until it is sold; what it was sold for above
that is realised profit. Commission is an expense of its own, not part of a lot's cost.

Amounts and units are whole numbers of whatever their teller counts in: of a daily book micros and whole units, of a
desk :data:`~tradepulse.execution.terms.MONEY` and 10^-9 of a unit. A price is an amount for one of those units.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from tradepulse.core.orders import Side, after_split, share_of
from tradepulse.core.sessions import Calendar, settlement_date, settles_on
from tradepulse.errors import ConfigError, DataError, MissingData
from tradepulse.execution.account import State
from tradepulse.execution.book import Book
from tradepulse.execution.brokers import SETTLE_AT_ONCE
from tradepulse.execution.terms import WHOLE_BP, Terms

Method = Literal["fifo", "lifo", "hifo"]

CASH, RECEIVABLE, PAYABLE = "assets:cash", "assets:receivable", "liabilities:payable"
CAPITAL, REALISED, DIVIDENDS = "equity:capital", "income:realised", "income:dividends"
COMMISSION, FUNDING, BORROW = "expenses:commission", "expenses:funding", "expenses:borrow"


class Posting(NamedTuple):
    """One side of an entry: a debit above zero, a credit below."""

    account: str
    amount: int


class Entry(NamedTuple):
    """Something that happened: its postings sum to zero.

    Parameters
    ----------
    day : trade, settlement or payment date
    what : in words, with the id of what it comes from
    postings : two or more
    """

    day: date
    what: str
    postings: tuple[Posting, ...]


@dataclass(slots=True)
class Lot:
    """Units bought, or sold short, together.

    Parameters
    ----------
    day, fill_id : where it comes from
    units : left of it; below zero when sold short
    cost : what they stand at together; below zero for a short one
    """

    day: date
    fill_id: str
    units: int
    cost: int


class Due(NamedTuple):
    """Cash or units on their way.

    Parameters
    ----------
    fill_id : of the trade
    day : when it is to settle
    units, cash : what is still to change hands, as it changes us
    """

    fill_id: str
    day: date
    symbol: str
    units: int
    cash: int


def ledger_of(book: Book, exchange: Calendar, method: Method = "fifo", until: str = "") -> "Ledger":
    """Return the books of a daily book, day by day as it happened.

    Parameters
    ----------
    book : its opening cash is the deposit, and its broker says whether trades settle at once
    exchange, method : of :class:`Ledger`
    until : session after which, ISO; by default the last that was completed
    """
    books = Ledger(None if book.broker in SETTLE_AT_ONCE else exchange, method)
    until = until or book.last_session
    if not until:
        return books
    first, last = (date.fromisoformat(day) for day in (min(book.closed, default=until), until))
    books.deposit(first, book.opening_micros)
    fills, actions = defaultdict(list), defaultdict(list)
    for fill, _ in book.fills.values():
        fills[fill.session].append(fill)
    for (kind, symbol, _), body in book.actions.items():
        actions[body["session"]].append((kind, symbol, body))
    # Some markets trade on days that are no sessions of the exchange.
    traded = {day for day in map(date.fromisoformat, (*fills, *actions)) if day <= last}
    for day in sorted({*exchange.sessions(first, last), *traded}):
        for kind, symbol, body in actions[day.isoformat()]:
            if kind == "split":
                books.split(day, symbol, body["numerator"], body["denominator"], body["price_micros"])
            elif kind == "dividend":
                books.dividend(day, symbol, body["micros"])
            elif kind == "borrow":
                books.borrow(day, symbol, body["micros"])
            else:
                books.fund(day, symbol, body["micros"])
        for fill in fills[day.isoformat()]:
            books.trade(
                day, fill.symbol, fill.side, fill.quantity, fill.price_micros, fill.commission_micros, fill.fill_id
            )
        books.settle(day)
    return books


def ledger_of_desk(
    state: State, terms: Terms, symbols: Sequence[str], exchange: Calendar | None, method: Method = "fifo"
) -> "Ledger":
    """Return the books of a desk after its last fill; days are of UTC.

    Parameters
    ----------
    state, terms : of its account, whose cash at the start is the deposit
    symbols : of its instruments
    exchange, method : of :class:`Ledger`

    Raises
    ------
    MissingData
        If it began with units, of which nobody says what they cost.
    """
    began = [one.position for one in terms.instruments] or [terms.position]
    if any(began):
        raise MissingData("the desk began with units, and its journal does not say what they cost")
    books = Ledger(exchange, method)
    for number, fill in enumerate(state.fills):
        day = datetime.fromtimestamp(fill.moment // 10**9, UTC).date()
        symbol, price = symbols[terms.instrument_of(fill.venue)], fill.price * WHOLE_BP
        if not number:
            books.deposit(day, terms.cash)
        in_cash = fill.taken(terms) - fill.fee_units * price
        books.trade(day, symbol, fill.side, fill.quantity, price, in_cash, fill.fill_id)
        if fill.fee_units:
            books.pay_in_units(day, symbol, fill.fee_units, price, fill.fill_id)
        books.settle(day)
    return books


@dataclass
class Ledger:
    """The books of one account in one currency.

    Parameters
    ----------
    exchange : calendar that settlement dates are counted on; None where a trade settles at once
    method : which lot a sale takes first: the oldest, the newest, or the one that cost most
    cash_account : whether sales that have not settled may pay for purchases (a margin account's may)
    """

    exchange: Calendar | None
    method: Method = "fifo"
    cash_account: bool = True
    entries: list[Entry] = field(default_factory=list)
    lots: dict[str, list[Lot]] = field(default_factory=lambda: defaultdict(list))
    due: list[Due] = field(default_factory=list)
    _balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _booked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.method not in ("fifo", "lifo", "hifo"):
            raise ConfigError(f"lots are taken by fifo, lifo or hifo, not by {self.method!r}")

    # -- what happens ------------------------------------------------------------------------------------------------

    def deposit(self, day: date, amount: int) -> None:
        """Book cash that the owner brings, or takes away below zero."""
        self._enter(day, "deposit", (CASH, amount), (CAPITAL, -amount))

    def trade(
        self, day: date, symbol: str, side: Side, units: int, price: int, commission: int, fill_id: str
    ) -> int:  # fmt: skip
        """Book a fill and return the profit that it realised, commission aside. Booked once per fill id."""
        if fill_id in self._booked:
            return 0
        self._booked.add(fill_id)
        inventory, realised = self._take_lots(day, fill_id, symbol, side.sign * units, price)
        cash = -side.sign * units * price - commission
        self._enter(
            day, f"{side} {units} {symbol}, fill {fill_id}",
            (f"assets:inventory:{symbol}", inventory), (REALISED, -realised),
            (COMMISSION, commission), (RECEIVABLE if cash >= 0 else PAYABLE, cash),
        )  # fmt: skip
        settles = day if self.exchange is None else settlement_date(day, self.exchange)
        self.due.append(Due(fill_id, settles, symbol, side.sign * units, cash))
        return realised

    def pay_in_units(self, day: date, symbol: str, units: int, price: int, fill_id: str) -> None:
        """Book a commission that was taken in units of what was traded, at a price."""
        inventory, realised = self._take_lots(day, fill_id, symbol, -units, price)
        self._enter(
            day, f"commission of {units} {symbol}, fill {fill_id}",
            (f"assets:inventory:{symbol}", inventory), (REALISED, -realised), (COMMISSION, units * price),
        )  # fmt: skip

    def settle(self, day: date, *, fails: Iterable[str] = (), partly: "dict[str, int] | None" = None) -> list[Due]:
        """Let everything that is due by a day change hands, and return it.

        Parameters
        ----------
        fails : ids of fills whose counterparty does not deliver; they are due again on the next business day
        partly : of a fill, how many of its units are delivered; the rest is due again on the next business day

        Raises
        ------
        DataError
            If more units would be delivered than are due.
        """
        failing, parts = set(fails), partly or {}
        settled, waiting = [], []
        for due in self.due:
            if due.day > day:
                waiting.append(due)
                continue
            later = self._next_business_day(day)
            if due.fill_id in failing:
                waiting.append(due._replace(day=later))
                continue
            done = due
            if due.fill_id in parts:
                units = parts[due.fill_id]
                if not 0 < units < abs(due.units):
                    raise DataError(
                        f"fill {due.fill_id}: {abs(due.units)} units are due, {units} are not a part of them"
                    )
                cash = share_of(due.cash, units, abs(due.units))
                done = due._replace(units=units * (1 if due.units > 0 else -1), cash=cash)
                rest = due._replace(day=later, units=due.units - done.units, cash=due.cash - cash)
                waiting.append(rest)
            # A purchase whose costs are below zero in cash is paid, a sale received.
            account = RECEIVABLE if due.cash >= 0 else PAYABLE
            self._enter(day, f"settled, fill {due.fill_id}", (CASH, done.cash), (account, -done.cash))
            settled.append(done)
        self.due = waiting
        return settled

    def dividend(self, day: date, symbol: str, per_unit: int) -> int:
        """Book a dividend on what is held on its ex-date: received when long, paid when short; return it."""
        amount = self.units(symbol) * per_unit
        self._enter(day, f"dividend of {symbol}", (CASH, amount), (DIVIDENDS, -amount))
        return amount

    def split(self, day: date, symbol: str, numerator: int, denominator: int, price: int) -> int:
        """Turn ``denominator`` units into ``numerator``; fractions are paid out at a price after the split.

        Returns
        -------
        int
            Cash in lieu of fractions.

        Raises
        ------
        ConfigError
            If the ratio is none.
        """
        if numerator <= 0 or denominator <= 0:
            raise ConfigError(f"a split of {numerator} for {denominator} is none")
        held, cost = self.units(symbol), self.inventory(symbol)
        sign = 1 if held >= 0 else -1
        whole, fraction = after_split(held, numerator, denominator)
        paid = share_of(price, fraction, denominator)
        gone = share_of(cost, fraction, held * numerator) if held else 0
        # What is left is spread over the lots as their units were, so that it adds up, costs too.
        old, before, spread, carried = self.lots[symbol], 0, 0, 0
        self.lots[symbol] = []
        for lot in old:
            before += lot.units
            units = sign * (abs(before) * abs(whole) // abs(held)) - spread
            spread += units
            carried += lot.cost
            if units:
                self.lots[symbol].append(Lot(lot.day, lot.fill_id, units, carried))
                carried = 0
        if self.lots[symbol]:
            self.lots[symbol][-1].cost += carried - gone
        cost = gone
        self._enter(
            day, f"split of {symbol}, {numerator} for {denominator}",
            (CASH, paid), (f"assets:inventory:{symbol}", -cost), (REALISED, cost - paid),
        )  # fmt: skip
        return paid

    def fund(self, day: date, symbol: str, amount: int) -> None:
        """Book funding of a perpetual: paid above zero, received below."""
        self._enter(day, f"funding of {symbol}", (CASH, -amount), (FUNDING, amount))

    def borrow(self, day: date, symbol: str, amount: int) -> None:
        """Book the fee of borrowed units."""
        self._enter(day, f"borrow fee of {symbol}", (CASH, -amount), (BORROW, amount))

    # -- what there is -----------------------------------------------------------------------------------------------

    def balance(self, account: str) -> int:
        """Return an account's balance: debits less credits."""
        return self._balances.get(account, 0)

    def balances(self) -> dict[str, int]:
        """Return every account that has one."""
        return {account: amount for account, amount in sorted(self._balances.items()) if amount}

    def units(self, symbol: str) -> int:
        """Return the units held by trade date; below zero when short."""
        return sum(lot.units for lot in self.lots.get(symbol, ()))

    def inventory(self, symbol: str) -> int:
        """Return what the units held stand at."""
        return self.balance(f"assets:inventory:{symbol}")

    def available(self) -> int:
        """Return the cash that may be spent: settled less what is owed; in a margin account also what is on its way."""
        owed = self.balance(PAYABLE)  # a credit: below zero
        return self.balance(CASH) + owed + (0 if self.cash_account else self.balance(RECEIVABLE))

    def unrealised(self, closes: "dict[str, int]") -> int:
        """Return what the units held are worth above what they stand at, at closes.

        Raises
        ------
        DataError
            If one that is held has no close.
        """
        held = {symbol: units for symbol in self.lots if (units := self.units(symbol))}
        if missing := sorted(set(held) - set(closes)):
            raise DataError(f"{missing[0]} is held and has no close; give one")
        return sum(units * closes[symbol] - self.inventory(symbol) for symbol, units in held.items())

    def equity(self, closes: "dict[str, int]") -> int:
        """Return cash, what is on its way, and the units held at closes."""
        held = sum(self.inventory(symbol) for symbol in self.lots)
        cash = self.balance(CASH) + self.balance(RECEIVABLE) + self.balance(PAYABLE)
        return cash + held + self.unrealised(closes)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _enter(self, day: date, what: str, *postings: tuple[str, int]) -> None:
        made = tuple(Posting(account, amount) for account, amount in postings if amount)
        if sum(posting.amount for posting in made):
            raise AssertionError(f"{what}: debits and credits differ")
        if made:
            self.entries.append(Entry(day, what, made))
        for account, amount in made:
            self._balances[account] += amount

    def _take_lots(self, day: date, fill_id: str, symbol: str, signed: int, price: int) -> tuple[int, int]:
        """Close lots of the other direction, open one with what is left; return what inventory and profit change by."""
        lots, left, sign = self.lots[symbol], abs(signed), 1 if signed > 0 else -1
        inventory = realised = 0
        while left and lots and lots[0].units * sign < 0:
            lot = lots[self._first(lots)]
            part = min(left, abs(lot.units))
            cost = share_of(lot.cost, part, abs(lot.units))
            proceeds = -sign * part * price
            inventory -= cost
            realised += proceeds - cost
            lot.units += sign * part
            lot.cost -= cost
            left -= part
            if not lot.units:
                lots.remove(lot)
        if left:
            cost = sign * left * price
            lots.append(Lot(day, fill_id, sign * left, cost))
            inventory += cost
        if inventory - realised != signed * price:
            raise AssertionError(f"fill {fill_id}: lots and value differ")
        return inventory, realised

    def _first(self, lots: list[Lot]) -> int:
        if self.method == "fifo":
            return 0
        if self.method == "lifo":
            return len(lots) - 1
        # The dearest unit: of a short lot the one that was sold for least. Compared without a division.
        best = 0
        for at in range(1, len(lots)):
            one, other = lots[at], lots[best]
            if one.cost * abs(other.units) > other.cost * abs(one.units):
                best = at
        return best

    def _next_business_day(self, day: date) -> date:
        """Return the first day after ``day`` on which something settles."""
        if self.exchange is None:
            return day + timedelta(days=1)
        following = self.exchange.next(day)
        while not settles_on(following):
            following = self.exchange.next(following)
        return following

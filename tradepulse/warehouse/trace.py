"""Walks from a fill back to the vendor's file, id by id, checking each link on the way."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tradepulse.core.tables.base import content_hash, records
from tradepulse.errors import MissingData
from tradepulse.warehouse.bars import read_bars
from tradepulse.warehouse.intake import SUPERSEDED
from tradepulse.warehouse.lake import Lake


@dataclass(frozen=True, slots=True)
class Link:
    """One step of the walk.

    Parameters
    ----------
    table : where the row stands
    id : the id that leads to it
    facts : what it says, for a person
    holds : whether what the id promises was recomputed and found true
    """

    table: str
    id: str
    facts: str
    holds: bool


def trace(lake: Lake, fill_id: str) -> list[Link]:
    """Return the chain of a fill: settlement, fill, order, signal, promotion, trial, bars, vendor file.

    Parameters
    ----------
    lake : lake that holds it
    fill_id : from the table ``fills``

    Raises
    ------
    MissingData
        If there is no such fill, or a link of its chain is not there; the message names it.
    """
    fill = _row(lake, "fills", "fill_id", fill_id)
    order = _row(lake, "orders", "client_order_id", fill["client_order_id"])
    session = f"{order['session']:%Y-%m-%d}"
    signals = lake.read("released_signals", [session], model="signals")
    matching = signals[signals["symbol"] == order["symbol"]]
    if matching.empty:
        raise MissingData(f"order {order['client_order_id']} has no released signal for {order['symbol']} on {session}")
    signal = records(matching)[0]
    promotion = _row(lake, "promotions", "promotion_id", signal["promotion_id"])
    trial = _row(lake, "trials", "trial_id", promotion["trial_id"])
    settled = lake.query("SELECT * FROM settlement WHERE fill_id = $id ORDER BY session DESC LIMIT 1", id=fill_id)
    links = []
    for row in records(settled):
        facts = f"{row['amount_micros'] / 1e6:,.2f} {row['cycle']} on {row['settle_date']:%Y-%m-%d}"
        exact = row["amount_micros"] == _cash(fill)
        links.append(Link("settlement", fill_id, facts, exact))
    links += [
        Link(
            "fills",
            fill_id,
            f"{fill['side']} {fill['quantity']} {fill['symbol']} at {fill['price_micros'] / 1e6:,.6f} "
            f"in session {fill['session']:%Y-%m-%d}, journal record {fill['journal_record']}",
            fill["client_order_id"] == order["client_order_id"],
        ),
        Link(
            "orders",
            order["client_order_id"],
            f"{order['side']} {order['quantity']} {order['symbol']} decided after session {session}, "
            f"journal record {order['journal_record']}",
            order["strategy"] == signal["strategy"] and order["trial_id"] == signal["trial_id"],
        ),
        Link(
            "released_signals",
            f"{session} {signal['symbol']}",
            f"hold {signal['target_quantity']} by {signal['strategy']}, from bars {signal['data_version']}",
            _bars_hash(lake, session, signal["symbol"]) == signal["data_version"],
        ),
        Link(
            "promotions",
            promotion["promotion_id"],
            f"{promotion['stage']} after {promotion['n_trials']} trials, deflated Sharpe ratio "
            f"{promotion['deflated_sharpe']:.3f}",
            bool(promotion["promoted"]),
        ),
        Link(
            "trials",
            trial["trial_id"],
            f"{trial['strategy']} {trial['params']}, Sharpe ratio {trial['sharpe']:.3f}, on bars "
            f"{trial['data_version']}, MLflow run {trial['mlflow_run_id']}",
            _bars_hash(lake, f"{trial['last_session']:%Y-%m-%d}", trial["symbol"]) == trial["data_version"],
        ),
    ]
    bars = read_bars(lake, until=order["session"].date(), symbols=[order["symbol"]])
    source, digest = bars["source"].iloc[-1], bars["source_hash"].iloc[-1]
    same = int((bars["source_hash"] == digest).sum())
    facts = f"{same:,} bars of {order['symbol']} from source {source}, whose file has this SHA-256"
    if same < len(bars):
        facts += f"; {len(bars) - same:,} from files before it"
    # Rows of another file are explained by a restatement on record, and by nothing else.
    restated = bool(lake.partitions(f"{SUPERSEDED}bars") or lake.partitions(f"{SUPERSEDED}bars_history"))
    links.append(Link("bars", digest, facts, same == len(bars) or restated))
    return links


def vendor_file_matches(digest: str) -> Path | None:
    """Return the embedded vendor file whose SHA-256 begins with ``digest``, hashed now; None if there is none."""
    from hashlib import sha256
    from importlib.metadata import distribution

    folder = Path(str(distribution("arch").locate_file("arch/data")))
    files = folder.glob("*/*.csv.gz")
    return next((path for path in files if sha256(path.read_bytes()).hexdigest().startswith(digest)), None)


def _row(lake: Lake, name: str, key: str, value: str) -> dict[str, Any]:
    sql = f'SELECT * FROM "{name}" WHERE "{key}" = $value'
    rows = records(lake.query(sql, value=value)) if lake.partitions(name) else []
    if not rows:
        raise MissingData(f"no row of {name} has the {key} {value!r}; tradepulse_cli trace lists the fills there are")
    return rows[0]


def _bars_hash(lake: Lake, session: str, symbol: str) -> str:
    return content_hash(read_bars(lake, until=pd.Timestamp(session).date(), symbols=[symbol]))


def _cash(fill: dict[str, Any]) -> int:
    sign = -1 if fill["side"] == "buy" else 1
    return int(sign * fill["quantity"] * fill["price_micros"] - fill["commission_micros"])

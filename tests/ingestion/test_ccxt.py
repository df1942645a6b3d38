"""Coinbase and Kraken as their servers answer, over HTTP on loopback, with what goes wrong there."""

import json
from datetime import UTC, date, datetime

import pytest
from werkzeug import Response

from tradepulse.errors import ConfigError, DataError, SourceUnavailable
from tradepulse.ingestion.backfill import Manifest, backfill
from tradepulse.ingestion.source import Wanted, open_source

ccxt = pytest.importorskip("ccxt")
HOUR = 3600
START = int(datetime(2023, 11, 14, tzinfo=UTC).timestamp())
#: One product as GET /products of Coinbase Exchange lists it.
PRODUCT = {
    "id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "quote_increment": "0.01",
    "base_increment": "0.00000001", "display_name": "BTC-USD", "min_market_funds": "1", "margin_enabled": False,
    "post_only": False, "limit_only": False, "cancel_only": False, "status": "online", "status_message": "",
    "trading_disabled": False, "fx_stablecoin": False, "auction_mode": False,
}  # fmt: skip


def candle(hour):
    """``[time, low, high, open, close, volume]``, as GET /products/ID/candles."""
    price = 36_000 + hour
    return [START + hour * HOUR, price - 5, price + 7, price, price + 1, 12.5]


class Exchange:
    """Coinbase's candles, newest first; the next answers may be set to be something else."""

    def __init__(self, server):
        self.candles = {hour: candle(hour) for hour in range(24 * 3)}
        self.asked, self.next = [], []
        self.url = server.url_for("").rstrip("/")
        server.expect_request("/currencies").respond_with_json([])
        server.expect_request("/products").respond_with_json([PRODUCT])
        server.expect_request("/products/BTC-USD/candles").respond_with_handler(self.answer)

    def answer(self, request):
        self.asked.append(request.args["start"])
        if self.next and (given := self.next.pop(0)) is not None:
            return given
        first, last = (datetime.fromisoformat(request.args[name]).timestamp() for name in ("start", "end"))
        rows = [row for row in self.candles.values() if first <= row[0] <= last]
        return Response(json.dumps(sorted(rows, reverse=True)), content_type="application/json")


@pytest.fixture
def exchange(httpserver):
    return Exchange(httpserver)


@pytest.fixture
def taken(exchange, tmp_path):
    """Backfill three days of hours; return the rows of all pieces and the pauses made."""

    def run(first="2023-11-14", last="2023-11-16", **options):
        source = open_source("ccxt", {"exchange": "coinbaseexchange", "url": exchange.url, "timeout": "0.5"})
        wanted = Wanted("bars", ("BTC/USD",), date.fromisoformat(first), date.fromisoformat(last), "1h")
        deliveries, pauses = [], []

        def store(delivery, rows, _):
            deliveries.append(delivery)
            return []

        made = backfill(source, wanted, Manifest(tmp_path, source.identity), store, wait=pauses.append, **options)
        return made, deliveries, pauses

    return run


def test_candles_become_bars_in_time_order_with_what_the_exchange_said(taken):
    made, [delivery], pauses = taken()

    bars = delivery.accepted
    assert (made.received, made.quarantined, pauses) == (72, 0, [])
    assert delivery.place == "bars_1h"
    assert bars["ts"].is_monotonic_increasing
    assert bars["ts"].iloc[0] == datetime(2023, 11, 14, tzinfo=UTC)
    assert bars.iloc[1][["open", "high", "low", "close", "volume"]].tolist() == [36_001, 36_008, 35_996, 36_002, 12.5]
    assert sorted(set(bars["session"].dt.strftime("%d"))) == ["14", "15", "16"]


def test_what_is_covered_is_not_asked_for_again_and_the_rest_is(taken, exchange):
    taken("2023-11-14", "2023-11-14")
    exchange.asked.clear()

    made, _, _ = taken("2023-11-14", "2023-11-15")
    assert made.received == 24
    assert min(exchange.asked).startswith("2023-11-15")
    assert taken("2023-11-14", "2023-11-15")[0].parts == 0
    assert taken("2023-11-14", "2023-11-15", refresh=True)[0].received == 48


def test_hours_without_trades_are_stepped_over(taken, exchange):
    exchange.candles = {hour: row for hour, row in exchange.candles.items() if hour < 3 or hour > 70}

    assert taken()[0].received == 4


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (Response("slow down", status=429, headers={"Retry-After": "7"}), 7.0),
        (Response("try later", status=503), 1.0),
        (Response("<html>maintenance</html>", content_type="text/html"), 1.0),
        (Response('[[170, 1, 2', content_type="application/json"), 1.0),
    ],
    ids=["rate limit", "unavailable", "wrong content type", "truncated"],
)  # fmt: skip
def test_a_bad_answer_is_asked_for_again_after_the_pause_that_the_exchange_wants(taken, exchange, answer, pause):
    exchange.next = [answer]

    made, _, pauses = taken()

    assert (made.received, pauses) == (72, [pause])


def test_an_exchange_that_never_answers_is_given_up_in_one_line_and_the_rest_is_kept(taken, exchange):
    exchange.next = [Response("no", status=503)] * 20

    with pytest.raises(SourceUnavailable, match=r"coinbaseexchange does not answer for BTC/USD.*run the same command"):
        taken()
    exchange.next = [Response("no", status=429, headers={"Retry-After": "86400"})]
    with pytest.raises(SourceUnavailable, match="asks us to wait 86400 s"):
        taken()
    exchange.next = []
    assert taken()[0].received == 72


def test_an_answer_that_hangs_is_a_bad_answer(taken, exchange, httpserver):
    from time import sleep

    slow = exchange.answer

    def hang(request):
        if not exchange.asked:
            exchange.asked.append(request.args["start"])
            sleep(0.8)
        return slow(request)

    httpserver.clear()
    exchange.asked = []
    httpserver.expect_request("/currencies").respond_with_json([])
    httpserver.expect_request("/products").respond_with_json([PRODUCT])
    httpserver.expect_request("/products/BTC-USD/candles").respond_with_handler(hang)

    made, _, pauses = taken()
    # The server answers one request at a time: the second attempt may find it still asleep.
    assert (made.received, pauses[0]) == (72, 1.0)


def test_repeated_and_disordered_rows_are_accounted_for(taken, exchange):
    rows = [candle(3), candle(1), candle(2), candle(1), candle(0)]
    exchange.candles = {hour: row for hour, row in exchange.candles.items() if hour > 3}
    exchange.next = [Response(json.dumps(rows), content_type="application/json")]

    made, [delivery], _ = taken()

    assert (made.received, made.accepted, made.why) == (73, 72, {"symbol and time are unique": 1})
    assert delivery.accepted["ts"].is_monotonic_increasing


def test_rows_that_are_no_bars_are_quarantined(taken, exchange):
    exchange.candles[5] = [START + 5 * HOUR, 10, 5, 7, 7, 1]
    exchange.candles[6] = [START + 6 * HOUR + 60, 1, 1, 1, 1, 1]
    exchange.candles[7] = [START + 7 * HOUR, None, None, None, None, None]

    made, _, _ = taken()

    assert made.received == made.accepted + 3
    assert made.why == {
        "high is not below open, close or low": 1,
        "the bar begins on its interval": 1,
        "open is a finite number above zero": 1,
    }


def test_instruments_carry_the_exchange_s_own_grid(exchange, tmp_path):
    source = open_source("ccxt", {"exchange": "coinbaseexchange", "url": exchange.url})
    [part] = source.parts(Wanted("instruments"), lambda stream: ([], set()))

    row = source.fetch(part).accepted.iloc[0]

    assert row[["symbol", "kind", "currency", "tick", "lot", "minimum_notional"]].tolist() == [
        "BTC/USD", "crypto_spot", "USD", 0.01, 1e-8, 1.0,
    ]  # fmt: skip


def test_trades_are_taken_once_by_their_id_though_a_page_repeats_one(httpserver, tmp_path):
    pair = {
        "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT", "aclass_quote": "currency",
        "quote": "ZUSD", "lot": "unit", "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]], "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1", "status": "online",
    }  # fmt: skip
    tape = [[f"{36_000 + n}.0", "0.5", START + n * 600 + 0.25, "bsb"[n % 3], "l", "", 100 + n] for n in range(144)]

    def answer(request):
        since = int(request.args["since"])
        rows = [row for row in tape if row[2] >= since][:80]
        rows += rows[-1:]
        body = {"error": [], "result": {"XXBTZUSD": rows, "last": str(int(rows[-1][2] * 1e9)) if rows else "0"}}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/0/public/Assets").respond_with_json({"error": [], "result": {}})
    httpserver.expect_request("/0/public/AssetPairs").respond_with_json({"error": [], "result": {"XXBTZUSD": pair}})
    httpserver.expect_request("/0/public/Trades").respond_with_handler(answer)
    source = open_source("ccxt", {"exchange": "kraken", "url": httpserver.url_for("").rstrip("/")})
    wanted = Wanted("trades", ("BTC/USD",), date(2023, 11, 14), date(2023, 11, 14))
    stored = []

    made = backfill(source, wanted, Manifest(tmp_path, source.identity), lambda d, r, w: stored.append(d) or [])

    [delivery] = stored
    assert len(delivery.accepted) == 144
    assert delivery.accepted["ts"].is_unique
    assert made.why == {"the trade has not come before": 2}
    assert delivery.received == len(delivery.accepted) + len(delivery.quarantined)


@pytest.mark.parametrize(
    ("options", "wanted", "words"),
    [
        ({"exchange": "mtgox"}, {}, "ccxt knows no such exchange"),
        ({}, {}, "ccxt knows no such exchange"),
        ({"exchange": "kraken", "timeout": "soon"}, {}, "not a number of seconds"),
        ({"exchange": "kraken", "key": "x"}, {}, "source ccxt has no option 'key'; it has exchange, url, timeout"),
        ({"exchange": "kraken"}, {"symbols": ()}, "needs --symbol"),
        ({"exchange": "kraken"}, {"first": date.min}, "needs --start"),
        ({"exchange": "kraken"}, {"interval": "7min"}, "--interval 7min: kraken has no such bars"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, wanted, words):
    asked = {"symbols": ("BTC/USD",), "first": date(2023, 1, 1), **wanted}

    with pytest.raises(ConfigError, match=words):
        open_source("ccxt", options).parts(Wanted(**asked), lambda stream: ([], set()))


def test_a_symbol_that_the_exchange_has_not_is_an_error_and_not_a_retry(exchange, tmp_path):
    source = open_source("ccxt", {"exchange": "coinbaseexchange", "url": exchange.url})
    wanted = Wanted("bars", ("DOGE/XYZ",), date(2023, 11, 14), date(2023, 11, 14), "1h")

    with pytest.raises(DataError, match="coinbaseexchange has no DOGE/XYZ"):
        backfill(source, wanted, Manifest(tmp_path, source.identity), lambda d, r, w: [], wait=pytest.fail)

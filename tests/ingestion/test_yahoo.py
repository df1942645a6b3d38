"""Yahoo's chart API as it answers, over HTTP on loopback."""

import re
import sys
from datetime import UTC, date, datetime

import pytest
from werkzeug import Response

from tradepulse.errors import ConfigError, MissingData, SourceUnavailable
from tradepulse.ingestion.source import Wanted, open_source

yfinance = pytest.importorskip("yfinance")
#: Three sessions of a share that was split 2:1 on the third and paid a dividend on the second.
DAYS = [datetime(2020, 8, day, 13, 30, tzinfo=UTC) for day in (27, 28, 31)]
META = {
    "currency": "USD", "symbol": "ABC", "exchangeName": "NMS", "instrumentType": "EQUITY", "gmtoffset": -14400,
    "timezone": "EDT", "exchangeTimezoneName": "America/New_York", "priceHint": 2, "dataGranularity": "1d", "range": "",
    "firstTradeDate": 345479400, "regularMarketTime": 1700000000, "validRanges": ["1d", "max"],
    "currentTradingPeriod": {
        kind: {"timezone": "EST", "start": 1700000000, "end": 1700020000, "gmtoffset": -18000}
        for kind in ("pre", "regular", "post")
    },
}  # fmt: skip


def chart():
    stamps = [int(day.timestamp()) for day in DAYS]
    quote = {
        "open": [50.0, 51.0, 52.0], "high": [51.0, 52.0, 54.0], "low": [49.0, 50.0, 51.0], "close": [50.5, 51.5, 53.0],
        "volume": [2000, 4000, 1000],
    }  # fmt: skip
    events = {
        "splits": {str(stamps[2]): {"date": stamps[2], "numerator": 2, "denominator": 1, "splitRatio": "2:1"}},
        "dividends": {str(stamps[1]): {"amount": 0.2, "date": stamps[1]}},
    }
    indicators = {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]}
    result = {"meta": META, "timestamp": stamps, "events": events, "indicators": indicators}
    return {"chart": {"result": [result], "error": None}}


@pytest.fixture
def source(httpserver, monkeypatch):
    """The source, with yfinance asking the local server; the cookie that Yahoo wants comes from another host."""
    import yfinance.data

    base = httpserver.url_for("").rstrip("/")
    for name, module in list(sys.modules.items()):
        for host in ("_BASE_URL_", "_QUERY1_URL_"):
            if name.startswith("yfinance.") and hasattr(module, host):
                monkeypatch.setattr(module, host, base)
    import yfinance.scrapers.quote

    monkeypatch.setattr(yfinance.scrapers.quote, "_QUOTE_SUMMARY_URL_", f"{base}/v10/finance/quoteSummary")
    monkeypatch.setattr(yfinance.base, "_tz_info_fetch_ctr", 0)
    monkeypatch.setattr(yfinance.data.YfData, "_get_cookie_and_crumb", lambda *_, **__: (None, "basic"))
    yfinance.data.YfData().cache_get.cache_clear()
    return open_source("yahoo", {"timeout": "0.5"})


def fetched(source, table="bars", last=date(2020, 8, 31)):
    wanted = Wanted(table, ("ABC",), date(2020, 8, 27), last)
    [part] = source.parts(wanted, lambda stream: ([], set()))
    return source.fetch(part)


def test_prices_are_raw_again(source, httpserver):
    httpserver.expect_request("/v8/finance/chart/ABC").respond_with_json(chart())

    bars = fetched(source).accepted

    # Before the split a share cost twice as much and half as many were traded.
    assert bars["close"].tolist() == [101.0, 103.0, 53.0]
    assert bars["volume"].tolist() == [1000, 2000, 1000]
    assert bars["ts"].tolist() == DAYS
    assert len(fetched(source, last=date(2020, 8, 28)).accepted) == 2


def test_corporate_actions_are_per_share_of_their_day(source, httpserver):
    httpserver.expect_request("/v8/finance/chart/ABC").respond_with_json(chart())

    rows = fetched(source, "corporate_actions").accepted

    assert rows["action"].tolist() == ["cash_dividend", "split"]
    assert rows["amount"].iloc[0] == 0.4
    assert rows["ratio"].iloc[1] == 2.0


def test_a_symbol_that_yahoo_has_not_is_an_error(source, httpserver):
    error = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}
    httpserver.expect_request(re.compile("/.*")).respond_with_json(error, status=404)

    with pytest.raises(MissingData, match="yahoo has no bars of ABC"):
        fetched(source)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response("Too Many Requests", status=429), "yahoo asks for fewer requests"),
        (Response("<html>Will be right back</html>", content_type="text/html"), "yahoo does not answer for ABC"),
        (Response('{"chart": {"result": [{"me', content_type="application/json"), "yahoo does not answer for ABC"),
    ],
    ids=["rate limit", "maintenance", "truncated"],
)
def test_a_bad_answer_may_be_asked_for_again(source, httpserver, answer, words):
    httpserver.expect_request("/v8/finance/chart/ABC").respond_with_response(answer)

    with pytest.raises(SourceUnavailable, match=words):
        fetched(source)


def test_what_cannot_be_asked_is_refused(source):
    def none(stream):
        return [], set()

    with pytest.raises(ConfigError, match="needs --symbol"):
        source.parts(Wanted(), none)
    with pytest.raises(ConfigError, match="has daily bars"):
        source.parts(Wanted(symbols=("ABC",), interval="1h"), none)


def test_what_is_covered_is_not_asked_for(source):
    days = (date(2020, 1, 1), date(2020, 12, 31))
    wanted = Wanted("bars", ("ABC",), date(2020, 8, 27), date(2020, 8, 31))

    assert source.parts(wanted, lambda stream: ([days], set())) == []

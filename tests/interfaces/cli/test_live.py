"""``execution live``: at Binance on loopback."""

import pytest

pytest.importorskip("ccxt")
LIVE = ("execution", "live", "--strategy", "touch_maker")
BOUND = ("--limit", "max_position=3")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--symbol", "BTC/USDT"), "a live desk has a bound; say --limit max_position="),
        (("--symbol", "BTC/USDT", *BOUND, "--param", "size=x"), "size"),
        (("--symbol", "BTC/USDT", *BOUND, "--cash", "nan"), "--cash must lie between 0 and 1e+12"),
        (("--symbol", "BTC/USDT", *BOUND, "--silence", "nan"), "--silence must lie between 0 and 86400 s, not nan"),
        (("--symbol", "BTC/USDT", "--limit", "max_position=x"), "max_position=x: not a number"),
        (("--symbol", "BTC/USDT", "--limit", "max_pos=1"), "max_pos"),
        (("--symbol", "BTC/USDT", *BOUND, "--until", "nan"), "--until must lie between 0 and 100000000 s, not nan"),
        (("--symbol", "BTC/USDT", *BOUND, "--until", "-1"), "--until must lie between 0 and 100000000 s, not -1"),
        (("--symbol", "BTC/USDT", *BOUND, "--book", "../x"), "--book '../x': a name is made of up to 64 letters"),
        (
            ("--symbol", "BTC/USDT", "--limit", "max_position=-1"),
            "limit max_position must lie between 0 and 1e+15, not -1",
        ),
        (("--symbol", "BTC/USDT", "--limit", "max_position=1e400"), "must lie between 0 and 1e+15, not 1e400"),
        (("--symbol", "XXX/YYY", *BOUND), "binance has no XXX/YYY; name a pair as BTC/USDT"),
        (("--symbol", "BTC/TUSD", *BOUND), "binance has no BTC/TUSD; for instance BTC/USDT"),
    ],
)
def test_it_says_in_a_line_what_is_wrong(binance, refused, tmp_path, given, said):
    assert said in refused(*LIVE, *given)
    folder = tmp_path / "var" / "execution" / "desks" / "desk"
    assert not list(folder.glob("*.journal"))
    assert not binance.placed


def test_an_account_that_is_not_named_or_not_known_is_said(binance, refused, monkeypatch):
    monkeypatch.setenv("TRADEPULSE_CCXT_KEY", "wrong")
    said = refused(*LIVE, "--symbol", "BTC/USDT", *BOUND)
    assert "binance: the account is not known; set TRADEPULSE_CCXT_KEY and TRADEPULSE_CCXT_SECRET" in said
    monkeypatch.delenv("TRADEPULSE_CCXT_KEY")
    assert "the environment lacks TRADEPULSE_CCXT_KEY" in refused(*LIVE, "--symbol", "BTC/USDT", *BOUND)


@pytest.mark.parametrize(
    ("changes", "symbol", "said"),
    [
        ({}, "XXXX", "alpaca has no XXXX; name a share as AAPL"),
        ({"APCA_API_KEY_ID": "wrong"}, "AAPL", "alpaca: the account is not known; set APCA_API_KEY_ID and"),
        ({"APCA_API_SECRET_KEY": ""}, "AAPL", "the environment lacks APCA_API_KEY_ID or APCA_API_SECRET_KEY"),
        ({"APCA_API_DATA_FEED": "sit"}, "AAPL", "APCA_API_DATA_FEED=sit: it is iex or sip"),
    ],
)
def test_at_alpaca_it_says_so_too(alpaca, refused, monkeypatch, changes, symbol, said):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert said in refused(*LIVE, "--broker", "alpaca", "--symbol", symbol, *BOUND)
    assert not alpaca.placed


def test_it_trades_until_its_time_is_up_and_leaves_nothing_open(binance, cli):
    with binance.moving():
        done = cli(
            *LIVE, "--symbol", "BTC/USDT", *BOUND, "--param", "size=1", "--param", "most=2", "--until", 2, "--json"
        )

    assert done.code == 1
    assert (done.json["ended"], done.json["reason"]) == ("killed", "the time is up (--until)")
    assert done.json["orders"] == len(binance.placed) >= 2
    assert not binance.venue.open_ids()

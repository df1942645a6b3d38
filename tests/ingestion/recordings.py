"""A small level-2 recording, message by message, in the shape in which Binance sends them."""

import gzip
import json

START = 1_700_000_000_000


def depth(first, last, bids=(), asks=(), *, at=0, received=None, previous=None):
    data = {
        "e": "depthUpdate",
        "E": START + at,
        "s": "BTCUSDT",
        "U": first,
        "u": last,
        "b": list(bids),
        "a": list(asks),
    }
    if previous is not None:
        data["pu"] = previous
    return _line({"stream": "btcusdt@depth@100ms", "data": data}, at if received is None else received)


def ticker(update, bid, bid_size, ask, ask_size, *, at=0):
    data = {"u": update, "s": "BTCUSDT", "b": bid, "B": bid_size, "a": ask, "A": ask_size}
    return _line({"stream": "btcusdt@bookTicker", "data": data}, at)


def trade(price, size, *, at=0):
    data = {"e": "trade", "E": START + at, "s": "BTCUSDT", "t": 1, "p": price, "q": size, "T": START + at, "m": True}
    return _line({"stream": "btcusdt@trade", "data": data}, at)


def snapshot(last, bids, asks, *, at=0):
    return _line({"lastUpdateId": last, "bids": bids, "asks": asks}, at)


def _line(message, received):
    return f"{(START + received) * 1_000_000 + 5} {json.dumps(message)}"


#: Differences from before the snapshot that still count, one that does not, and the venue's own top throughout.
WHOLE = [
    depth(1, 5, at=0),
    depth(6, 12, bids=[["10.0", "2.0"]], at=100),
    ticker(11, "10.0", "2.0", "11.0", "1.0", at=110),
    snapshot(10, [["10.0", "1.0"], ["9.0", "1.0"]], [["11.0", "1.0"]], at=120),
    trade("10.0", "0.5", at=150),
    depth(13, 14, asks=[["10.5", "3.0"]], at=200),
    ticker(14, "10.0", "2.0", "10.5", "3.0", at=200),
    depth(15, 20, bids=[["10.0", "0"]], at=300),
    ticker(19, "9.0", "1.0", "10.5", "3.0", at=300),
    ticker(21, "9.0", "1.0", "10.5", "2.0", at=310),
]


def write(path, lines):
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path

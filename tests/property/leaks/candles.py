"""One bar too far: off by one, the bar's own high, the other side of a comparison."""

import numpy as np

from tests.property.leaks import honest, leak


def shifted(values, bars):
    out = np.full(len(values), np.nan)
    if bars > 0:
        out[bars:] = values[:-bars] if bars < len(values) else []
    elif bars < 0:
        out[:bars] = values[-bars:]
    else:
        out[:] = values
    return out


@leak("single candle")
def the_next_close(c):
    return {"signal": np.sign(shifted(c["close"], -1) - c["close"])}


@leak("single candle")
def the_next_open(c):
    return {"gap": shifted(c["open"], -1) / c["close"] - 1}


@leak("single candle, rarely")
def the_next_bar_only_where_it_falls_hard(c):
    ahead = shifted(c["close"], -1) / c["close"] - 1
    return {"signal": np.where(ahead < -0.2, -1.0, 0.0)}


@leak("single candle, and the last one hidden")
def the_next_close_with_the_last_one_repeated(c):
    return {"level": np.append(c["close"][1:], c["close"][-1:])}


@leak("far ahead")
def twenty_bars_on(c):
    return {"trend": np.nan_to_num(shifted(c["close"], -20) / c["close"] - 1)}


@leak("exit callback that sees the high", decided_at="open")
def an_exit_at_the_open_on_a_target_that_the_bar_s_high_reaches(c):
    entry = shifted(c["close"], 1)
    return {"exit": (c["high"] > entry * 1.01).astype(float)}


@leak("exit callback that sees the low", decided_at="open")
def a_stop_that_knows_the_low_before_the_bar_trades(c):
    return {"exit": (c["low"] < shifted(c["close"], 1) * 0.99).astype(float)}


@leak("close at the open", decided_at="open")
def a_signal_of_the_close_that_trades_at_the_open(c):
    return {"signal": np.sign(c["close"] - c["open"])}


@leak("volume at the open", decided_at="open")
def today_s_volume_before_the_session(c):
    return {"busy": (c["volume"] > shifted(c["volume"], 1)).astype(float)}


@leak("pivot")
def a_swing_high_known_at_its_top(c):
    high = c["high"]
    after, before = shifted(high, -1), shifted(high, 1)
    return {"pivot": ((high > before) & (high > after)).astype(float)}


@leak("zigzag")
def a_zigzag_that_repaints(c):
    close, out = c["close"], np.zeros(len(c["close"]))
    turn, way = 0, 0
    for t in range(1, len(close)):
        move = close[t] / close[turn] - 1
        if way >= 0 and move < -0.02:
            out[turn], turn, way = 1.0, t, -1
        elif way <= 0 and move > 0.02:
            out[turn], turn, way = -1.0, t, 1
        elif move * way > 0:
            turn = t
    return {"turn": out}


@leak("label")
def the_label_left_among_the_features(c):
    forward = shifted(c["close"], -5) / c["close"] - 1
    return {"feature": np.where(np.isnan(forward), 0.0, np.tanh(forward * 50))}


@leak("running from the wrong end")
def a_sum_that_runs_from_the_end(c):
    return {"left": np.cumsum(c["volume"][::-1])[::-1]}


@leak("drawdown from a later peak")
def distance_from_the_highest_close_of_all(c):
    return {"below": c["close"] / np.nanmax(c["close"]) - 1}


@honest("the close before")
def yesterday_s_close(c):
    return {"level": shifted(c["close"], 1)}


@honest("the open is known at the open", decided_at="open")
def a_gap_that_trades_at_the_open(c):
    return {"gap": c["open"] / shifted(c["close"], 1) - 1}


@honest("a pivot told one bar late")
def a_swing_high_known_when_it_is_over(c):
    high = c["high"]
    before, top = shifted(high, 2), shifted(high, 1)
    return {"pivot": np.where((top > before) & (top > high), 1.0, 0.0)}


@honest("a peak so far")
def drawdown_so_far(c):
    return {"below": c["close"] / np.maximum.accumulate(c["close"]) - 1}

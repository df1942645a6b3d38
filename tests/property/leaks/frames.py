"""The whole frame at once: means, ranks, fits and filters that know how it ends."""

import numpy as np
import pandas as pd

from tests.property.leaks import honest, leak


def series(c, name="close"):
    return pd.Series(c[name])


@leak("full-frame normalisation")
def a_z_score_of_the_whole_frame(c):
    close = series(c)
    return {"z": (close - close.mean()) / close.std()}


@leak("full-frame normalisation")
def scaled_between_least_and_most(c):
    close = series(c)
    return {"scaled": (close - close.min()) / (close.max() - close.min())}


@leak("full-frame rank")
def a_percentile_of_the_whole_frame(c):
    return {"rank": series(c).rank(pct=True)}


@leak("full-frame quantile")
def a_threshold_from_all_returns(c):
    returns = series(c).pct_change()
    return {"big": (returns > returns.quantile(0.9)).astype(float)}


@leak("full-frame clip")
def outliers_clipped_at_quantiles_of_all(c):
    returns = series(c).pct_change()
    return {"clipped": returns.clip(returns.quantile(0.05), returns.quantile(0.95))}


@leak("centred window")
def a_centred_mean(c):
    return {"mean": series(c).rolling(5, center=True).mean()}


@leak("centred window")
def a_smooth_line_by_convolution(c):
    return {"mean": np.convolve(c["close"], np.ones(7) / 7, mode="same") if len(c["close"]) >= 7 else c["close"]}


@leak("filter run both ways")
def a_filter_without_lag(c):
    ahead = series(c).ewm(span=10, adjust=False).mean()
    return {"smooth": ahead[::-1].ewm(span=10, adjust=False).mean()[::-1]}


@leak("spectrum of the whole frame")
def a_low_pass_of_the_whole_frame(c):
    spectrum = np.fft.rfft(np.nan_to_num(c["close"]))
    spectrum[5:] = 0
    return {"cycle": np.fft.irfft(spectrum, len(c["close"]))}


@leak("trend of the whole frame")
def less_its_straight_line(c):
    close = c["close"]
    t = np.arange(len(close))
    return {"rest": close - np.polyval(np.polyfit(t, close, 1), t) if len(t) > 2 else close}


@leak("backfill")
def filled_from_behind(c):
    mean = series(c).rolling(10).mean()
    return {"mean": mean.bfill()}


@leak("backfill")
def holes_filled_from_behind(c):
    close = series(c).copy()
    close[np.arange(len(close)) % 7 == 3] = np.nan
    return {"level": close.bfill()}


@leak("interpolation")
def holes_filled_by_a_line_to_the_next(c):
    close = series(c).copy()
    close[np.arange(len(close)) % 7 == 3] = np.nan
    return {"level": close.interpolate()}


@leak("resample label")
def the_week_s_close_on_its_monday(c):
    weeks = np.arange(len(c["close"])) // 5
    return {"week": series(c).groupby(weeks).transform("last")}


@leak("resample label")
def the_week_s_high_on_each_of_its_days(c):
    weeks = np.arange(len(c["close"])) // 5
    return {"week": series(c, "high").groupby(weeks).transform("max")}


@leak("resample label")
def the_session_s_mean_price_at_its_first_bar(c):
    sessions = np.arange(len(c["close"])) // 8
    money = (series(c) * series(c, "volume")).groupby(sessions).transform("sum")
    return {"vwap": money / series(c, "volume").groupby(sessions).transform("sum")}


@leak("parameter from the whole frame")
def the_best_window_of_the_whole_sample(c):
    close = series(c)
    gains = {}
    for window in (3, 5, 10):
        held = (close > close.rolling(window).mean()).shift(1, fill_value=False)
        gains[window] = float((close.pct_change() * held).sum())
    best = max(gains, key=lambda window: gains[window])
    return {"signal": (close > close.rolling(best).mean()).astype(float)}


@leak("model fitted on the whole frame")
def a_regression_fitted_on_all_bars(c):
    returns = series(c).pct_change().fillna(0)
    past = returns.shift(1).fillna(0)
    slope = float((past * returns).sum() / max((past * past).sum(), 1e-30))
    return {"forecast": slope * returns}


@leak("volatility of the whole frame")
def sized_by_the_volatility_of_all_returns(c):
    returns = series(c).pct_change()
    return {"size": pd.Series(0.01 / returns.std(), index=returns.index) if len(returns) > 2 else returns}


@leak("adjustment by what comes")
def prices_adjusted_to_the_last_one(c):
    return {"adjusted": c["close"] / c["close"][-1]}


@leak("as-of join in the wrong direction")
def the_nearest_report_even_if_it_is_to_come(c):
    t = np.arange(len(c["close"]))
    reports = pd.DataFrame({"t": t[4::10], "value": c["close"][4::10]})
    if reports.empty:
        return {"report": np.full(len(t), np.nan)}
    joined = pd.merge_asof(pd.DataFrame({"t": t}), reports, on="t", direction="nearest")
    return {"report": joined["value"]}


@leak("length of the frame")
def closer_to_the_end_of_the_sample(c):
    length = len(c["close"])
    return {"signal": np.where(np.arange(length) > length - 5, 1.0, 0.0) + 0.0 * np.nan_to_num(c["close"])}


@honest("expanding, not whole")
def a_z_score_so_far(c):
    close = series(c)
    return {"z": (close - close.expanding().mean()) / close.expanding().std()}


@honest("filled from before")
def holes_filled_from_before(c):
    close = series(c).copy()
    close[np.arange(len(close)) % 7 == 3] = np.nan
    return {"level": close.ffill()}


@honest("weights that never end")
def an_exponential_mean(c):
    return {"mean": series(c).ewm(span=10).mean()}


@honest("the week so far")
def the_week_s_high_so_far(c):
    weeks = np.arange(len(c["close"])) // 5
    return {"week": series(c, "high").groupby(weeks).cummax()}


@honest("another order of additions")
def a_mean_by_matrix_product(c):
    runs = np.lib.stride_tricks.sliding_window_view(c["close"], 10) if len(c["close"]) >= 10 else np.empty((0, 10))
    return {"mean": np.concatenate([np.full(len(c["close"]) - len(runs), np.nan), runs @ np.full(10, 0.1)])}


@honest("an as-of join backwards")
def the_last_report(c):
    t = np.arange(len(c["close"]))
    reports = pd.DataFrame({"t": t[4::10], "value": c["close"][4::10]})
    if reports.empty:
        return {"report": np.full(len(t), np.nan)}
    return {"report": pd.merge_asof(pd.DataFrame({"t": t}), reports, on="t")["value"]}

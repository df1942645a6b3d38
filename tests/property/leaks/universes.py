"""Many symbols: chosen, weighted and compared by what becomes of them."""

import numpy as np

from tests.property.leaks import honest, leak


@leak("future universe", panel=True)
def the_symbols_that_are_largest_in_the_end(c):
    chosen = np.argsort(c["close"][-1])[-2:]
    return {"index": c["close"][:, chosen].mean(axis=1)}


@leak("future universe", panel=True)
def only_symbols_that_trade_to_the_end(c):
    alive = ~np.isnan(c["close"]).any(axis=0)
    return {"index": np.where(alive, c["close"], 0.0).sum(axis=1)}


@leak("weights from the whole sample", panel=True)
def weights_by_the_correlation_of_the_whole_sample(c):
    returns = np.diff(np.log(c["close"]), axis=0, prepend=np.nan)[1:]
    if len(returns) < 4:
        return {"index": c["close"].mean(axis=1)}
    weights = np.corrcoef(returns.T).sum(axis=0)
    return {"index": c["close"] @ (weights / weights.sum())}


@leak("components of the whole sample", panel=True)
def the_first_component_of_all_returns(c):
    returns = np.diff(np.log(c["close"]), axis=0, prepend=np.log(c["close"][:1]))
    if len(returns) < 4:
        return {"factor": returns.sum(axis=1)}
    _, _, components = np.linalg.svd(np.nan_to_num(returns - returns.mean(axis=0)), full_matrices=False)
    return {"factor": np.abs(returns @ components[0])}


@leak("another symbol's next bar", panel=True)
def a_pair_whose_other_leg_is_a_bar_ahead(c):
    other = np.append(c["close"][1:, 1], c["close"][-1:, 1])
    return {"spread": c["close"][:, 0] / other}


@honest("the largest now", panel=True)
def the_symbols_that_are_largest_now(c):
    return {"index": np.sort(c["close"], axis=1)[:, -2:].mean(axis=1)}

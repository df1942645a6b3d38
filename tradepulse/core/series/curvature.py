"""Ollivier's curvature of the graphs that prices walk on.

The graph of a stretch of prices has the price levels as nodes and an edge between two levels wherever one close was on
the one and the next on the other. From a node a walker steps to each neighbour with equal chance; the curvature of an
edge is ``1 - W``, with W the least mean distance over which the walker's next place must be moved to turn that of one
end into that of the other (Wasserstein-1, in steps of the graph).

References
----------
Ollivier, Y. (2009). Ricci curvature of Markov chains on metric spaces. Journal of Functional Analysis 256(3), 810-864.
Jost, J. and Liu, S. (2014). Ollivier's Ricci curvature, local clustering and curvature-dimension inequalities on
graphs. Discrete and Computational Geometry 51(2), 300-322.
"""

import numpy as np

from tradepulse.core.series.kernels import Values, kernel


@kernel(outputs=2, long=400)
def curvatures(values: Values, height: Values, average: Values, lowest: Values, window: int, lag: int) -> None:
    """Fill mean and least curvature of the graph of the last ``window`` values, or of its change.

    ``curvatures((values, height), window, lag)``: the level of a value is how many heights of the present bar it
    holds, rounded down. With a lag of 0 the curvature is that of the graph's edges. With another it is that of each
    node's way from the graph of ``lag`` bars ago to the present one: ``1 - W`` between the walkers of the two graphs,
    in steps of both graphs together; nodes that are not in both are left out. NaN in the first ``window - 1 + lag``
    bars, where a value is NaN, where there is no edge or node to look at, and where there are more than 62 levels (a
    set of nodes is the bits of one integer).
    """
    length, span = len(values), window + lag
    names = np.zeros(span, dtype=np.int64)
    places = np.zeros(span, dtype=np.int64)
    now = np.zeros(64, dtype=np.int64)
    then = np.zeros(64, dtype=np.int64)
    mass = np.zeros(64, dtype=np.int64)
    far = np.zeros(64, dtype=np.int64)
    came = np.zeros(64, dtype=np.int64)
    side = np.zeros(64, dtype=np.int64)
    steps = np.zeros((64, 64), dtype=np.int64)
    moved = np.zeros((64, 64), dtype=np.int64)
    known = 0
    for t in range(length):
        average[t] = lowest[t] = np.nan
        known = known + 1 if values[t] == values[t] else 0
        if known < span or not height[t] > 0:
            continue
        # Number the levels in the order of their first visit, and note each node's neighbours as bits.
        nodes = 0
        for i in range(span):
            name = int(np.floor(values[t - span + 1 + i] / height[t]))
            place = 0
            while place < nodes and names[place] != name:
                place += 1
            if place == nodes:
                if nodes == 62:
                    nodes += 1
                    break
                names[nodes] = name
                now[nodes] = then[nodes] = 0
                nodes += 1
            places[i] = place
        if nodes > 62:
            continue
        for i in range(1, span):
            a, b = places[i - 1], places[i]
            if a != b:
                if i > lag:
                    now[a] |= 1 << b
                    now[b] |= 1 << a
                if lag and i < window:
                    then[a] |= 1 << b
                    then[b] |= 1 << a
        total, least, count = 0.0, 2.0, 0
        for x in range(nodes):
            for y in range(x + 1 if lag == 0 else x, nodes if lag == 0 else x + 1):
                if lag == 0:
                    if not (now[x] >> y) & 1:
                        continue
                    ours, theirs = now[x], now[y]
                else:
                    ours, theirs = then[x], now[x]
                    if ours == 0 or theirs == 0:
                        continue
                n_ours, n_theirs = 0, 0
                for u in range(nodes):
                    n_ours += (ours >> u) & 1
                    n_theirs += (theirs >> u) & 1
                # Masses in whole numbers. What is in both places stays where it is, which is never worse; of the rest,
                # sources have too much and sinks too little, and no distance is above 3.
                left = 0
                for u in range(nodes):
                    mass[u] = n_theirs * ((ours >> u) & 1) - n_ours * ((theirs >> u) & 1)
                    side[u] = 1 if mass[u] > 0 else (-1 if mass[u] < 0 else 0)
                    if mass[u] > 0:
                        left += mass[u]
                for u in range(nodes):
                    near = now[u] | then[u]
                    for v in range(nodes):
                        moved[u, v] = 0
                        if side[u] > 0 and side[v] < 0:
                            steps[u, v] = 1 if (near >> v) & 1 else (2 if near & (now[v] | then[v]) else 3)
                cost = 0
                # Successive shortest paths: from a source to a sink, and back where mass has been moved before.
                while left > 0:
                    for u in range(nodes):
                        far[u] = 0 if mass[u] > 0 else 1_000_000
                        came[u] = -1
                    changed = True
                    while changed:
                        changed = False
                        for u in range(nodes):
                            if side[u] <= 0:
                                continue
                            for v in range(nodes):
                                if side[v] >= 0:
                                    continue
                                if far[u] + steps[u, v] < far[v]:
                                    far[v] = far[u] + steps[u, v]
                                    came[v] = u
                                    changed = True
                                if moved[u, v] > 0 and far[v] - steps[u, v] < far[u]:
                                    far[u] = far[v] - steps[u, v]
                                    came[u] = v
                                    changed = True
                    goal = -1
                    for v in range(nodes):
                        if mass[v] < 0 and (goal < 0 or far[v] < far[goal]):
                            goal = v
                    amount, v = -mass[goal], goal
                    while came[v] >= 0:
                        u = came[v]
                        if side[u] < 0 and moved[v, u] < amount:
                            amount = moved[v, u]
                        v = u
                    amount = min(amount, mass[v])
                    mass[v] -= amount
                    mass[goal] += amount
                    left -= amount
                    cost += amount * far[goal]
                    v = goal
                    while came[v] >= 0:
                        u = came[v]
                        if side[u] > 0:
                            moved[u, v] += amount
                        else:
                            moved[v, u] -= amount
                        v = u
                curvature = 1.0 - cost / (n_ours * n_theirs)
                total += curvature
                count += 1
                if curvature < least:
                    least = curvature
        if count:
            average[t], lowest[t] = total / count, least

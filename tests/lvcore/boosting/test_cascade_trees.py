"""The trees of `_core.train_cascade` against Gentle AdaBoost by its definition."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol import _core
from tests.support.plain_cascade import all_features, clutter, discs, in_subset, lbp_codes, parse


def best_split(codes, y, w):
    """The first best (feature, left codes) by weighted squared error, from every candidate set."""
    best = (np.inf, None, None)
    for feature, row in enumerate(codes):
        weight = np.bincount(row, w, 256)
        mean = np.bincount(row, w * y, 256) / np.where(weight > 0, weight, 1)
        order = np.lexsort((np.arange(256), mean))
        for cut in range(1, 256):
            left = np.isin(row, order[:cut])
            if not left.any() or left.all():
                continue
            error = sum(
                np.sum(w[s] * (y[s] - np.average(y[s], weights=w[s])) ** 2) for s in (left, ~left)
            )
            if error < best[0] - 1e-12:
                best = (error, feature, set(order[:cut].tolist()))
    return best


def check_tree(tree, codes, y, w, depth):
    """Compare one tree with the definition; return the leaf of each sample."""
    nodes, leaves = tree
    at = np.zeros(len(y), np.int64)
    depths = {0: 0}
    for n, node in enumerate(nodes):
        here = at == n
        error, feature, left = best_split(codes[:, here], y[here], w[here])
        assert node[2] == feature
        assert {c for c in range(256) if in_subset(node[3:], np.array(c))} == left
        inside = in_subset(node[3:], codes[feature])
        at[here & inside] = node[0]
        at[here & ~inside] = node[1]
        depths |= {node[0]: depths[n] + 1, node[1]: depths[n] + 1}
        # Leaves are 0 and below; keep what is done apart from node 0.
        at[here & (at <= 0)] -= 1000
        assert error >= 0
    leaf = -(at + 1000)
    assert max(depths.values()) <= depth
    for n, value in enumerate(leaves):
        assert value == pytest.approx(np.average(y[leaf == n], weights=w[leaf == n]), abs=1e-6)
    return leaf


@pytest.mark.parametrize(("depth", "count"), [(1, 80), (2, 150)])
def test_trees_are_gentle_adaboosts(depth, count):
    side = 6
    positives = discs(count, side, noise=90)
    negatives = clutter(60, (side, side), noise=90)
    weights = np.random.default_rng(5).uniform(0.5, 2, count)
    cascade = _core.train_cascade(
        positives, negatives, weights=weights, stages=1, max_trees=3, depth=depth, weight_trim=1,
        negatives=60, max_false_alarm_rate=1e-9, min_hit_rate=1.0,
    )  # fmt: skip
    features, ((_, trees),) = parse(cascade)
    assert len(trees) == 3
    samples = np.concatenate([positives, negatives])
    everything = all_features(side)
    codes = np.array([lbp_codes(samples, f) for f in everything])
    y = np.repeat([1.0, -1.0], [count, 60])
    w = np.concatenate([weights / weights.sum(), np.full(60, 1 / 60)]) / 2
    for nodes, leaves in trees:
        nodes[:, 2] = [everything.index(features[f]) for f in nodes[:, 2]]
        leaf = check_tree((nodes, leaves), codes, y, w, depth)
        w = w * np.exp(-y * leaves[leaf])
        w /= w.sum()


def test_trimming_drops_the_lightest_samples_from_the_search_only():
    side = 7
    positives, negatives = discs(60, side, noise=60), clutter(60, (side, side), noise=60)
    weights = np.where(np.arange(60) < 20, 0.01, 1.0)  # 0.2 of 40.2: half a percent of a half
    cascade = _core.train_cascade(
        positives, negatives, weights=weights, stages=1, max_trees=1, weight_trim=0.99,
        negatives=60, max_false_alarm_rate=1e-9,
    )  # fmt: skip
    features, ((_, ((nodes, leaves),)),) = parse(cascade)
    samples = np.concatenate([positives, negatives])
    y = np.repeat([1.0, -1.0], [60, 60])
    w = np.concatenate([weights / weights.sum(), np.full(60, 1 / 60)]) / 2
    kept = np.concatenate([np.arange(60) >= 20, np.ones(60, bool)])
    everything = all_features(side)
    codes = np.array([lbp_codes(samples, f) for f in everything])
    _, feature, left = best_split(codes[:, kept], y[kept], w[kept])
    assert features[nodes[0, 2]] == everything[feature]
    assert {c for c in range(256) if in_subset(nodes[0, 3:], np.array(c))} == left
    inside = np.isin(codes[feature], list(left))
    assert leaves[0] == pytest.approx(np.average(y[inside], weights=w[inside]), abs=1e-6)
    assert leaves[1] == pytest.approx(np.average(y[~inside], weights=w[~inside]), abs=1e-6)

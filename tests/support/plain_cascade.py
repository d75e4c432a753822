"""Cascades evaluated in plain Python, and images to train them on."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from lvvol.cascade import cascade_to_xml

SIDE = 12


def parse(cascade):
    """Features (x, y, width, height) and stages (threshold, [(nodes, leaves)]) of a cascade."""
    root = ET.fromstring(cascade_to_xml(cascade))[0]
    features = [tuple(map(int, f.text.split())) for f in root.iter("rect")]
    stages = []
    for stage in root.find("stages"):
        trees = []
        for tree in stage.find("weakClassifiers"):
            nodes = np.array(tree.find("internalNodes").text.split(), np.int64).reshape(-1, 11)
            leaves = np.array(tree.find("leafValues").text.split(), np.float64).astype(np.float32)
            trees.append((nodes, leaves))
        stages.append((np.float32(stage.find("stageThreshold").text), trees))
    return features, stages


def lbp_codes(windows, feature):
    """Codes of one feature in windows (n, row, column)."""
    x, y, width, height = feature
    crop = windows[:, y : y + 3 * height, x : x + 3 * width].astype(np.int64)
    cells = crop.reshape(-1, 3, height, 3, width).sum(axis=(2, 4))
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    return sum(
        (cells[:, r, c] >= cells[:, 1, 1]).astype(np.int64) << (7 - bit)
        for bit, (r, c) in enumerate(around)
    )


def in_subset(words, codes):
    bits = np.asarray(words, np.int64)[codes >> 5] & 0xFFFFFFFF
    return (bits >> (codes & 31)) & 1 == 1


def leaves_of(tree, features, windows):
    """The leaf that each window reaches."""
    nodes, _ = tree
    at = np.zeros(len(windows), np.int64)
    leaf = np.full(len(windows), -1)
    for n, node in enumerate(nodes):
        here = (at == n) & (leaf < 0)
        inside = in_subset(node[3:], lbp_codes(windows, features[node[2]]))
        to = np.where(inside, node[0], node[1])
        leaf[here & (to <= 0)] = -to[here & (to <= 0)]
        at[here & (to > 0)] = to[here & (to > 0)]
    return leaf


def stage_scores(stage, features, windows):
    scores = np.zeros(len(windows))
    for tree in stage[1]:
        scores += tree[1][leaves_of(tree, features, windows)].astype(np.float64)
    return scores


def passing(cascade, windows):
    """Which windows pass after each stage, (stage, window)."""
    features, stages = parse(cascade)
    alive = np.ones(len(windows), bool)
    out = []
    for stage in stages:
        mark = np.float32(stage[0] - np.float32(1e-5))
        alive = alive & (stage_scores(stage, features, windows) >= mark)
        out.append(alive)
    return np.array(out)


def all_features(side):
    return [
        (x, y, w, h)
        for x in range(side)
        for y in range(side)
        for w in range(1, (side - x) // 3 + 1)
        for h in range(1, (side - y) // 3 + 1)
    ]


def discs(count, side=SIDE, seed=0, noise=40.0, at=(0.0, 0.0)):
    """Bright discs in dark rings with noise, slightly off centre."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] + 0.5
    out = []
    for _ in range(count):
        top, left = side / 2 + rng.normal(0, side / 40, 2) + at
        d = np.hypot(rows - top, columns - left) / (side * rng.uniform(0.22, 0.28))
        out.append(90 + 70 * (d < 1) - 60 * ((d >= 1) & (d < 1.5)))
    return np.clip(np.array(out) + rng.normal(0, noise, (count, side, side)), 0, 255).astype(
        np.uint8
    )


def clutter(count, shape, seed=1, noise=40.0):
    """Images of noise with bright and dark blobs."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    images = []
    for _ in range(count):
        image = np.full(shape, 90.0)
        for _ in range(shape[0] * shape[1] // 60):
            top, left, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(1, 5)
            image += rng.normal(0, 60) * (np.hypot(rows - top, columns - left) < r)
        images.append(np.clip(image + rng.normal(0, noise, shape), 0, 255).astype(np.uint8))
    return images


def windows_of(images, side=SIDE):
    """Every window of every image, unscaled."""
    return np.concatenate(
        [
            np.lib.stride_tricks.sliding_window_view(i, (side, side)).reshape(-1, side, side)
            for i in images
        ]
    )

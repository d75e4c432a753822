"""Cascade files that tests write themselves, without the writer of lvvol."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np


def random_cascade(
    seed: int,
    *,
    size: tuple[int, int] = (20, 24),
    stages: tuple[int, ...] = (3, 5, 9),
    nodes: int = 1,
    threshold: float = -0.3,
) -> bytes:
    """Return the XML of a cascade of random trees.

    `size` is (rows, columns) and `stages` the number of trees in each. A tree with several nodes is
    a chain: each node has a leaf on its left and the next node on its right.
    """
    rng = np.random.default_rng(seed)
    rows, columns = size
    features = []
    for _ in range(40):
        width, height = rng.integers(1, columns // 3 + 1), rng.integers(1, rows // 3 + 1)
        x, y = rng.integers(0, columns - 3 * width + 1), rng.integers(0, rows - 3 * height + 1)
        features.append(f"<_><rect>{x} {y} {width} {height}</rect></_>")
    text = ""
    for trees in stages:
        text += f"<_><maxWeakCount>{trees}</maxWeakCount>"
        text += f"<stageThreshold>{threshold}</stageThreshold><weakClassifiers>"
        for _ in range(trees):
            text += f"<_>{_random_tree(rng, nodes, len(features))}</_>"
        text += "</weakClassifiers></_>"
    return cascade_xml(stages=text, features="".join(features), height=rows, width=columns)


def _random_tree(rng: np.random.Generator, nodes: int, features: int) -> str:
    inner = []
    for i in range(nodes):
        right = i + 1 if i + 1 < nodes else -nodes
        subset = rng.integers(-(2**31), 2**31, 8)
        inner += [-i, right, rng.integers(features), *subset]
    leaves = rng.uniform(-1, 1, nodes + 1).astype(np.float32)
    return (
        f"<internalNodes>{' '.join(map(str, inner))}</internalNodes>"
        f"<leafValues>{' '.join(repr(float(leaf)) for leaf in leaves)}</leafValues>"
    )


def cascade_xml(
    *,
    stages: str = "<_><stageThreshold>0.</stageThreshold><weakClassifiers><_>"
    "<internalNodes>0 -1 0 -1 -1 -1 -1 -1 -1 -1 -1</internalNodes>"
    "<leafValues>1. -1.</leafValues></_></weakClassifiers></_>",
    features: str = "<_><rect>0 0 1 1</rect></_>",
    height: object = 3,
    width: object = 3,
    stage_type: str = "BOOST",
    feature_type: str = "LBP",
    categories: object = 256,
) -> bytes:
    """Return the XML of a cascade made of these parts; by default, every window passes."""
    return (
        '<?xml version="1.0"?>\n<opencv_storage>\n<cascade type_id="opencv-cascade-classifier">\n'
        f"<stageType>{stage_type}</stageType><featureType>{feature_type}</featureType>\n"
        f"<height>{height}</height><width>{width}</width>\n"
        f"<featureParams><maxCatCount>{categories}</maxCatCount></featureParams>\n"
        f"<stages>\n{stages}</stages>\n<features>\n{features}</features>\n"
        "</cascade>\n</opencv_storage>\n"
    ).encode()


def first_stages(path: Path, count: int) -> bytes:
    """Return the XML of the first stages of a cascade, which many more windows pass."""
    root = ET.parse(path).getroot()
    stages = root[0].find("stages")
    assert stages is not None
    for stage in list(stages)[count:]:
        stages.remove(stage)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)

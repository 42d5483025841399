from __future__ import annotations

import warnings

import numpy as np
import pytest

from app.bench.fbgemm import FbgemmBaseline
from core.engines.reference import ReferenceEngine
from core.golden import golden_clip


def test_the_historical_baseline_computes_our_network(networks) -> None:
    """Bytes for logits leave an error of half a level (0.2 %); everything before them agrees."""
    pytest.importorskip("torch")
    network, clip = networks.int8(), golden_clip("ordinary", networks.spec.clip_shape)
    expected = ReferenceEngine(network).logits(clip)
    low, high = float(expected.min()), float(expected.max())
    with warnings.catch_warnings():
        got = FbgemmBaseline(network, (low, high), 1).logits(clip)
    assert got.argmax() == expected.argmax()
    assert np.abs(got - expected).max() <= 0.003 * (high - low)

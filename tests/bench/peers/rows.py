"""Rows that can be learned, as multihead bench makes them: features in [-1, 1), labels that say whether one is above 0."""
from typing import Tuple

import numpy as np

from compare.shape import BATCHES, Shape


def make(shape: Shape, rank: int = 0, ranks: int = 1) -> Tuple[np.ndarray, np.ndarray]:
    """This rank's part of every batch: x [batches x rows x inputs], y [batches x rows x labels], both float32."""
    random = np.random.default_rng(1)
    x = random.random((BATCHES, shape.batch, shape.inputs), dtype=np.float32) * 2 - 1
    y = (x[:, :, np.arange(shape.labels) % shape.inputs] >= 0).astype(np.float32)
    part = slice(shape.batch * rank // ranks, shape.batch * (rank + 1) // ranks)
    return np.ascontiguousarray(x[:, part]), np.ascontiguousarray(y[:, part])

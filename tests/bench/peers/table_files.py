"""Writes the data set of the setting `input` in three layouts:  python -m peers.table_files FOLDER SHAPE ROWS"""
import os
import sys

import h5py
import numpy as np

from compare.shape import Shape

LAYOUTS = {
    "contiguous": {},
    "chunked": {"chunks": True},
    "gzip": {"chunks": True, "shuffle": True, "compression": "gzip"},
}
CHUNK_ROWS = 4096
BLOCK_ROWS = 1 << 17


def create(path: str, shape: Shape, rows: int, layout: dict) -> h5py.File:
    file = h5py.File(path, "w")
    for name, width, kind in (("features", shape.inputs, np.float32), ("labels", shape.labels, np.uint8)):
        chunks = {"chunks": (min(CHUNK_ROWS, rows), width)} if "chunks" in layout else {}
        file.create_dataset(name, (rows, width), kind, **{**layout, **chunks})
    return file


def main() -> None:
    folder, shape, rows = sys.argv[1], Shape.from_json(sys.argv[2]), int(sys.argv[3])
    files = {name: create(os.path.join(folder, f"{name}.h5"), shape, rows, layout) for name, layout in LAYOUTS.items()}
    random = np.random.default_rng(1)
    which = np.arange(shape.labels) % shape.inputs
    for first in range(0, rows, BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, rows)
        x = random.standard_normal((last - first, shape.inputs), dtype=np.float32)
        y = x[:, which] + 0.5 * x[:, which - 1] > 0
        for file in files.values():
            file["features"][first:last] = x
            file["labels"][first:last] = y
    for file in files.values():
        file.close()


if __name__ == "__main__":
    main()

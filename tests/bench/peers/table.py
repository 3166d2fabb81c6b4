"""An epoch of the hand-tuned model over an HDF5 file, read in slices of many batches."""
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, Tuple

import h5py
import numpy as np
import torch

from compare.shape import Shape
from peers.crew import Crew
from peers.network import adam
from peers.tuned import FlatModel, check

BATCHES_A_SLICE = 32


class Slice:
    """Rows of the file, in memory that is used again."""

    def __init__(self, rows: int, shape: Shape) -> None:
        self.x = np.empty((rows, shape.inputs), np.float32)
        self.labels = np.empty((rows, shape.labels), np.uint8)
        self.rows = 0

    def read(self, file: h5py.File, first: int, last: int) -> "Slice":
        self.rows = last - first
        file["features"].read_direct(self.x, np.s_[first:last], np.s_[: self.rows])
        file["labels"].read_direct(self.labels, np.s_[first:last], np.s_[: self.rows])
        return self

    def batches(self, rows: int) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
        x = torch.from_numpy(self.x[: self.rows])
        y = torch.from_numpy(self.labels[: self.rows])
        for first in range(0, self.rows, rows):
            yield x[first : first + rows], y[first : first + rows].float()


class Table:
    """A step of it is an epoch. Every process reads its own part of the rows."""

    def __init__(self, shape: Shape, crew: Crew, path: str) -> None:
        check(shape)
        self.shape, self.crew, self.path = shape, crew, path
        self.batch = shape.batch // crew.ranks
        self.model = FlatModel(shape, self.batch)
        self.adam = adam([self.model.parameters])

    def slices(self) -> Iterator[Slice]:
        """What an epoch goes over."""
        piece = Slice(self.batch * BATCHES_A_SLICE, self.shape)
        with h5py.File(self.path) as file:
            for first, last in self.parts(len(file["features"])):
                yield piece.read(file, first, last)

    def parts(self, rows: int) -> Iterator[Tuple[int, int]]:
        count = rows // self.crew.ranks  # the same on every rank, so that all of them take as many steps
        start = count * self.crew.rank
        for first in range(0, count, self.batch * BATCHES_A_SLICE):
            yield start + first, start + min(first + self.batch * BATCHES_A_SLICE, count)

    def step(self) -> float:
        losses = []
        for piece in self.slices():
            for x, y in piece.batches(self.batch):
                losses.append(self.model.backpropagate(x, y, 1 / (y.numel() * self.crew.ranks)))
                self.crew.add(self.model.gradient)
                self.adam.step()
        return float(np.mean(losses))


class TableAhead(Table):
    """A second thread reads the next slice meanwhile; h5py lets others run while HDF5 reads."""

    def slices(self) -> Iterator[Slice]:
        pieces = [Slice(self.batch * BATCHES_A_SLICE, self.shape) for _ in range(2)]
        with h5py.File(self.path) as file, ThreadPoolExecutor(1) as reader:
            parts = list(self.parts(len(file["features"])))
            coming = reader.submit(pieces[0].read, file, *parts[0])
            for i in range(len(parts)):
                piece = coming.result()
                if i + 1 < len(parts):
                    coming = reader.submit(pieces[(i + 1) % 2].read, file, *parts[i + 1])
                yield piece


class TableInMemory(Table):
    """Read once, before the first epoch."""

    def __init__(self, shape: Shape, crew: Crew, path: str) -> None:
        super().__init__(shape, crew, path)
        with h5py.File(path) as file:
            parts = list(self.parts(len(file["features"])))
            first, last = parts[0][0], parts[-1][1]
            self.whole = Slice(last - first, shape).read(file, first, last)

    def slices(self) -> Iterator[Slice]:
        yield self.whole

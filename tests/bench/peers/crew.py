"""The processes of a peer: rank 0 talks, the others do what it was asked for, and who waits leaves the cores alone."""
import time


class Crew:
    """One process."""

    rank = 0
    ranks = 1

    def share(self, count: int) -> int:
        """Rank 0's number, on all ranks."""
        return count

    def add(self, vector) -> None:
        """The sum over ranks of a float32 tensor, in place."""


class MpiCrew(Crew):
    """The processes of an mpirun."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self.comm = MPI.COMM_WORLD
        self.in_place = MPI.IN_PLACE
        self.rank = self.comm.Get_rank()
        self.ranks = self.comm.Get_size()

    def share(self, count: int) -> int:
        import numpy as np

        shared = np.array([count], dtype=np.int64)
        request = self.comm.Ibcast(shared)
        while not request.Test():  # Bcast would take a core while it waits
            time.sleep(0.001)
        return int(shared[0])

    def add(self, vector) -> None:
        self.comm.Allreduce(self.in_place, vector.numpy())


class GlooCrew(Crew):
    """The processes of torch.distributed, which meet at a file. Gloo sleeps while it waits."""

    def __init__(self, rank: int, ranks: int, meeting: str) -> None:
        import torch.distributed

        torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=ranks)
        self.rank = rank
        self.ranks = ranks

    def share(self, count: int) -> int:
        import torch

        shared = torch.tensor([count])
        torch.distributed.broadcast(shared, 0)
        return int(shared.item())

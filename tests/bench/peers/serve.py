"""A peer that stays warm and measures what it is asked for, as `multihead bench --requests` does:

    python -m peers.serve PEER SHAPE --threads N [--ranks 2] [--file DATA.h5]

A line 'step N' on stdin is answered by {"seconds": [N], "loss": of the last} on stdout.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict

from compare.shape import Shape
from peers.crew import Crew, GlooCrew, MpiCrew


def make_eager(shape: Shape, crew: Crew, options: argparse.Namespace) -> Any:
    from peers.modules import Eager

    return Eager(shape, crew)


def make_compiled(shape: Shape, crew: Crew, options: argparse.Namespace) -> Any:
    from peers.modules import Compiled

    return Compiled(shape, crew)


def make_ddp(shape: Shape, crew: Crew, options: argparse.Namespace) -> Any:
    from peers.modules import Parallel

    return Parallel(shape, crew)


def make_tuned(shape: Shape, crew: Crew, options: argparse.Namespace) -> Any:
    from peers.tuned import Tuned

    return Tuned(shape, crew)


def make_sklearn(shape: Shape, crew: Crew, options: argparse.Namespace) -> Any:
    from peers.perceptron import Perceptron

    return Perceptron(shape, crew)


def make_table(shape: Shape, crew: Crew, options: argparse.Namespace) -> Any:
    from peers import table

    kinds = {"h5py": table.Table, "h5py-ahead": table.TableAhead, "h5py-memory": table.TableInMemory}
    return kinds[options.peer](shape, crew, options.file)


# Imported when they are made: not everybody has everything.
PEERS: Dict[str, Callable[[Shape, Crew, argparse.Namespace], Any]] = {
    "eager": make_eager, "compiled": make_compiled, "ddp": make_ddp, "tuned": make_tuned, "sklearn": make_sklearn,
    "h5py": make_table, "h5py-ahead": make_table, "h5py-memory": make_table,
}


def read_request() -> int:
    """How many steps; 0 at the end."""
    line = sys.stdin.readline()
    word, _, count = line.partition(" ")
    if line and (word != "step" or int(count) < 1):
        raise ValueError(f"expected 'step N', got {line!r}")
    return int(count) if line else 0


def answer(message: Dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def serve(peer: Any, crew: Crew) -> None:
    while True:
        count = crew.share(read_request() if crew.rank == 0 else 0)
        if count == 0:
            return
        seconds, loss, start = [], 0.0, time.perf_counter()
        for _ in range(count):
            loss = peer.step()
            end = time.perf_counter()
            seconds.append(end - start)
            start = end
        if crew.rank == 0:
            answer({"seconds": seconds, "loss": loss})


def start_second(options: argparse.Namespace) -> "subprocess.Popen[bytes]":
    """Rank 1 of torch.distributed, on a core of its own like this one, which it meets at a file."""
    options.meeting = os.path.join(tempfile.mkdtemp(), "meeting")
    words = [sys.executable, "-m", "peers.serve", options.peer, options.shape, "--rank", "1", "--ranks", "2",
             "--threads", str(options.threads), "--meeting", options.meeting]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:2])
    second = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    os.sched_setaffinity(0, cores[:1])
    return second


def make_crew(options: argparse.Namespace) -> Crew:
    if options.ranks == 1:
        return Crew()
    if options.peer == "ddp":
        return GlooCrew(options.rank, options.ranks, options.meeting)
    return MpiCrew()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("shape")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--rank", type=int, default=0, help="of ddp")
    parser.add_argument("--meeting", help="of ddp")
    parser.add_argument("--file", help="of h5py")
    return parser.parse_args()


def main() -> None:
    options = parse()
    second = start_second(options) if options.peer == "ddp" and options.rank == 0 else None
    if options.peer != "sklearn":
        import torch

        torch.set_num_threads(options.threads)
        version = f"PyTorch {torch.__version__}"
    else:
        import sklearn

        version = f"scikit-learn {sklearn.__version__}"
    crew = make_crew(options)
    peer = PEERS[options.peer](Shape.from_json(options.shape), crew, options)
    if crew.rank == 0:
        answer({"ready": version})
    serve(peer, crew)
    if second is not None:
        second.wait(timeout=30)


if __name__ == "__main__":
    main()

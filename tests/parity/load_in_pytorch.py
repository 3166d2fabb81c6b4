#!/usr/bin/env python3
"""Loads model.h5 into the tutorial's two PyTorch models and compares their probabilities with `multihead predict`.

    load_in_pytorch.py PROGRAM

Exit code 77, which ctest takes for "skipped", where there is no PyTorch or h5py.
"""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import torch
    from torch import nn
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)


class Trunk(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.fc1 = nn.Linear(12, 32)
        self.fc2 = nn.Linear(32, 64)
        self.fc3 = nn.Linear(64, 128)
        self.fc4 = nn.Linear(128, 256)
        self.out1 = nn.Linear(256, outputs)
        self.out2 = nn.Linear(256, outputs)
        self.out3 = nn.Linear(256, outputs)
        self.out4 = nn.Linear(256, outputs)
        self.out5 = nn.Linear(256, outputs)

    def forward(self, x):
        for layer in self.fc1, self.fc2, self.fc3, self.fc4:
            x = torch.relu(layer(x))
        return [self.activation(out(x)) for out in (self.out1, self.out2, self.out3, self.out4, self.out5)]


class BinaryModel(Trunk):
    """The tutorial's MultiHeadBinaryModel."""

    def __init__(self):
        super().__init__(1)

    def activation(self, logits):
        return torch.sigmoid(logits)


class MultiModel(Trunk):
    """The tutorial's multi-category model, on raw logits."""

    def __init__(self):
        super().__init__(2)

    def activation(self, logits):
        return torch.softmax(logits, dim=1)


class SigmoidMultiModel(MultiModel):
    """The same as published: a sigmoid comes before the softmax of the loss."""

    def activation(self, logits):
        return torch.softmax(torch.sigmoid(logits), dim=1)


def run(program, words):
    done = subprocess.run([program, *words.split()], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"multihead {words}\nexit code {done.returncode}\n{done.stderr}")


def distance(program, model, options):
    """The largest difference of a probability, over 1,000 rows."""
    run(program, f"train --data d.h5 --epochs 3 --resume none {options}")
    run(program, "predict --model outputs/run/model.h5 --data d.h5 --output p.h5")

    with h5py.File("outputs/run/model.h5") as f:
        model.load_state_dict({k: torch.from_numpy(v[...]) for k, v in f["model"].items()})

    with h5py.File("d.h5") as f:
        x = torch.from_numpy(f["features"][...])
    with h5py.File("p.h5") as f:
        ours = torch.from_numpy(f["probabilities"][...])
    with torch.no_grad():
        theirs = torch.cat(model(x), dim=1)
    if ours.shape != theirs.shape:
        sys.exit(f"shapes differ: {tuple(ours.shape)} and {tuple(theirs.shape)}")
    return (ours - theirs).abs().max().item()


def main():
    program = os.path.abspath(sys.argv[1])
    cases = [
        ("binary", BinaryModel(), "--heads binary"),
        ("softmax", MultiModel(), "--heads softmax"),
        ("softmax on sigmoids", SigmoidMultiModel(), "--heads softmax --head-activation sigmoid"),
    ]
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run(program, "generate --output d.h5 --samples 1000")
        for name, model, options in cases:
            farthest = distance(program, model, options)
            print(f"{name}: probabilities differ by at most {farthest:.1e}")
            if not farthest < 1e-6:  # some float32 roundings
                status = 1
        os.chdir("/")
    return status


if __name__ == "__main__":
    sys.exit(main())

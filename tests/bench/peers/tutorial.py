"""The tutorial's script as its readers run it: makes the data, trains, draws the loss curve, saves the weights.

    python -m peers.tutorial FOLDER --threads N --samples 10000 --epochs 100

Its loss is the right one (the published script broadcast targets of shape (N) against outputs of shape (N, 1), which
newer versions of PyTorch refuse). The last line on stdout is {"data": seconds, "loop": seconds, "loss": of the last
epoch}: making the data takes scikit-learn longer than one would think.
"""
import argparse
import json
import os
import time
from typing import Dict, List

import numpy as np
import torch
from sklearn.datasets import make_multilabel_classification
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

LABELS = 5


class Rows(Dataset):
    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Dict[str, torch.Tensor]:
        row = {"features": torch.tensor(self.x[index, :], dtype=torch.float32)}
        for label in range(LABELS):
            row[f"label{label + 1}"] = torch.tensor(self.y[index, label], dtype=torch.float32)
        return row


class MultiHeadBinaryModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(12, 32)
        self.fc2 = nn.Linear(32, 64)
        self.fc3 = nn.Linear(64, 128)
        self.fc4 = nn.Linear(128, 256)
        self.out1 = nn.Linear(256, 1)
        self.out2 = nn.Linear(256, 1)
        self.out3 = nn.Linear(256, 1)
        self.out4 = nn.Linear(256, 1)
        self.out5 = nn.Linear(256, 1)

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        for layer in (self.fc1, self.fc2, self.fc3, self.fc4):
            x = functional.relu(layer(x))
        return [torch.sigmoid(out(x)) for out in (self.out1, self.out2, self.out3, self.out4, self.out5)]


def train_epoch(model: MultiHeadBinaryModel, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    running = 0.0
    for batch in loader:
        optimizer.zero_grad()
        outputs = model(batch["features"])
        losses = [nn.BCELoss()(outputs[i], batch[f"label{i + 1}"].unsqueeze(1)) for i in range(LABELS)]
        loss = sum(losses) / LABELS
        running += loss.item()
        loss.backward()
        optimizer.step()
    return running / len(loader)


def draw(losses: List[float], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.figure(figsize=(10, 7))
    pyplot.plot(losses, color="orange", label="train loss")
    pyplot.xlabel("Epochs")
    pyplot.ylabel("Loss")
    pyplot.legend()
    pyplot.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    os.makedirs(options.folder, exist_ok=True)

    start = time.perf_counter()
    x, y = make_multilabel_classification(n_samples=options.samples, n_features=12, n_classes=LABELS, n_labels=2,
                                          random_state=1)
    data = time.perf_counter() - start
    loader = DataLoader(Rows(x[:-100], y[:-100]), batch_size=1024, shuffle=False)
    model = MultiHeadBinaryModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    start, losses = time.perf_counter(), []
    for epoch in range(options.epochs):
        losses.append(train_epoch(model, loader, optimizer))
        print(f"epoch {epoch + 1} of {options.epochs}: train loss {losses[-1]:.4f}")
    loop = time.perf_counter() - start
    draw(losses, os.path.join(options.folder, "loss.png"))
    torch.save(model.state_dict(), os.path.join(options.folder, "model.pth"))
    print(json.dumps({"data": data, "loop": loop, "loss": losses[-1]}))


if __name__ == "__main__":
    main()

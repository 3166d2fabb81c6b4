#!/usr/bin/env python3
"""With three of ten labels missing, training equals a float64 numpy reference of the masked loss, Adam and LAMB.

    masked_loss.py PROGRAM

Trains a model with heads of both kinds for three epochs of small batches, from weights that are known, and compares
the loss of each epoch, the weights at the end and what `evaluate` says of them with the same written out in numpy:
forward, the mean over each head's labelled rows of the batch, the mean over heads, backward, Adam or LAMB.

Exit code 77, which ctest takes for "skipped", where there is no numpy or h5py.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

ROWS, INPUTS, HIDDEN = 211, 7, [12, 9]
CLASSES = [2, 3, 2, 5, 2]  # a head of two classes is binary, with one output
BATCH_SIZE, EPOCHS, RATE, LAMB_DECAY = 32, 3, 0.01, 0.1
MISSING = 99

# The program computes in float32: losses are means of terms that are right to 1e-7 or so. Adam divides each gradient
# by its own size, so where a gradient is next to 0 its rounding moves a weight by more: after 21 steps of 0.01, about
# 1e-5 for a few of them. To count missing labels as rows moves weights by 1e-2.
LOSS_TOLERANCE, WEIGHT_TOLERANCE = 2e-6, 5e-5


def outputs_of(classes):
    return 1 if classes == 2 else classes


def make_data(random):
    """Labels that have to do with the features, and know nothing of three in ten."""
    x = random.normal(size=(ROWS, INPUTS)).astype(np.float32)
    y = np.empty((ROWS, len(CLASSES)), np.int64)
    for head, classes in enumerate(CLASSES):
        scores = x.astype(np.float64) @ random.normal(size=(INPUTS, classes)) + random.gumbel(size=(ROWS, classes))
        y[:, head] = scores.argmax(axis=1)
    y[random.random(size=y.shape) < 0.3] = MISSING
    y[:BATCH_SIZE, 2] = MISSING  # the first batch knows nothing at all of one head
    with h5py.File("d.h5", "w") as f:
        f["features"] = x
        labels = f.create_dataset("labels", data=y.astype(np.uint8))
        labels.attrs["missing_value"] = MISSING
        labels.attrs["num_classes"] = CLASSES
    return x.astype(np.float64), y


def make_weights(random):
    """Float32 numbers, so that both begin at the very same ones."""
    weights, inputs = {}, INPUTS
    shapes = [(f"fc{i + 1}", width) for i, width in enumerate(HIDDEN)]
    shapes += [(f"out{h + 1}", outputs_of(classes)) for h, classes in enumerate(CLASSES)]
    for name, outputs in shapes:
        scale = 1 / np.sqrt(inputs)
        weights[f"{name}.weight"] = (scale * random.normal(size=(outputs, inputs))).astype(np.float32)
        weights[f"{name}.bias"] = (scale * random.normal(size=outputs)).astype(np.float32)
        if name.startswith("fc"):
            inputs = outputs
    with h5py.File("init.h5", "w") as f:
        for name, values in weights.items():
            f[f"model/{name}"] = values
    return {name: values.astype(np.float64) for name, values in weights.items()}


# ---- the reference ----


def forward(weights, x):
    """What each layer gives, the features first; then the logits of each head."""
    layers = [x]
    for i in range(len(HIDDEN)):
        layers.append(np.maximum(layers[-1] @ weights[f"fc{i + 1}.weight"].T + weights[f"fc{i + 1}.bias"], 0))
    logits = [layers[-1] @ weights[f"out{h + 1}.weight"].T + weights[f"out{h + 1}.bias"] for h in range(len(CLASSES))]
    return layers, logits


def head_loss(logits, labels):
    """The mean cross entropy over labelled rows, and its slopes; 0 where none is labelled."""
    known = labels != MISSING
    slopes = np.zeros_like(logits)
    if not known.any():
        return 0.0, slopes
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])  # the logistic function is the softmax of (0, z)
    z, truth = logits[known], labels[known]
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    of_logits = (np.exp(log_p) - np.eye(z.shape[1])[truth]) / known.sum()
    slopes[known] = of_logits[:, -slopes.shape[1]:]
    return -log_p[np.arange(len(truth)), truth].mean(), slopes


def loss_and_gradient(weights, x, y):
    layers, logits = forward(weights, x)
    gradient, loss, down = {}, 0.0, np.zeros_like(layers[-1])
    for h in range(len(CLASSES)):
        own, slopes = head_loss(logits[h], y[:, h])
        loss += own / len(CLASSES)
        slopes = slopes / len(CLASSES)
        gradient[f"out{h + 1}.weight"] = slopes.T @ layers[-1]
        gradient[f"out{h + 1}.bias"] = slopes.sum(axis=0)
        down += slopes @ weights[f"out{h + 1}.weight"]
    for i in reversed(range(len(HIDDEN))):
        down = down * (layers[i + 1] > 0)
        gradient[f"fc{i + 1}.weight"] = down.T @ layers[i]
        gradient[f"fc{i + 1}.bias"] = down.sum(axis=0)
        down = down @ weights[f"fc{i + 1}.weight"]
    return loss, gradient


def direction(name, g, first, second, step, epsilon):
    first[name] = 0.9 * first[name] + 0.1 * g
    second[name] = 0.999 * second[name] + 0.001 * g * g
    return first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + epsilon)


def adam(weights, gradient, first, second, step):
    for name, g in gradient.items():
        weights[name] -= RATE * direction(name, g, first, second, step, 1e-8)


def lamb(weights, gradient, first, second, step):
    """Biases go without the trust ratio."""
    for name, g in gradient.items():
        update = direction(name, g, first, second, step, 1e-6) + LAMB_DECAY * weights[name]
        lengths = np.linalg.norm(weights[name]), np.linalg.norm(update)
        trust = lengths[0] / lengths[1] if weights[name].ndim > 1 and min(lengths) > 0 else 1
        weights[name] -= RATE * trust * update


OPTIMIZERS = {"adam": (adam, ""), "lamb": (lamb, f" --weight-decay {LAMB_DECAY}")}


def train_reference(step_of, weights, x, y):
    """Returns the loss of each epoch, the mean over its batches."""
    first = {name: np.zeros_like(values) for name, values in weights.items()}
    second = {name: np.zeros_like(values) for name, values in weights.items()}
    losses, step = [], 0
    for _ in range(EPOCHS):
        of_batches = []
        for begin in range(0, ROWS, BATCH_SIZE):
            part = slice(begin, begin + BATCH_SIZE)
            loss, gradient = loss_and_gradient(weights, x[part], y[part])
            of_batches.append(loss)
            step += 1
            step_of(weights, gradient, first, second, step)
        losses.append(np.mean(of_batches))
    return losses


# ---- the comparison ----


def run(program, words):
    done = subprocess.run([program, *words.split()], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"multihead {words}\nexit code {done.returncode}\n{done.stderr}")
    return done.stdout


def compare(what, distance, tolerance):
    print(f"{what}: differs by at most {distance:.1e}")
    return distance < tolerance


def compare_optimizer(program, name):
    """Stands in a folder of its own."""
    random = np.random.default_rng(1)
    x, y = make_data(random)
    weights = make_weights(random)
    step_of, options = OPTIMIZERS[name]
    run(program, f"train --data d.h5 --hidden {','.join(map(str, HIDDEN))} --init init.h5 --epochs {EPOCHS} "
                 f"--batch-size {BATCH_SIZE} --learning-rate {RATE} --shuffle no --replicas 1 --run {name} "
                 f"--optimizer {name}{options}")
    evaluation = json.loads(run(program, f"evaluate --model outputs/{name}/model.h5 --data d.h5 --json -"))
    losses = train_reference(step_of, weights, x, y)

    with open(f"outputs/{name}/history.csv") as f:
        history = [float(line["train_loss"]) for line in csv.DictReader(f)]
    with h5py.File(f"outputs/{name}/model.h5") as f:
        ours = {tensor: f[f"model/{tensor}"][...].astype(np.float64) for tensor in weights}
    whole, _ = loss_and_gradient(weights, x, y)
    heads = [head_loss(logits, y[:, h])[0] for h, logits in enumerate(forward(weights, x)[1])]

    return all([
        len(history) == EPOCHS,
        compare(f"{name}, loss of an epoch", max(abs(a - b) for a, b in zip(history, losses)), LOSS_TOLERANCE),
        compare(f"{name}, weights", max(abs(ours[t] - weights[t]).max() for t in weights), WEIGHT_TOLERANCE),
        compare(f"{name}, loss of evaluate", abs(evaluation["loss"] - whole), LOSS_TOLERANCE),
        compare(f"{name}, loss of a head", max(abs(a["loss"] - b) for a, b in zip(evaluation["heads"], heads)),
                LOSS_TOLERANCE),
    ])


def main():
    program = os.path.abspath(sys.argv[1])
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        good = [compare_optimizer(program, name) for name in OPTIMIZERS]
        os.chdir("/")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

"""scikit-learn's MLPClassifier: the same trunk, a logistic output for each label, its own Adam."""
import itertools
import warnings

from sklearn.neural_network import MLPClassifier

from compare.shape import Shape
from peers import rows
from peers.crew import Crew


class Perceptron:
    def __init__(self, shape: Shape, crew: Crew) -> None:
        warnings.filterwarnings("ignore")
        x, y = rows.make(shape)
        self.batches = itertools.cycle(list(zip(x, y.astype(int))))
        self.labels = shape.labels
        self.classifier = MLPClassifier(hidden_layer_sizes=shape.hidden, solver="adam", alpha=0, batch_size=shape.batch,
                                        learning_rate_init=1e-3, random_state=1)
        self.classes = list(range(shape.labels))

    def step(self) -> float:
        x, y = next(self.batches)
        self.classifier.partial_fit(x, y, classes=self.classes)
        return float(self.classifier.loss_) / self.labels  # it adds over labels

"""What is trained: the same model and batch for everyone."""
import json
from dataclasses import asdict, dataclass
from typing import Tuple

BATCHES = 4  # that there are rows for, taken in turn


@dataclass(frozen=True)
class Shape:
    """A trunk of ReLU layers and a binary head for each label; Adam at 1e-3, float32."""

    inputs: int
    hidden: Tuple[int, ...]
    labels: int
    batch: int

    @property
    def widths(self) -> Tuple[int, ...]:
        return (self.inputs, *self.hidden, self.labels)

    def flop(self) -> float:
        """Of the matrix products of a step: forward, gradient of weights, and of inputs but for the first layer."""
        layers = list(zip(self.widths, self.widths[1:]))
        return float(self.batch) * sum((4 if i == 0 else 6) * n * m for i, (n, m) in enumerate(layers))

    def describe(self) -> str:
        return f"{'-'.join(map(str, self.widths[:-1]))} + {self.labels} binary heads, batch {self.batch}"

    def model_options(self) -> Tuple[str, ...]:
        """For multihead's command line."""
        return ("--hidden", ",".join(map(str, self.hidden)), "--batch-size", str(self.batch))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Shape":
        fields = json.loads(text)
        return Shape(**{**fields, "hidden": tuple(fields["hidden"])})

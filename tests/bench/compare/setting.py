"""What is measured: settings, and how long each may take."""
from dataclasses import dataclass, replace
from typing import Dict, Tuple

from compare.shape import Shape

TUTORIAL = Shape(12, (32, 64, 128, 256), 5, 1024)
WIDE = Shape(512, (1024, 1024, 1024, 1024), 100, 2048)
MANY = Shape(500, (512, 512), 4000, 1024)
TABLE = Shape(64, (64, 128, 128), 20, 4096)

LAYOUTS = ("contiguous", "chunked", "gzip")


@dataclass(frozen=True)
class Setting:
    """Rounds end when `seconds` are over, but there are `least_rounds`."""

    name: str
    kind: str  # step, script, table or epochs
    title: str
    shape: Shape
    rounds: int
    block: int  # steps, epochs or jobs of a contestant in a round
    seconds: float
    least_rounds: int = 3
    rows: int = 0
    epochs: int = 0
    layout: str = ""

    @property
    def has_script(self) -> bool:
        """Whether reading is also measured as a whole script, with Python's start."""
        return self.kind == "table"

    @property
    def row_megabytes(self) -> int:
        """What all rows take in memory: features of four bytes, labels of two."""
        return self.rows * (4 * self.shape.inputs + 2 * self.shape.labels) >> 20


def choose(names: Tuple[str, ...], is_quick: bool, rounds: int) -> Tuple[Setting, ...]:
    """Those of the names, smaller where it has to be quick."""
    chosen = [setting for name in names for setting in ALL[name]]
    if is_quick:
        chosen = [
            replace(s, rounds=2, least_rounds=2, block=max(1, s.block // 2), rows=s.rows // 10, epochs=s.epochs // 10)
            for s in chosen
        ]
    if rounds > 0:
        chosen = [replace(s, rounds=rounds, least_rounds=rounds) for s in chosen]
    return tuple(chosen)


def table(name: str, kind: str, title: str, layout: str) -> Setting:
    return Setting(name, kind, title, TABLE, rounds=5, block=1, seconds=70, least_rounds=2, rows=2_000_000, layout=layout)


ALL: Dict[str, Tuple[Setting, ...]] = {
    "tutorial": (
        Setting("tutorial", "step", "a step of the tutorial's model", TUTORIAL, rounds=20, block=50, seconds=110),
        Setting("tutorial script", "script", "the tutorial: data, 100 epochs, loss curve, weights", TUTORIAL, rounds=2,
                block=1, seconds=200, least_rounds=1, rows=9900, epochs=100),
    ),
    "wide": (Setting("wide", "step", "a step of wide layers", WIDE, rounds=8, block=2, seconds=170),),
    "many": (Setting("many", "step", "a step of many heads", MANY, rounds=10, block=3, seconds=130),),
    "input": (
        *(table(f"input {layout}", "table", f"an epoch from a file, {layout}", layout) for layout in LAYOUTS),
        table("input memory", "epochs", "later epochs, when the rows are in memory", "contiguous"),
    ),
}

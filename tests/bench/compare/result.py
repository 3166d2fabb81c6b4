"""What was measured of one contestant."""
import statistics
from dataclasses import dataclass, field
from typing import List, Optional

OURS = "multihead"


@dataclass
class Result:
    """`seconds` are of one step, one epoch or one job, as `measure` says, of all rounds."""

    setting: str
    measure: str
    peer: str
    cores: int
    seconds: List[float] = field(default_factory=list)
    rows: int = 0  # that were trained on in that time
    flop: float = 0  # of matrix products in that time
    loss: Optional[float] = None
    failure: Optional[str] = None
    is_pytorch: bool = False
    products: Optional[float] = None  # seconds of the products alone on as many cores, median
    peak: Optional[float] = None  # flop a second of as many cores

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p90(self) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, len(self.seconds) * 9 // 10)]

    @property
    def rows_per_second(self) -> Optional[float]:
        return self.rows / self.median if self.rows else None

    @property
    def of_products(self) -> Optional[float]:
        """How much of the time the products alone would take."""
        return self.products / self.median if self.products else None

    def of_peak(self, seconds: float) -> Optional[float]:
        return self.flop / seconds / self.peak if self.peak and self.flop else None

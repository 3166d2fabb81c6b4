"""What was measured, for people and as CSV."""
import csv
from typing import Iterator, List, Optional, Tuple

from compare.result import OURS, Result

COLUMNS = ("setting", "measure", "peer", "cores", "samples", "best_seconds", "median_seconds", "p90_seconds",
           "rows_per_second", "times_multihead", "of_products", "of_peak_best", "of_peak_median", "loss", "failure")


def groups(results: List[Result]) -> Iterator[Tuple[Tuple[str, str, int], List[Result]]]:
    """What is comparable: the same thing measured on as many cores."""
    things = list(dict.fromkeys((r.setting, r.measure) for r in results))
    keys = [(*thing, cores) for thing in things
            for cores in sorted({r.cores for r in results if (r.setting, r.measure) == thing})]
    for key in keys:
        group = [r for r in results if (r.setting, r.measure, r.cores) == key]
        yield key, sorted(group, key=lambda r: (r.failure is not None, r.median if r.seconds else 0))


def title_of(setting: str, measure: str, cores: int) -> str:
    return f"{setting}: one {measure} on {cores} core{'s' if cores > 1 else ''}"


def ours_of(group: List[Result]) -> Optional[Result]:
    return next((r for r in group if r.peer == OURS and r.seconds), None)


def fastest_pytorch(group: List[Result]) -> Optional[Result]:
    theirs = [r for r in group if r.is_pytorch and r.seconds]
    return min(theirs, key=lambda r: r.median) if theirs else None


def write_csv(results: List[Result], path: str) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for _, group in groups(results):
            ours = ours_of(group)
            for r in group:
                timing = [r.best, r.median, r.p90, r.rows_per_second, r.median / ours.median if ours else None,
                          r.of_products, r.of_peak(r.best), r.of_peak(r.median)] if r.seconds else [None] * 8
                writer.writerow([r.setting, r.measure, r.peer, r.cores, len(r.seconds), *timing, r.loss, r.failure])


# ---- for people ----


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.2f} ms"


def share(value: Optional[float]) -> str:
    return f"{value * 100:.0f} %" if value is not None else ""


def line_of(result: Result, ours: Optional[Result]) -> str:
    if not result.seconds:
        return f"  {result.peer:<20} failed: {result.failure}"
    cells = [duration(result.best), duration(result.median), duration(result.p90),
             f"{result.rows_per_second:,.0f}" if result.rows_per_second else "",
             f"{result.median / ours.median:.2f}" if ours else "",
             share(result.of_products), share(result.of_peak(result.best)),
             f"{result.loss:.4f}" if result.loss is not None else ""]
    after = f"  then failed: {result.failure}" if result.failure else ""
    widths = (10, 10, 10, 11, 7, 8, 7, 8)
    return f"  {result.peer:<20}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths)) + after


def print_tables(results: List[Result]) -> None:
    for (setting, measure, cores), group in groups(results):
        print(f"\n{title_of(setting, measure, cores)}")
        print(f"  {'':<20}{'best':>10}{'median':>10}{'90 %':>10}{'rows/s':>11}{'times':>7}{'GEMM':>8}{'peak':>7}{'loss':>8}")
        for result in group:
            print(line_of(result, ours_of(group)))


def print_verdict(results: List[Result]) -> None:
    """multihead against the fastest PyTorch, and two ranks against one; medians."""
    print("\nmultihead against the fastest PyTorch, by medians")
    ours_alone = {}
    for (setting, measure, cores), group in groups(results):
        ours, theirs = ours_of(group), fastest_pytorch(group)
        if ours is None:
            continue
        ours_alone[setting, measure, cores] = ours
        if theirs is not None:
            print(f"  {setting:<18} {measure:<7} {cores} core{' ' if cores == 1 else 's'} "
                  f"{theirs.median / ours.median:6.2f} x  {theirs.peer}")
    print("\nTwo ranks of multihead against one, by medians")
    for (setting, measure, cores), ours in ours_alone.items():
        one = ours_alone.get((setting, measure, 1))
        if cores == 2 and one is not None:
            print(f"  {setting:<18} {measure:<7} {one.median / ours.median:14.2f} x")

"""The picture: a panel for each thing that was measured, drawn with gnuplot, which draws multihead's pictures too."""
import subprocess
from typing import List

from compare.report import groups, title_of
from compare.result import OURS, Result

PANEL = 260  # pixels high
COLUMNS = 2


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def panel(title: str, results: List[Result]) -> List[str]:
    """Bars end at the median, lines go from the best to the 90th percentile; the fastest is on top."""
    names = ", ".join(f"{quote(r.peer)} {-i}" for i, r in enumerate(results))
    scale = 1e3 if max(r.median for r in results) < 1 else 1
    lines = [f"set title {quote(title)}", f"set ytics ({names})", f"set yrange [{0.6 - len(results)}:0.6]",
             f"set xlabel {quote('ms' if scale > 1 else 's')}", "$bars << end"]
    for i, r in enumerate(results):
        colour = 0xD55E00 if r.peer.startswith(OURS) else 0xAAAAAA if r.peer == "products alone" else 0x0072B2
        lines.append(f"{-i} {r.best * scale} {r.median * scale} {r.p90 * scale} {colour}")
    return [*lines, "end",
            "plot $bars using (0):1:(0):3:($1-0.35):($1+0.35):5 with boxxyerror lc rgb variable fs solid 0.7 notitle, "
            "'' using 3:1:2:4 with xerrorbars lc rgb '#222222' pt 0 lw 1.5 notitle"]


def draw(results: List[Result], title: str, path: str) -> None:
    """Raises OSError or CalledProcessError where there is no gnuplot or it fails."""
    panels = [(title_of(*key), [r for r in group if r.seconds]) for key, group in groups(results)]
    panels = [(name, group) for name, group in panels if group]
    rows = max(1, -(-len(panels) // COLUMNS))
    script = [f"set terminal pngcairo size {COLUMNS * 640},{rows * PANEL + 60} font ',10'", f"set output {quote(path)}",
              f"set multiplot layout {rows},{COLUMNS} title {quote(title)}", "set xrange [0:*]", "set tics nomirror",
              "set grid x", "set lmargin 20"]
    for name, group in panels:
        script += panel(name, group)
    script.append("unset multiplot")
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)

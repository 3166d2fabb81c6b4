"""python -m compare --program MULTIHEAD --output FOLDER [...]: see run.sh, which starts it."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import List, Tuple

from compare import files, picture, report
from compare.contestant import PEERS, Place, of_setting
from compare.result import Result
from compare.rounds import measure
from compare.setting import ALL, Setting, choose


def words_of(text: str, known: Tuple[str, ...], what: str) -> Tuple[str, ...]:
    words = tuple(word for word in text.split(",") if word)
    for word in words:
        if word not in known:
            sys.exit(f"there is no {what} {word}: expected some of {', '.join(known)}, with commas between them")
    return words


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description="Measures multihead and what a user would pick instead.")
    parser.add_argument("--settings", default=",".join(ALL), help="some of: %(default)s")
    parser.add_argument("--peers", default=",".join(PEERS), help="some of: %(default)s; none: multihead alone")
    parser.add_argument("--rounds", type=int, default=0, help="of each setting; 0: as many as fit into its time")
    parser.add_argument("--quick", action="store_true", help="two rounds and smaller blocks: whether it works, not figures")
    parser.add_argument("--output", required=True, help="folder for results.csv, results.png, logs and files")
    parser.add_argument("--program", required=True, help="multihead")
    parser.add_argument("--python", help="one with PyTorch; without it: multihead alone")
    parser.add_argument("--cache", default="", help="where torch.compile keeps what it compiled")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def whole_cores() -> Tuple[int, ...]:
    """One hardware thread of each core that may be used."""
    firsts = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                firsts.setdefault(file.read(), cpu)
        except OSError:
            firsts[str(cpu)] = cpu
    return tuple(firsts.values())


def announce(settings: Tuple[Setting, ...], place: Place, peers: Tuple[str, ...]) -> None:
    say(f"on core{'s' if len(place.cores) > 1 else ''} {', '.join(map(str, place.cores))}, each in turn, one at a time:")
    for setting in settings:
        names = [who.name for who in of_setting(setting, place, peers)]
        say(f"  {setting.name}: {setting.title} ({setting.shape.describe()}): {'; '.join(names)}")
    say(f"load of the machine before it starts: {os.getloadavg()[0]:.2f} (anything above 0.1 makes figures worse)")
    minutes = sum(setting.seconds + 15 * bool(place.python) for setting in settings) / 60
    say(f"up to about {max(1, round(minutes))} minutes, and some more the first time that torch.compile runs")


def run_all(settings: Tuple[Setting, ...], place: Place, peers: Tuple[str, ...]) -> List[Result]:
    results: List[Result] = []
    needs_files = [setting for setting in settings if setting.layout]
    try:
        for setting in settings:
            say(f"\n{setting.name}: {setting.title}")
            if needs_files and setting is needs_files[0]:
                say(f"  {files.make(place, setting)}")
            results += measure(setting, place, peers, say)
            report.write_csv(results, os.path.join(place.output, "results.csv"))
    finally:
        files.remove(place)
        shutil.rmtree(place.runs, ignore_errors=True)
    return results


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends everybody that was started
    settings = choose(words_of(options.settings, tuple(ALL), "setting"), options.quick, options.rounds)
    peers = () if options.peers == "none" else words_of(options.peers, PEERS, "peer")
    place = Place(os.path.abspath(options.program), options.python if peers else None,
                  os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.path.abspath(options.output),
                  os.path.abspath(options.cache or options.output), whole_cores()[:2])
    os.makedirs(os.path.join(place.output, "logs"), exist_ok=True)
    announce(settings, place, peers)
    start = time.monotonic()
    results = run_all(settings, place, peers)
    report.print_tables(results)
    report.print_verdict(results)
    try:
        picture.draw(results, "multihead and others: median, best to 90th percentile",
                     os.path.join(place.output, "results.png"))
    except (OSError, subprocess.CalledProcessError) as reason:
        say(f"no picture: {reason}")
    say(f"\n{place.output}/results.csv, results.png; {(time.monotonic() - start) / 60:.1f} minutes")
    return 1 if any(result.failure for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

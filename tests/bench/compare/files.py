"""The files of the setting `input`: as a user writes them with h5py, or where that is not, as multihead writes them."""
import os
import shutil
import subprocess
from typing import List

from compare.contestant import Place
from compare.setting import LAYOUTS, Setting

def run(command: List[str], place: Place) -> None:
    environment = dict(os.environ, PYTHONPATH=place.sources, PYTHONDONTWRITEBYTECODE="1")
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def has_h5py(place: Place) -> bool:
    return place.python is not None and subprocess.run(
        [place.python, "-c", "import h5py, numpy"], stderr=subprocess.DEVNULL).returncode == 0


def generate(place: Place, setting: Setting) -> None:
    contiguous = place.file("contiguous")
    run([place.program, "generate", "--output", contiguous, "--method", "rowwise", "--samples", str(setting.rows),
         "--features", str(setting.shape.inputs), "--labels", str(setting.shape.labels)], place)
    chunks: List[str] = []
    for name, width in (("features", setting.shape.inputs), ("labels", setting.shape.labels)):
        chunks += ["-l", f"{name}:CHUNK={min(4096, setting.rows)}x{width}"]
    filters = {"chunked": [], "gzip": [f"--filter={name}:{kind}" for name in ("features", "labels")
                                       for kind in ("SHUF", "GZIP=4")]}
    for layout, words in filters.items():
        run(["h5repack", *chunks, *words, contiguous, place.file(layout)], place)


def make(place: Place, setting: Setting) -> str:
    """Says how they were made."""
    folder = os.path.dirname(place.file("contiguous"))
    remove(place)
    os.makedirs(folder)
    if has_h5py(place):
        run([str(place.python), "-m", "peers.table_files", folder, setting.shape.to_json(), str(setting.rows)], place)
        how = "normal numbers, written with h5py"
    else:
        generate(place, setting)
        how = "counts, which compress well, written by multihead generate and h5repack, as there is no h5py"
    sizes = ", ".join(f"{layout} {os.path.getsize(place.file(layout)) / 1e6:.0f} MB" for layout in LAYOUTS)
    return f"{setting.rows:,} rows of {how}: {sizes}; read out of the page cache"


def remove(place: Place) -> None:
    shutil.rmtree(os.path.dirname(place.file("contiguous")), ignore_errors=True)

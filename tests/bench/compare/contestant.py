"""Who takes part in a setting, and how each is started."""
import csv
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple, Union

from compare.result import OURS
from compare.setting import Setting
from compare.worker import Answer, Job, Worker

PEERS = ("eager", "compiled", "tuned", "ddp", "mpi4py", "sklearn", "tutorial")


@dataclass(frozen=True)
class Place:
    """Where things are on this machine."""

    program: str  # multihead
    python: Optional[str]  # that has the peers' packages
    sources: str  # tests/bench
    output: str
    cache: str
    cores: Tuple[int, ...]  # that may be used

    @property
    def runs(self) -> str:
        """For what multihead train leaves; removed at the end."""
        return os.path.join(self.output, "runs")

    def pin(self, count: int) -> List[str]:
        return ["taskset", "-c", ",".join(map(str, self.cores[:count]))]

    def mpirun(self, ranks: int) -> List[str]:
        return [*self.pin(ranks), "mpirun", "-n", str(ranks), "--map-by", "core", "--bind-to", "core"]

    def file(self, layout: str) -> str:
        return os.path.join(self.output, "files", f"{layout}.h5")


@dataclass(frozen=True)
class Contestant:
    """`words` are of the command, on `cores` cores with that many ranks and threads each."""

    peer: str
    cores: int
    ranks: int
    words: Tuple[str, ...]
    measure: str
    is_job: bool = False
    typed: str = ""
    is_pytorch: bool = False
    times: int = 1  # as often as others in a round, as it takes so little

    @property
    def threads(self) -> int:
        return self.cores // self.ranks

    @property
    def name(self) -> str:
        return f"{self.peer}, {self.cores} core{'s' if self.cores > 1 else ''}"

    def start(self, place: Place, setting: Setting) -> Union[Worker, Job]:
        launcher = place.mpirun(self.ranks) if self.ranks > 1 and self.peer != "ddp" else place.pin(self.cores)
        command = [*launcher, *self.words]
        log = os.path.join(place.output, "logs", f"{setting.name} {self.name}.txt".replace(" ", "-").replace(",", ""))
        if self.is_job and self.peer.startswith(OURS):
            return self.our_job(place, setting, command, log)
        if self.is_job:
            return Job(command, environment(self, place), place.sources, log, ("script",), read_last_line, self.typed)
        return Worker(command, environment(self, place), place.sources, log)

    def our_job(self, place: Place, setting: Setting, command: List[str], log: str) -> Job:
        """Trains in a folder of its own, which is emptied when its history has been read."""
        os.makedirs(place.runs, exist_ok=True)
        folder = tempfile.mkdtemp(dir=place.runs)
        command = [*command, "--output", folder, "--run", "run", "--resume", "none"]

        def read(out: str) -> Answer:
            answer = read_history(os.path.join(folder, "run", "history.csv"), setting.kind)
            shutil.rmtree(os.path.join(folder, "run"))
            return answer

        names = {"table": ("epoch",), "script": ("script",)}.get(setting.kind, ())
        if setting.has_script:
            names = (*names, "script")
        return Job(command, environment(self, place), place.sources, log, names, read)


def environment(who: Contestant, place: Place) -> Dict[str, str]:
    """Settings for an old OpenBLAS would slow numpy's; no peer writes into the sources."""
    variables = dict(os.environ, OMPI_MCA_rmaps_base_oversubscribe="0")
    if who.peer.startswith(OURS):
        return variables
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        variables.pop(name, None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        variables[name] = str(who.threads)
    variables.update(PYTHONPATH=place.sources, PYTHONDONTWRITEBYTECODE="1", CUDA_VISIBLE_DEVICES="",
                     GLOO_SOCKET_IFNAME="lo", TORCHINDUCTOR_CACHE_DIR=os.path.join(place.cache, "inductor"))
    return variables


def read_last_line(out: str) -> Answer:
    """What a script of peers/ says at its end."""
    line = json.loads(out.strip().splitlines()[-1])
    return Answer({name: [line[name]] for name in ("data", "loop") if name in line}, line["loss"])


def read_history(path: str, kind: str) -> Answer:
    with open(path) as file:
        epochs = list(csv.DictReader(file))
    last = float(epochs[-1]["seconds"])
    seconds = {}
    if kind == "script":
        seconds["loop"] = [last]
    if kind == "epochs":
        seconds["epoch"] = [(last - float(epochs[0]["seconds"])) / (len(epochs) - 1)]
    return Answer(seconds, float(epochs[-1]["train_loss"]))


# ---- who takes part ----

WINDOWS = 8  # how much more rows there are than --memory holds


def ours(setting: Setting, place: Place, most_cores: int) -> Iterator[Contestant]:
    """One rank, two ranks, one rank of two threads; and where rows are in memory, ranks that hold an eighth of them."""
    train = (place.program, "train", *setting.shape.model_options(), "--progress", "no")
    words = {
        "step": (place.program, "bench", "--requests", "--features", str(setting.shape.inputs), "--labels",
                 str(setting.shape.labels), *setting.shape.model_options()),
        "script": (*train, "--generate", "--samples", str(setting.rows + 100), "--rows", ":-100",
                   "--epochs", str(setting.epochs)),
        "table": (*train, "--data", place.file(setting.layout), "--epochs", "1"),
        "epochs": (*train, "--data", place.file(setting.layout), "--epochs", "2"),
    }[setting.kind]
    is_job = setting.kind != "step"
    measure = {"step": "step", "script": "script"}.get(setting.kind, "epoch")
    for peer, cores, ranks in ((OURS, 1, 1), (OURS, 2, 2), (f"{OURS} threads", 2, 1)):
        if cores <= most_cores:
            yield Contestant(peer, cores, ranks, (*words, "--threads", str(cores // ranks)), measure, is_job,
                             times=5 if setting.kind == "script" else 1)
    if setting.kind == "epochs":
        for ranks in range(1, min(2, most_cores) + 1):
            words_of_windows = (*words, "--memory", f"{setting.row_megabytes // WINDOWS // ranks}M")
            yield Contestant(f"{OURS} windows", ranks, ranks, words_of_windows, measure, is_job)


def stepping(setting: Setting, place: Place) -> Iterator[Contestant]:
    def warm(peer: str, module: str, cores: int, ranks: int = 1) -> Contestant:
        words = (str(place.python), "-m", "peers.serve", module, setting.shape.to_json(),
                 "--threads", str(cores // ranks), "--ranks", str(ranks))
        return Contestant(peer, cores, ranks, words, "step", is_pytorch=peer != "sklearn")

    for peer in ("eager", "compiled", "tuned", "sklearn"):
        for cores in (1, 2):
            yield warm(peer, peer, cores)
    yield warm("ddp", "ddp", 2, 2)
    yield warm("mpi4py", "tuned", 2, 2)


def scripts(setting: Setting, place: Place) -> Iterator[Contestant]:
    for cores in (1, 2):
        words = (str(place.python), "-m", "peers.tutorial", os.path.join(place.output, "tutorial"),
                 "--threads", str(cores), "--samples", str(setting.rows + 100), "--epochs", str(setting.epochs))
        yield Contestant("tutorial", cores, 1, words, "script", is_job=True, is_pytorch=True)


def reading(setting: Setting, place: Place) -> Iterator[Contestant]:
    """The hand-tuned step, which is the fastest for a small model, over the file; and once as a whole script."""

    def words(module: str, cores: int, ranks: int) -> Tuple[str, ...]:
        return (str(place.python), "-m", "peers.serve", module, setting.shape.to_json(), "--threads",
                str(cores // ranks), "--ranks", str(ranks), "--file", place.file(setting.layout))

    module = "h5py-memory" if setting.kind == "epochs" else "h5py"
    peer = "tuned" if setting.kind == "epochs" else "tuned h5py"
    for cores in (1, 2):
        yield Contestant(peer, cores, 1, words(module, cores, 1), "epoch", is_pytorch=True)
    yield Contestant(peer.replace("tuned", "mpi4py"), 2, 2, words(module, 2, 2), "epoch", is_pytorch=True)
    if setting.kind == "table":
        yield Contestant("tuned h5py ahead", 2, 1, words("h5py-ahead", 1, 1), "epoch", is_pytorch=True)
    if setting.has_script:
        for cores in (1, 2):
            yield Contestant("tuned h5py script", cores, 1, words("h5py", cores, 1), "script", is_job=True,
                             typed="step 1\n", is_pytorch=True)


def of_setting(setting: Setting, place: Place, peers: Tuple[str, ...]) -> List[Contestant]:
    most = len(place.cores)
    found = list(ours(setting, place, most))
    if place.python is not None:
        others = {"step": stepping, "script": scripts}.get(setting.kind, reading)(setting, place)
        found += [one for one in others if one.cores <= most and one.peer.split()[0] in peers]
    return found

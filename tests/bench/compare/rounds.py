"""Turn and turn about: in every round each contestant measures a block, so that all see the same machine."""
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Tuple, Union

from compare.contestant import Contestant, Place, of_setting
from compare.result import OURS, Result
from compare.setting import Setting
from compare.worker import Answer, Failed, Job, Worker

START_SECONDS = 400  # torch.compile takes a minute
BLOCK_SECONDS = 900  # the tutorial's script takes minutes

Key = Tuple[str, str, int]  # measure, peer, cores


@dataclass
class Turn:
    who: Contestant
    worker: Union[Worker, Job]


class Table:
    """The results of a setting as they come in."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.results: Dict[Key, Result] = {}

    def of(self, measure: str, who: Contestant) -> Result:
        setting = self.setting
        key = (measure, who.peer, who.cores)
        if key not in self.results:
            is_step = measure == "step"
            rows = setting.shape.batch if is_step else setting.rows * max(1, setting.epochs)
            flop = setting.shape.flop() * rows / setting.shape.batch
            self.results[key] = Result(setting.name, measure, who.peer, who.cores, rows=rows, flop=flop,
                                       is_pytorch=who.is_pytorch)
        return self.results[key]

    def add(self, who: Contestant, answer: Answer) -> None:
        for measure, seconds in answer.seconds.items():
            if measure == "seconds":
                measure = who.measure
            result = self.of(measure, who)
            result.seconds += seconds
            if result.loss is None or self.setting.kind != "table":  # after the first epoch, for everyone
                result.loss = answer.loss

    def fail(self, who: Contestant, reason: str) -> None:
        self.of(who.measure, who).failure = reason


class Machine:
    """What the products of a step alone take here, and the peak: asked of multihead beside its own steps."""

    def __init__(self) -> None:
        self.products: Dict[Tuple[str, int], List[float]] = {}
        self.peak = 0.0

    def ask(self, turn: Turn, count: int) -> None:
        if turn.who.peer != OURS or turn.who.measure != "step":
            return
        answer = turn.worker.ask(f"products {max(1, count // 2)}", BLOCK_SECONDS)
        for kind, seconds in answer.seconds.items():
            self.products.setdefault((kind, turn.who.cores), []).extend(seconds)
        self.peak = max(self.peak, turn.worker.ask("peak", BLOCK_SECONDS).gflops or 0.0)

    def complete(self, table: Table) -> None:
        """The faster way of making the products is the harder one to come near."""
        setting = table.setting
        for cores in sorted({cores for _, cores in self.products}):
            products = [Result(setting.name, "step", "products alone", cores, seconds, rows=setting.shape.batch,
                               flop=setting.shape.flop())
                        for (_, owner), seconds in self.products.items() if owner == cores]
            best = min(products, key=lambda result: result.median)
            table.results[("step", best.peer, cores)] = best
            for result in table.results.values():
                if result.cores == cores and result.measure == "step":
                    result.products = best.median
        for result in table.results.values():
            result.peak = self.peak * 1e9 * result.cores


def start_all(setting: Setting, place: Place, peers: Tuple[str, ...], table: Table,
              say: Callable[[str], None]) -> List[Turn]:
    """Those that are ready; a failure is a result."""
    turns = []
    for who in of_setting(setting, place, peers):
        turn = Turn(who, who.start(place, setting))
        try:
            ready = turn.worker.wait_ready(START_SECONDS)
            say(f"  {who.name}: {ready}" if ready else f"  {who.name}")
            turns.append(turn)
        except Failed as reason:
            turn.worker.stop()
            table.fail(who, str(reason))
            say(f"  {who.name}: failed: {reason}")
    return turns


def take_turn(turn: Turn, setting: Setting, table: Table, machine: Machine) -> None:
    table.add(turn.who, turn.worker.ask(f"step {setting.block * turn.who.times}", BLOCK_SECONDS))
    machine.ask(turn, setting.block)


def take_turns(setting: Setting, turns: List[Turn], table: Table, machine: Machine, say: Callable[[str], None]) -> None:
    start = time.monotonic()
    for done in range(setting.rounds):
        spent = time.monotonic() - start
        if done >= setting.least_rounds and spent + spent / done > setting.seconds:
            say(f"  {done} of {setting.rounds} rounds, as {setting.seconds:.0f} s are over")
            return
        first = done % max(1, len(turns))  # nobody comes always after the same one
        for turn in turns[first:] + turns[:first]:
            try:
                take_turn(turn, setting, table, machine)
            except Failed as reason:
                table.fail(turn.who, str(reason))
                say(f"  {turn.who.name}: failed: {reason}")
                turn.worker.stop()
                turns = [other for other in turns if other is not turn]
        say(f"  round {done + 1} of {setting.rounds}: {time.monotonic() - start:.0f} s")


def measure(setting: Setting, place: Place, peers: Tuple[str, ...], say: Callable[[str], None]) -> List[Result]:
    table, machine, turns = Table(setting), Machine(), []
    try:
        turns = start_all(setting, place, peers, table, say)
        take_turns(setting, turns, table, machine, say)
    finally:
        for turn in turns:
            turn.worker.stop()
    machine.complete(table)
    return list(table.results.values())

"""Damages good files in every way it can think of and feeds them to what reads files.

    python tests/fuzz/fuzz.py TARGET|all [--seconds 600] [--seed 0]

A target may raise InputError and nothing else, take SLOWEST_S for a file at the most, and MAX_MB of memory in all. The
file that made it do otherwise is left in the present folder, and the exit code is 1. Mutations are seeded: the same
seed gives the same files.
"""

import argparse
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))
from targets import TARGETS, seeds

from portrait_manifolds.backend.errors import InputError

MAX_MB = 1024
SLOWEST_S = 20
LEAST_RUNS = 30
"""Taken on a busy machine too."""

INTERESTING = (0, 1, 2, 3, 4, 7, 8, 15, 16, 32, 64, 127, 128, 255, 256, 1023, 4096, 32767, 65535, 2**31 - 1, 2**32 - 1)
TOKENS = (b"null", b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 400, b"[" * 2000, b"{}", b"[]", b'"\\ud800"', b"true")
"""What may stand in the place of a number or a word in a file's text."""


class Slow(Exception):
    """A file took longer than SLOWEST_S."""


def own_peak_mb() -> int:
    """Largest resident memory of this process; getrusage would count what its parent had when it was started."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def damaged(seed: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A copy of `seed` with one to six things wrong with it."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        rng.choice(WAYS)(data, others, rng)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Anywhere, but rather near the start, where headers are."""
    return rng.randrange(min(len(data), rng.choice((16, 64, 512, 4096, 1 << 30))) or 1)


def _flip(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] = rng.randrange(256)


def _number(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    place, size = _place(data, rng), rng.choice((1, 2, 4, 8))
    value = rng.choice(INTERESTING) % (1 << (8 * size))
    data[place : place + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _cut(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 2, 4, 16, 256))]


def _repeat(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    place, size = _place(data, rng), rng.choice((1, 4, 16, 64, 1024))
    data[place:place] = data[place : place + size] * rng.choice((1, 2, 50))


def _splice(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    other = rng.choice(others)
    place, size = rng.randrange(len(other)), rng.choice((4, 16, 64, 1024))
    at = _place(data, rng)
    data[at : at + rng.choice((0, size))] = other[place : place + size]


def _token(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """Puts another value between two of JSON's separators."""
    start = _place(data, rng)
    while start < len(data) and data[start] not in b":,[ ":
        start += 1
    end = start + 1
    while end < len(data) and data[end] not in b",]} ":
        end += 1
    data[start + 1 : end] = rng.choice(TOKENS)


WAYS: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _flip,
    _byte,
    _number,
    _cut,
    _remove,
    _repeat,
    _splice,
    _token,
)


def fuzz(target: str, seconds: float, seed: int, folder: Path) -> dict[str, object]:
    """Runs one target for a while; the facts, with the path of the first file that broke it, or None."""
    read, good, rng = TARGETS[target], seeds(target), random.Random(seed)
    signal.signal(signal.SIGALRM, _too_slow)
    started, runs, refused, slowest_s, broken = time.monotonic(), 0, 0, 0.0, None
    while broken is None and (runs < LEAST_RUNS or time.monotonic() - started < seconds):
        data = damaged(rng.choice(good), good, rng)
        before = time.process_time()
        signal.alarm(SLOWEST_S)
        try:
            read(data)
        except InputError as error:
            refused += 1
            if "\n" in str(error):
                broken = "a message of several lines"
        except BaseException as error:
            traceback.print_exc()
            broken = type(error).__name__
        finally:
            signal.alarm(0)
        runs += 1
        slowest_s = max(slowest_s, time.process_time() - before)  # of the processor's, however busy it is
        if broken is not None:
            path = folder / f"broken-{target}-{seed}-{runs}"
            path.write_bytes(data)
            broken = f"{broken}: {path}"
    peak_mb = own_peak_mb()
    if peak_mb > MAX_MB:
        broken = broken or f"{peak_mb} MB of memory"
    return {
        "target": target,
        "runs": runs,
        "refused": refused,
        "slowest_s": round(slowest_s, 2),
        "peak_mb": peak_mb,
        "broken": broken,
    }


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise Slow


def main() -> None:
    """Runs what the command line names; a JSON object a target on standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # A file that asks for far too much gets MemoryError, and is found by it; what is reserved and never used is free.
    resource.setrlimit(resource.RLIMIT_DATA, (4 * MAX_MB << 20, 4 * MAX_MB << 20))
    failed = False
    for target in TARGETS if options.target == "all" else (options.target,):
        facts = fuzz(target, options.seconds, options.seed, Path.cwd())
        print(json.dumps(facts), flush=True)
        failed |= facts["broken"] is not None
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

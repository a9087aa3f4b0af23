"""`portrait-manifolds bench`: speed and memory on this machine."""

import json
from dataclasses import dataclass

from ..conventions import Device


@dataclass(frozen=True)
class Bench:
    """Time the renderer on a made portrait; figures of one run compare with each other."""

    json: bool = False
    """Print one JSON list of rows, for programs."""
    device: Device = "auto"
    """What to time; auto takes a GPU if there is one."""

    def run(self) -> None:
        """Prints the rows."""
        from ..benchmark.benchmark import run_benchmark
        from ..reconstruct import choose_device

        rows = run_benchmark(choose_device(self.device))
        if self.json:
            print(json.dumps(list(rows), indent=1))
            return
        print(f"{'what':24} {'size':>11} {'by':>10} {'ms':>10} {'x reference':>12} {'x floor':>9} {'peak MB':>9}")
        for row in rows:
            numbers = [row[name] for name in ("ratio_to_reference", "ratio_to_floor", "peak_mb")]
            texts = ["" if number is None else f"{number:.1f}" for number in numbers]
            size = "x".join(map(str, row["size"]))
            print(
                f"{row['name']:24} {size:>11} {row['implementation']:>10} {row['ms']:10.2f} "
                f"{texts[0]:>12} {texts[1]:>9} {texts[2]:>9}",
                flush=True,
            )

#!/usr/bin/env python3
"""What river's drift detectors take per value, on streams of the same laws as detectors_bench.

Run by tests/bench/run.sh with river 0.26.1 in an environment of its own. Prints rows as the other
benchmarks do; there is no target.
"""
import random
import time

import river
from river import drift

VALUES = 100_000
COUNTS = {"adwin": 1 << 20, "kswin": 1_000}  # a window of a million values is what ADWIN is slow at
NUMBERS = {"adwin": drift.ADWIN, "page_hinkley": drift.PageHinkley, "kswin": drift.KSWIN}
ERRORS = {"ddm": drift.binary.DDM, "eddm": drift.binary.EDDM, "hddm_a": drift.binary.HDDMA,
          "hddm_w": drift.binary.HDDMW, "fhddm": drift.binary.FHDDM}


def nanoseconds(make, values):
    best = float("inf")
    for _ in range(2):
        update = make().update
        begin = time.process_time_ns()
        for value in values:
            update(value)
        best = min(best, (time.process_time_ns() - begin) / len(values))
    return best


def main():
    chance = random.Random(2)
    numbers = [chance.gauss(0, 1) for _ in range(max(COUNTS.values()))]
    errors = [int(chance.random() < 0.1) for _ in range(VALUES)]
    for kinds, stream in [(NUMBERS, numbers), (ERRORS, errors)]:
        for name, make in kinds.items():
            took = nanoseconds(make, stream[: COUNTS.get(name, VALUES)])
            print(f"{f'river_{river.__version__}.{name}':<44} {took:14.4g}  {'ns/value':<16} "
                  f"{'-':>10}  -", flush=True)


if __name__ == "__main__":
    main()

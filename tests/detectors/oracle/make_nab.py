#!/usr/bin/env python3
"""Writes nab.txt: what the Numenta Anomaly Benchmark says of `windowedGaussian`, file by file.

Run once beside a clone of github.com/numenta/NAB (MIT licence); the result is committed:
    git clone https://github.com/numenta/NAB && git -C NAB checkout ea702d75cc2258d9d7dd35ca8e5e2539d71f3140
    tests/detectors/oracle/make_nab.py NAB > tests/detectors/oracle/nab.txt

None of the streams is in it: only the numbers of rows where the detector's published score is at
its published threshold, those of the labelled windows (first row, and the one behind the last), and
the published points of every profile. `total` has the published scores of all 58 files together.
"""
import csv
import io
import json
import subprocess
import sys

COMMIT = "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140"
DETECTOR = "windowedGaussian"
PROFILES = ["standard", "reward_low_FP_rate", "reward_low_FN_rate"]


def main():
    def show(path):
        return subprocess.run(["git", "-C", sys.argv[1], "show", f"{COMMIT}:{path}"], check=True,
                              capture_output=True, text=True).stdout

    windows = json.loads(show("labels/combined_windows.json"))
    thresholds = json.loads(show("config/thresholds.json"))[DETECTOR]
    final = json.loads(show("results/final_results.json"))[DETECTOR]
    points = {profile: {row["File"]: row["Score"] for row in csv.DictReader(io.StringIO(show(
        f"results/{DETECTOR}/{DETECTOR}_{profile}_scores.csv")))} for profile in PROFILES}
    assert len({thresholds[profile]["threshold"] for profile in PROFILES}) == 1
    print(f"# NAB {COMMIT[:12]}: see make_nab.py")
    for name in sorted(windows):
        folder, file = name.split("/")
        rows = list(csv.DictReader(io.StringIO(show(f"results/{DETECTOR}/{folder}/{DETECTOR}_{file}"))))
        times = [row["timestamp"] for row in rows]
        spans = []
        for begin, end in windows[name]:
            begin, end = begin[:19], end[:19]
            inside = [i for i, time in enumerate(times) if begin <= time <= end]
            assert inside == list(range(inside[0], inside[-1] + 1))
            spans += [inside[0], inside[-1] + 1]
        alarms = [i for i, row in enumerate(rows)
                  if float(row["anomaly_score"]) >= thresholds["standard"]["threshold"]]
        fields = {"name": name, "rows": len(rows), "windows": spans, "alarms": alarms}
        fields |= {profile: points[profile][name] for profile in PROFILES}
        line("file", fields)
    line("total", {profile: repr(final[profile]) for profile in PROFILES})


def line(name, fields):
    def text(value):
        return ",".join(str(v) for v in value) if isinstance(value, list) else str(value)

    print(name, *(f"{key}={text(value)}" for key, value in fields.items() if value != []))


if __name__ == "__main__":
    main()

"""Keeps the rows of a benchmark run: history.py FOLDER, the run's output on standard input.

Writes FOLDER/<time>-<commit>.json and prints its name.
"""
import json
import pathlib
import re
import sys
import time

HEADER = re.compile(r"^(machine|code): (.*)$")
ROW = re.compile(r"^(\S+)\s+(-?[\d.e+-]+|nan|inf)\s+(\S+)\s+(-|-?[\d.e+-]+)\s+(ok|miss|-)\s*$")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    run = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "rows": []}
    for line in sys.stdin:
        if header := HEADER.match(line):
            run[header[1]] = header[2]
        elif row := ROW.match(line):
            run["rows"].append({
                "name": row[1],
                "figure": float(row[2]),
                "unit": row[3],
                "target": None if row[4] == "-" else float(row[4]),
                "verdict": None if row[5] == "-" else row[5],
            })
    if not run["rows"]:
        sys.exit("history: no row in the output")
    name = run["time"].replace(":", "") + "-" + run.get("code", "unknown").split()[0] + ".json"
    (folder / name).write_text(json.dumps(run, indent=1) + "\n")
    print(f"kept in {folder / name}")


if __name__ == "__main__":
    main()

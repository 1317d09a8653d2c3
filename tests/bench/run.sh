#!/usr/bin/env bash
# Builds the benchmarks with the release preset and runs them: tests/bench/run.sh [NAME...]
# prints one row a figure: name, figure, unit, target, ok or miss. Nothing fails because a machine
# is slow: compare ratios within one run.
set -euo pipefail
cd "$(dirname "$0")/../.."
names=("$@")
((${#names[@]} > 0)) || names=(detectors arl delay data core scrape review end_to_end)
./deploy/build.sh release faultline "${names[@]/%/_bench}" >build-bench.log 2>&1 || {
  tail -n 40 build-bench.log >&2
  exit 1
}
rm -f build-bench.log
echo "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "code: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
printf '%-44s %14s  %-16s %10s  %s\n' name figure unit target 'ok|miss'

# The same detectors in river, beside ours in one run: left out where PyPI cannot be reached.
river() {
  local venv=build/river-0.26.1
  if [[ ! -x $venv/bin/python ]] || ! "$venv/bin/python" -c 'import river' 2>/dev/null; then
    python3 -m venv "$venv" >build-bench.log 2>&1 &&
      "$venv/bin/pip" install --quiet river==0.26.1 numpy==2.4.6 >>build-bench.log 2>&1 || {
      echo "no river: python3-venv or PyPI is out of reach; its rows are left out"
      rm -f build-bench.log
      return 0
    }
    rm -f build-bench.log
  fi
  "$venv/bin/python" tests/bench/river_speed.py
}

for name in "${names[@]}"; do
  "build/release/tests/bench/${name}_bench"
  [[ $name != detectors ]] || river
done

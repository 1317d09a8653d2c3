#!/usr/bin/env bash
# Builds the benchmarks with the release preset and runs them:
#   tests/bench/run.sh [--history FOLDER] [NAME...]
# prints one row a figure: name, figure, unit, target, ok or miss. Nothing fails because a machine
# is slow: compare ratios within one run. Only instructions, which are counted, fail above their
# budget. With --history the rows are also kept in FOLDER, one JSON file a run.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ ${1:-} == --history ]]; then
  history=${2:?a folder follows --history}
  shift 2
  mkdir -p "$history"
  kept=$(mktemp)
  status=0
  "$0" "$@" | tee "$kept" || status=$?
  python3 tests/bench/history.py "$history" <"$kept"
  rm -f "$kept"
  exit "$status"
fi
names=("$@")
((${#names[@]} > 0)) ||
  names=(detectors arl delay data core scrape review end_to_end instructions)
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
  if [[ $name == instructions ]]; then
    tests/bench/instructions.sh
    continue
  fi
  "build/release/tests/bench/${name}_bench"
  [[ $name != detectors ]] || river
  [[ $name != end_to_end ]] ||
    echo "proxy_added_latency: absent, nothing is in the path of a call (docs/decisions)"
done

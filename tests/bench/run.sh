#!/usr/bin/env bash
# Builds the benchmarks with the release preset and runs them: tests/bench/run.sh [NAME...]
# prints one row a figure: name, figure, unit, target, ok or miss. Nothing fails because a machine
# is slow: compare ratios within one run.
set -euo pipefail
cd "$(dirname "$0")/../.."
names=("$@")
((${#names[@]} > 0)) || names=(detectors arl delay data core scrape end_to_end)
./deploy/build.sh release faultline "${names[@]/%/_bench}" >build-bench.log 2>&1 || {
  tail -n 40 build-bench.log >&2
  exit 1
}
rm -f build-bench.log
echo "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "code: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
printf '%-44s %14s  %-16s %10s  %s\n' name figure unit target 'ok|miss'
for name in "${names[@]}"; do
  "build/release/tests/bench/${name}_bench"
done

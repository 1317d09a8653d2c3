#!/usr/bin/env bash
# Counts the instructions of the hot paths under callgrind and holds them against the committed
# budget in instructions.txt: tests/bench/instructions.sh [FOLDER]; FOLDER holds the binaries
# (default build/release). Fails if a path takes 3 % more than its budget; counts do not depend on
# how busy the machine is. Expects the release preset's compiler and a processor with AVX2.
set -euo pipefail
cd "$(dirname "$0")/../.."
bench=${1:-build/release}/tests/bench/instructions_bench
grep -qw avx2 /proc/cpuinfo || {
  echo "skipped: the budget is for processors with AVX2"
  exit 0
}

count() { # TASK UNITS: instructions of the whole run
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

failed=0
printf '%-44s %14s  %-16s %10s  %s\n' name figure unit target 'ok|miss'
while read -r task units values budget; do
  [[ -n $task && $task != \#* ]] || continue
  short=$(count "$task" "$units")
  long=$(count "$task" $((2 * units)))
  figure=$(awk -v a="$short" -v b="$long" -v n=$((units * values)) \
    'BEGIN { printf "%.2f", (b - a) / n }')
  verdict=$(awk -v f="$figure" -v b="$budget" 'BEGIN { print f <= b * 1.03 ? "ok" : "miss" }')
  [[ $verdict == ok ]] || failed=1
  printf '%-44s %14s  %-16s %10s  %s\n' "instructions.$task" "$figure" instr/value "$budget" \
    "$verdict"
done <tests/bench/instructions.txt
exit "$failed"

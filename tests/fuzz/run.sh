#!/usr/bin/env bash
# Runs each fuzz target for so many seconds of a core's time, from its committed corpus.
#   tests/fuzz/run.sh SECONDS [TARGET...]
# FUZZ_FOLDER (default build/fuzz-runs) keeps what grows from run to run: the working corpora, and
# hours.log with a line a run and target: date, target, CPU seconds, executions, findings.
# FUZZ_JOBS (default 2) targets run at a time. FUZZ_BUILD: a build folder of the preset's settings to
# take instead of build/fuzz.
# Findings are made as small as they get and printed with the command that shows each again; the
# exit code is 1 if there are any. What is mended belongs into tests/fuzz/corpus/TARGET.
set -uo pipefail
cd "$(dirname "$0")/../.."
if [[ ! ${1:-} =~ ^[0-9]+$ ]]; then
  echo "usage: tests/fuzz/run.sh SECONDS [TARGET...]" >&2
  exit 2
fi
seconds=$1
shift
targets=("$@")
if ((${#targets[@]} == 0)); then
  for source in tests/fuzz/*_fuzz.cc; do
    source=${source##*/}
    targets+=("${source%_fuzz.cc}")
  done
fi

folder=${FUZZ_FOLDER:-build/fuzz-runs}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
export FUZZ_SECONDS=$seconds FUZZ_RUNS=$folder
# Findings end the process in one way; leaks are told apart at its end.
export ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1

export FUZZ_BUILD=${FUZZ_BUILD:-build/fuzz}
[[ $FUZZ_BUILD != build/fuzz ]] || cmake --preset fuzz || exit 1
cmake --build "$FUZZ_BUILD" --target fuzz || exit 1

fuzz() { # TARGET
  local target=$1 program=$FUZZ_BUILD/tests/fuzz/fuzz_$1
  local corpus=$FUZZ_RUNS/corpus/$target found=$FUZZ_RUNS/findings/$target
  local log=$FUZZ_RUNS/$target.log before cpu=0 executions=0 after=0 code=0 turn
  mkdir -p "$corpus" "$found"
  # What earlier runs found and is mended since then is of no use any more.
  rm -f "$found"/*
  TIMEFORMAT='cpu %U %S'
  before=$(date -u +%FT%TZ)
  # On a busy machine a second by the clock is less than one of a core: again, for what lacks.
  for ((turn = 0; turn < 20 && cpu < FUZZ_SECONDS; ++turn)); do
    { time "$program" -max_total_time=$((FUZZ_SECONDS - cpu)) -timeout=10 -rss_limit_mb=3000 \
      -max_len=65536 -print_final_stats=1 -artifact_prefix="$found/" \
      "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1; } 2>"$log.time"
    code=$?
    ((executions += $(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | grep . || echo 0)))
    ((cpu += $(awk '$1 == "cpu" {print int($2 + $3)}' "$log.time")))
    rm -f "$log.time"
    after=$(find "$found" -type f | wc -l)
    ((code == 0 && after == 0)) || break
  done
  echo "$before $target $cpu $executions $after" >>"$FUZZ_RUNS/hours.log"
  ((code == 0 && after == 0)) && return 0
  echo "== $target found something; the end of $log:"
  grep -aE 'bug:|runtime error|ERROR: |SUMMARY|^ *#[0-9]+ .*faultline' "$log" | head -n 20
  local finding
  for finding in "$found"/*; do
    [[ -f $finding ]] || continue
    "$program" -minimize_crash=1 -exact_artifact_path="$finding.small" -timeout=10 \
      -max_total_time=30 "$finding" >/dev/null 2>&1
    [[ -f $finding.small ]] && mv "$finding.small" "$finding"
    echo "again: $program $finding"
  done
  return 1
}
export -f fuzz

failed=0
printf '%s\n' "${targets[@]}" | xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'fuzz {}' || failed=1

echo "so far in $folder:"
awk '{cpu[$2] += $3; runs[$2] += $4; found[$2] += $5}
     END {printf "  %-10s %10s %14s %9s\n", "target", "CPU hours", "executions", "findings"
          for (t in cpu) printf "  %-10s %10.2f %14d %9d\n", t, cpu[t] / 3600, runs[t], found[t]}' \
  "$folder/hours.log" | { read -r head; echo "  $head"; sort; }
exit "$failed"

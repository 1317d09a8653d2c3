#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test.
#   tests/run.sh           what a change must pass: one gcc build with all tests, sanitizers for the
#                          core and the store, format, clang-tidy on the newest changes, contract,
#                          alert rules, the quickstart
#   tests/run.sh --long    also the other compiler, the thread sanitizer, clang-tidy on everything,
#                          long crash runs, the fuzz targets and the benchmarks
# Figures are printed, never judged: no test fails because a machine is slow.
set -uo pipefail
cd "$(dirname "$0")/.."
long=0
case ${1:-} in
  '') ;;
  --long) long=1 ;;
  *) echo "usage: tests/run.sh [--long]" >&2; exit 2 ;;
esac

passed=0
failed=()
logs=build/test-logs
mkdir -p "$logs"

# step NAME COMMAND...: runs it, prints one line, and its output if it failed.
step() {
  local name=$1 start=$SECONDS
  shift
  printf '%-34s' "$name"
  if "$@" >"$logs/$name.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $((SECONDS - start)) s"
  else
    failed+=("$name")
    echo "FAILED  $((SECONDS - start)) s"
    tail -n 80 "$logs/$name.log" | sed 's/^/    /'
  fi
}

build() { # PRESET: configure and build everything
  cmake --preset "$1" && cmake --build "build/$1"
}

run_ctest() { # PRESET [CTEST ARGUMENT...]
  local preset=$1
  shift
  ctest --test-dir "build/$preset" --output-on-failure --timeout 600 -j 2 "$@"
}

check_format() {
  git ls-files '*.cc' '*.h' | xargs clang-format --dry-run -Werror
}

# Every source, those whose last change is newest first; of a header's change, its own source.
sources_by_age() {
  {
    git diff --name-only HEAD
    git log --format= --name-only
    git ls-files
  } | sed -n -E 's,^((base|detectors|storage|daemon)/.*)\.(cc|h)$,\1.cc,p' |
    awk '!seen[$0]++' | while read -r file; do [[ ! -f $file ]] || echo "$file"; done
}

# All of them, or as many as fit into so many seconds: the old ones passed when they were new.
lint() { # SECONDS
  export LINT_UNTIL=$(($(date +%s) + $1))
  local all linted=build/test-logs/linted failed=0
  all=$(sources_by_age)
  # Without the flags that only GCC knows, and without the headers that GCC precompiled.
  mkdir -p build/lint
  sed -E 's,-Winvalid-pch -include [^ ]*cmake_pch.hxx|-Wno-(restrict|stringop-[a-z]*)|-fpch-preprocess|--param=[^ ]*,,g' \
    build/release/compile_commands.json >build/lint/compile_commands.json
  : >"$linted"
  echo "$all" | xargs -P 2 -I{} bash -c '
    (($(date +%s) < LINT_UNTIL)) || exit 0
    echo "$1" >>"$2"
    clang-tidy -p build/lint --quiet "$1"' lint {} "$linted" || failed=1
  echo "linted $(wc -l <"$linted") of $(wc -l <<<"$all") sources, the newest changes first"
  return "$failed"
}

check_contract() {
  (cd tests/contract &&
    npm install --no-save --no-package-lock --no-audit --no-fund --loglevel=error) || return 1
  local buf=$PWD/tests/contract/node_modules/.bin/buf
  (cd proto && "$buf" lint && "$buf" breaking --against ../tests/contract/released.binpb) ||
    return 1
  # The check itself must be able to fail: a renumbered field is a breaking change.
  local broken
  broken=$(mktemp -d)
  cp -r proto/. "$broken"
  sed -i 's/string prediction_ids = 4;/string prediction_ids = 40;/' \
    "$broken/faultline/v1/event.proto"
  if (cd "$broken" && "$buf" breaking --against "$OLDPWD/tests/contract/released.binpb"); then
    echo "buf did not notice a renumbered field"
    rm -rf "$broken"
    return 1
  fi
  rm -rf "$broken"
}

check_rules() {
  promtool check config deploy/prometheus/prometheus.yml &&
    promtool check rules deploy/prometheus/rules/*.yml &&
    promtool test rules deploy/prometheus/tests/*.yml
}

step install ./deploy/install.sh --tests
step build build release
step tests run_ctest release
step build-asan build asan
step tests-asan env ASAN_OPTIONS=detect_leaks=1 ctest --test-dir build/asan --output-on-failure \
  --timeout 1200 -j 2
step instructions ./tests/bench/instructions.sh
step format check_format
step lint lint 150
step contract check_contract
step alert-rules check_rules
step quickstart ./deploy/quickstart.sh --once
if ((long == 1)); then
  step build-clang build clang
  step build-tsan build tsan
  step tests-tsan run_ctest tsan
  step lint-all lint 86400
  step tests-long env FAULTLINE_LONG_TESTS=1 ctest --test-dir build/release --output-on-failure \
    --timeout 7200 -R 'Crash|Fault|Simulation'
  step soak ./tests/soak.sh 1800
  cat "$logs/soak.log"
  step fuzz ./tests/fuzz/run.sh 600
  tail -n 11 "$logs/fuzz.log"
  step bench ./tests/bench/run.sh
  cat "$logs/bench.log"
fi

grep -h 'Test project\|tests passed\|Skipped\|Not Run' "$logs"/tests*.log | sed 's/^/  /'
((${#failed[@]} == 0)) || echo "failed: ${failed[*]}; logs are in $logs"
echo "$passed passed, ${#failed[@]} failed"
((${#failed[@]} == 0))

#!/usr/bin/env bash
# Loads the real daemon with everything at once for so many seconds (default 600), with two kills on
# the way, and checks memory, descriptors, files, totals and latency: tests/soak.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
./deploy/build.sh release faultline faultline_e2e_test >build-soak.log 2>&1 || {
  tail -n 40 build-soak.log >&2
  exit 1
}
rm -f build-soak.log
FAULTLINE_SOAK_SECONDS=${1:-600} build/release/tests/e2e/faultline_e2e_test --gtest_filter='Soak.*'

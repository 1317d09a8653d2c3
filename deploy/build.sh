#!/usr/bin/env bash
# Builds the daemon: deploy/build.sh [PRESET [TARGET...]]; PRESET is one of CMakePresets.json.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
targets=("${@:-faultline}")
[[ -f build/$preset/CMakeCache.txt ]] || cmake --preset "$preset" >build-configure.log 2>&1 || {
  cat build-configure.log >&2
  rm -f build-configure.log
  echo "build: cmake failed to configure; run deploy/install.sh first" >&2
  exit 1
}
rm -f build-configure.log
cmake --build "build/$preset" --target "${targets[@]}"

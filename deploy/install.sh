#!/usr/bin/env bash
# Installs the Debian 12 packages that Faultline needs.
#   deploy/install.sh           for building and running (and Prometheus, for the quickstart)
#   deploy/install.sh --tests   also the packages for the tests
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config ca-certificates curl git python3
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev prometheus-cpp-dev
  librocksdb-dev libboost1.81-dev libboost-iostreams1.81-dev libboost-json1.81-dev
  libyaml-cpp-dev libeigen3-dev libspdlog-dev libcli11-dev libxxhash-dev libjemalloc-dev
  zlib1g-dev libgtest-dev libgmock-dev libbenchmark-dev ccache prometheus
)
test_packages=(clang libclang-rt-14-dev clang-tidy clang-format gzip prometheus-alertmanager time
               valgrind)
if [[ ${1:-} == --tests ]]; then
  packages+=("${test_packages[@]}")
  # buf runs on any Node.js; install Debian's only if npm is missing.
  command -v npm >/dev/null || packages+=(nodejs npm)
fi

if [[ ! -r /etc/debian_version ]] || ! command -v apt-get >/dev/null; then
  echo "install: this script supports Debian 12 only; install these packages by hand: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
    missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "install: everything is installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "install: run this as root, or install sudo; missing: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

# Installing Debian's prometheus (and prometheus-alertmanager) would start it as a service; the
# quickstart runs its own beside the daemon.
policy=/usr/sbin/policy-rc.d
placed=0
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  placed=1
fi
remove_policy() { ((placed == 0)) || "${as_root[@]}" rm -f "$policy"; }
trap remove_policy EXIT

echo "install: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if ((placed == 1)) && command -v systemctl >/dev/null; then
  for service in prometheus prometheus-alertmanager; do
    "${as_root[@]}" systemctl disable "$service" >/dev/null 2>&1 || true
  done
fi
echo "install: done"

#!/usr/bin/env bash
# Installs, builds, starts the daemon with a Prometheus beside it, and runs the demo's traffic.
#   deploy/quickstart.sh          leaves both running and prints where to look
#   deploy/quickstart.sh --once   unattended: stops what it started, and exits 0 only if
#                                 exactly the expected incidents opened and Prometheus saw them fire
#   deploy/quickstart.sh --stop   stops the processes of an earlier run and removes its state
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
home=$root/build/quickstart
faultline=$root/build/release/daemon/faultline
once=0

stop_pid() { # FILE NAME: ends the process whose pid an earlier run recorded
  local pid
  [[ -r $1 ]] || return 0
  pid=$(<"$1")
  rm -f "$1"
  [[ -r /proc/$pid/comm && $(</proc/"$pid"/comm) == "$2" ]] || return 0
  kill -TERM "$pid" 2>/dev/null || return 0
  for _ in $(seq 150); do
    [[ -e /proc/$pid ]] || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}

stop_all() {
  stop_pid "$home/prometheus.pid" prometheus
  stop_pid "$home/faultline.pid" faultline
}

case ${1:-} in
  '') ;;
  --once) once=1; home=$root/build/quickstart-once ;;
  --stop) stop_all; rm -rf "$home"; echo "quickstart: stopped"; exit 0 ;;
  *) echo "usage: deploy/quickstart.sh [--once | --stop]" >&2; exit 2 ;;
esac

free_port() { # FIRST: the first free port from FIRST on
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

wait_for() { # URL WHAT PIDFILE
  for _ in $(seq 300); do
    curl -fsS -o /dev/null "$1" 2>/dev/null && return 0
    [[ -e /proc/$(<"$3") ]] || break
    sleep 0.1
  done
  echo "quickstart: $2 did not become ready; its log:" >&2
  tail -n 20 "$home/$2.log" >&2
  return 1
}

./deploy/install.sh
echo "quickstart: building (the first build takes several minutes)"
./deploy/build.sh release >"$root/build-quickstart.log" 2>&1 || {
  tail -n 40 "$root/build-quickstart.log" >&2
  exit 1
}
rm -f "$root/build-quickstart.log"

stop_all
rm -rf "$home"
mkdir -p "$home"
grpc_port=$(free_port 7070)
http_port=$(free_port $((grpc_port + 1)))
reports_port=$(free_port $((http_port + 1)))
prometheus_port=$(free_port 9090)
((once == 0)) || trap 'stop_all; rm -rf "$home/data" "$home/prometheus"' EXIT

"$faultline" serve --config deploy/examples/credit-demo.yaml --data-folder "$home/data" \
  --grpc "127.0.0.1:$grpc_port" --http "127.0.0.1:$http_port" \
  --reports "127.0.0.1:$reports_port" >"$home/faultline.log" 2>&1 &
echo $! >"$home/faultline.pid"
wait_for "http://127.0.0.1:$http_port/-/ready" faultline "$home/faultline.pid"

cp -r deploy/prometheus/rules "$home/rules"
sed -e "s/127\.0\.0\.1:7071/127.0.0.1:$http_port/" -e 's/_interval: [0-9]*s/_interval: 1s/' \
  deploy/prometheus/prometheus.yml >"$home/prometheus.yml"
prometheus --config.file="$home/prometheus.yml" --storage.tsdb.path="$home/prometheus" \
  --web.listen-address="127.0.0.1:$prometheus_port" >"$home/prometheus.log" 2>&1 &
echo $! >"$home/prometheus.pid"
wait_for "http://127.0.0.1:$prometheus_port/-/ready" prometheus "$home/prometheus.pid"

export FAULTLINE_ADDRESS=127.0.0.1:$grpc_port
if ((once == 1)); then
  "$faultline" demo --once
  # Prometheus must have seen them as firing alerts of the shipped rules.
  fired() {
    curl -fsS "http://127.0.0.1:$prometheus_port/api/v1/query" --data-urlencode \
      'query=count(count_over_time(ALERTS{alertname="FaultlineDetectorFiring",alertstate="firing",model="credit"}[1h]))' |
      python3 -c 'import json, sys
result = json.load(sys.stdin)["data"]["result"]
print(result[0]["value"][1] if result else 0)'
  }
  count=$(fired)
  echo "quickstart: Prometheus saw $count alerts of the model fire"
  ((count >= 1)) || exit 1
  echo "quickstart: ok"
  exit 0
fi

"$faultline" demo || true
cat <<TEXT

The daemon and Prometheus are still running.
  incidents        FAULTLINE_ADDRESS=$FAULTLINE_ADDRESS $faultline incidents list
  signal states    FAULTLINE_ADDRESS=$FAULTLINE_ADDRESS $faultline status credit
  reports          http://127.0.0.1:$reports_port/incidents
  metrics          http://127.0.0.1:$http_port/metrics
  Prometheus       http://127.0.0.1:$prometheus_port/alerts
  logs and state   $home
  stop             ./deploy/quickstart.sh --stop
TEXT

#!/bin/bash
# ringcast's own TLS listener beside nginx that terminates TLS in front of its plain one (perf/tls.sh; under 4 minutes),
# in turns, with the same certificate and the same ciphers agreed upon. What counts is the CPU time and memory of all
# processes that serve: ringcast, and with nginx both. Needs nginx and openssl (Debian's packages of these names).
#
#   perf/tls.sh [SECTION...]      one event a send: paced; as fast as it goes: fast; many that connect, stay idle, are
#                                 cut off and come back with their tickets: idle
#   BENCH_ROUNDS=5 BENCH_CONNECTIONS=1000 BENCH_TIME=1s BENCH_IDLE=10000 BENCH_IDLE_ROUNDS=2 BENCH_WORKERS=2
#                                 are the defaults (one worker a core, of each server)
# shellcheck disable=SC1091,SC2119,SC2154 # what compare.sh sets and reads
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin
for program in nginx openssl; do
  command -v "$program" >/dev/null || { echo "tls.sh: there is no $program: apt-get install $program" >&2; exit 2; }
done
source perf/compare.sh

CONNECTIONS=${BENCH_CONNECTIONS:-1000}
DURATION=${BENCH_TIME:-1s}
IDLE=${BENCH_IDLE:-10000}
IDLE_ROUNDS=${BENCH_IDLE_ROUNDS:-2}
nginx=
nginx_url=
tls_url=

stop_nginx() {
  if [ -n "$nginx" ]; then
    kill "$nginx" 2>/dev/null || true
    wait "$nginx" 2>/dev/null || true
    nginx=
  fi
}
trap 'stop_nginx; clean_up' EXIT

# nginx at its best documented setting, with what ringcast agrees upon. $1: the port; $2: how much it reads of
# ringcast at once, which it holds for each connection.
nginx_configuration() {
  local open_files
  open_files=$(ulimit -Hn)
  [ "$open_files" -le 65536 ] || open_files=65536
  cat <<END
$([ "$(id -u)" != 0 ] || echo "user root;")
daemon off;
pid $work/nginx.pid;
worker_processes $workers;
worker_rlimit_nofile $open_files;
error_log stderr warn;
events {
  use epoll;
  multi_accept on;
  worker_connections $open_files;
}
http {
  access_log off;
  client_body_temp_path $work/nginx-body;
  proxy_temp_path $work/nginx-proxy;
  fastcgi_temp_path $work/nginx-fastcgi;
  uwsgi_temp_path $work/nginx-uwsgi;
  scgi_temp_path $work/nginx-scgi;
  upstream ringcast {
    server ${url#http://};
    keepalive 64;
  }
  server {
    listen 127.0.0.1:$1 ssl reuseport backlog=4096;
    ssl_certificate $work/certificate.pem;
    ssl_certificate_key $work/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
    ssl_ecdh_curve X25519:P-256:P-384;
    ssl_prefer_server_ciphers on;
    ssl_conf_command NumTickets 1;
    ssl_session_tickets on;
    location / {
      proxy_pass http://ringcast;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_buffer_size $2;
      proxy_buffers 8 $2;
      proxy_read_timeout 1h;
    }
  }
}
END
}

is_open() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# start_nginx BUFFER: in front of the broker that runs.
start_nginx() {
  local port
  stop_nginx
  for _ in {1..10}; do
    port=$((10000 + RANDOM % 20000))
    if is_open "$port"; then continue; fi
    nginx_configuration "$port" "$1" >"$work/nginx.conf"
    nginx -p "$work" -e stderr -c "$work/nginx.conf" >"$work/nginx.log" 2>&1 &
    nginx=$!
    for _ in {1..100}; do
      kill -0 "$nginx" 2>/dev/null || break
      if is_open "$port"; then
        nginx_url=https://127.0.0.1:$port
        return
      fi
      sleep 0.05
    done
    stop_nginx
  done
  fail "nginx did not start" "$work/nginx.log"
}

# start_servers BUFFER: new ones.
start_servers() {
  stop_nginx
  start_broker --listen 127.0.0.1:0,tls --tls-certificate "$work/certificate.pem" --tls-key "$work/key.pem"
  tls_url=$(grep -oE -m 1 'https://127\.0\.0\.1:[0-9]+' "$work/broker.log") || fail "the broker has no TLS" "$work/broker.log"
  start_nginx "$1"
}

# NAME MODE ARGUMENT...: a run over ringcast's own TLS, one over nginx's, and one without TLS.
own() {
  ringcast "tls-$1" "$2" --url "$tls_url" "${@:3}"
}

proxied() {
  ringcast "nginx-$1" "$2" --url "$nginx_url" --pid "$nginx" "${@:3}"
}

plain() {
  ringcast "plain-$1" "${@:2}"
}

# The first two in turns first.
turns() {
  if [ $((round % 2)) = 0 ]; then proxied "$@"; fi
  own "$@"
  if [ $((round % 2)) = 1 ]; then proxied "$@"; fi
}

# What was agreed upon, which must be the same with both.
agreed() {
  local members='"tls_version":"[^"]*","tls_cipher":"[^"]*","tls_group":"[^"]*"'
  local kinds
  kinds=$(grep -ohE "$members" "$work/ringcast-tls-$1.json" "$work/ringcast-nginx-$1.json" | sort -u)
  [ "$(wc -l <<<"$kinds")" = 1 ] || fail "not the same was agreed upon" <(echo "$kinds")
  sed -E 's/"tls_[a-z]*":"([^"]*)"/\1/g; s/,/, /g' <<<"$kinds"
}

# row LABEL NAME KEY FACTOR FORMAT: own beside nginx's.
tls_row() {
  beside "$1" "tls-$2" "nginx-$2" "$3" "$4" "$5"
}

tls_heading() {
  heading "$1" "ringcast" "nginx + ringcast"
}

# What section_paced and section_fast both do. KIND BUFFER ARGUMENT...
fan_out() {
  local kind=$1 buffer=$2 size
  shift 2
  local -a load=(fanout --connections "$CONNECTIONS" --duration "$DURATION" --warmup 300ms "$@")
  start_servers "$buffer"
  for ((round = 1; round <= rounds; round++)); do
    progress "$kind, round $round of $rounds"
    for size in 64 200; do
      turns "$kind-$size" "${load[@]}" --size "$size"
      plain "$kind-$size" "${load[@]}" --size "$size"
    done
  done
  progress_end
}

section_paced() {
  local size
  fan_out paced 4k --rate 25
  for size in 64 200; do
    tls_heading "$CONNECTIONS connections, $size bytes, 25/s: one event a send ($(agreed "paced-$size"))"
    tls_row "CPU a delivery, us" "paced-$size" server_cpu_per_delivery_ns 0.001 %.2f
    tls_row "latency p50, ms" "paced-$size" latency_p50_us 0.001 %.2f
    tls_row "latency p99, ms" "paced-$size" latency_p99_us 0.001 %.2f
    alone "CPU a delivery without TLS, us" "plain-paced-$size" server_cpu_per_delivery_ns 0.001 %.2f
  done
}

section_fast() {
  local size
  fan_out fast 16k --window 256
  for size in 64 200; do
    tls_heading "$CONNECTIONS connections, $size bytes, as fast as they are received ($(agreed "fast-$size"))"
    tls_row "deliveries, M/s" "fast-$size" deliveries_per_s 0.000001 %.2f
    tls_row "CPU a delivery, us" "fast-$size" server_cpu_per_delivery_ns 0.001 %.3f
    tls_row "events a send" "fast-$size" events_per_send 1 %.1f
    alone "deliveries without TLS, M/s" "plain-fast-$size" deliveries_per_s 0.000001 %.2f
    alone "CPU a delivery without TLS, us" "plain-fast-$size" server_cpu_per_delivery_ns 0.001 %.3f
  done
}

# idle_figures NAME: per connection, as members of an object for each run of that name.
idle_figures() {
  awk -v connections="$IDLE" '
    function value(key,   at) {
      at = index($0, "\"" key "\":")
      return at == 0 ? 0 : substr($0, at + length(key) + 3) + 0
    }
    {
      if (value("tls_handshakes") != 2 * connections || value("tls_resumed") != connections) exit 1
      printf "{\"full_us\":%.3f,\"full_per_s\":%.1f,\"resumed_us\":%.3f,\"resumed_per_s\":%.1f}\n",
        value("opening_server_cpu_s") * 1e6 / connections, connections / value("opening_s"),
        value("reconnecting_server_cpu_s") * 1e6 / connections, connections / value("reconnecting_s")
    }' "$work/ringcast-$1.json" >"$work/ringcast-figures-$1.json" || fail "not all, or not only they, resumed" "$work/ringcast-$1.json"
}

idle_row() {
  beside "$1" figures-tls-idle figures-nginx-idle "$2" 1 "$3"
}

# New servers for each run: what memory each connection costs is what those of a fresh one add.
section_idle() {
  local kind
  local -a kinds load=(idle storm --connections "$IDLE" --missed 1 --opening 256 --settle 1s)
  for ((round = 1; round <= IDLE_ROUNDS; round++)); do
    progress "idle, round $round of $IDLE_ROUNDS"
    kinds=(own proxied)
    if [ $((round % 2)) = 0 ]; then kinds=(proxied own); fi
    for kind in "${kinds[@]}"; do
      start_servers 4k
      "$kind" "${load[@]}"
    done
  done
  progress_end
  idle_figures tls-idle
  idle_figures nginx-idle
  tls_heading "$IDLE connections come, stay idle, are cut off and come back ($(agreed idle)), medians of $IDLE_ROUNDS"
  tls_row "resident an idle connection, KiB" idle resident_per_connection_bytes 0.0009765625 %.2f
  tls_row "kernel memory a connection, KiB" idle kernel_per_connection_bytes 0.0009765625 %.2f
  idle_row "full handshakes/s" full_per_s %.0f
  idle_row "CPU a full handshake, us" full_us %.0f
  idle_row "resumed handshakes/s" resumed_per_s %.0f
  idle_row "CPU a resumed handshake, us" resumed_us %.0f
  echo "  (a handshake: with its request and the beginning of its stream)"
}

sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(paced fast idle)
for section in "${sections[@]}"; do
  declare -F "section_$section" >/dev/null || { echo "tls.sh: there is no section $section" >&2; exit 2; }
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
  -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/openssl.log" || fail "no certificate" "$work/openssl.log"
echo "ringcast's own TLS beside nginx $(nginx -v 2>&1 | grep -oE '[0-9.]+$') in front of it, $workers workers each, medians of" \
  "$rounds rounds (lowest to highest)"
for section in "${sections[@]}"; do
  "section_$section"
done
printf '\n%d s. Every run delivered every event to every subscriber, in order and once.\n' "$SECONDS"
others

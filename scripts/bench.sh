#!/usr/bin/env bash
# Measures Warroom on this host: real programs of the release build, on loopback. docs/benchmarks.md says what the figures mean.
#
#   scripts/bench.sh page   [--trials N] [--kills N]
#                                             from a threshold crossed on a host to the page at its receiver, beside
#                                             Prometheus and Alertmanager; and with the collector killed in between
#   scripts/bench.sh storm  [--hosts N] [--groups N]
#                                             hundreds of hosts that cross at once: who is told when, by which ways
#   scripts/bench.sh agent  [--seconds N]     what the agent takes of its host, and of its network
#   scripts/bench.sh ingest [--seconds N] [--rate N] [--connections N] [--tenants N] [--columns N]
#                                             what the collector takes for the streams of many agents
#   scripts/bench.sh store  [--live-seconds N]
#                                             what history takes, and how fast it is read, beside VictoriaMetrics: on recordings of
#                                             hosts in the directory WARROOM_DATA; without it only what comes of made-up streams
#   scripts/bench.sh fleet  [--agents N...] [--outage S]
#                                             a thousand and ten thousand agents, the collector's outage, and their return
#   scripts/bench.sh link   [--agents N] [--seconds N]
#                                             what the secure channel costs: logins, sealed messages, agents that are there
#   scripts/bench.sh watch  [--series N] [--rules N] [--ticks N] [--runs N]
#                                             what judging a sample by a rule costs, beside promtool
#
# Prints JSON objects, one a line, and on stderr what they mean. Stops all it started. Exit status 0: measured; 1: not; 2: usage.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-}
case "$what" in
page | storm | agent | ingest | store | fleet | link | watch) shift ;;
-h | --help)
	sed -n '2,22s/^# \{0,1\}//p' "$0"
	exit 0
	;;
*)
	sed -n '2,22s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

scripts/install-deps.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target warroom-collector warroom-agent warroom \
	warroom-storm warroom-swarm warroom-feed warroom-seal warroom-logins warroom-unblock warroom-ask warroom-judge >&2
WARROOM_BIN=$PWD/build/release/bin exec python3 -B "tests/bench/$what.py" "$@"

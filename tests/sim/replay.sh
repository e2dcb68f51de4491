#!/usr/bin/env bash
# A seed shown again is the same to the last line: what makes a failure found once one that can be looked at.
#
#   tests/sim/replay.sh WARROOM-SIM
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for scenario in faults days; do
	for run in first second; do
		"$1" --seed 7 --hours 1 --hosts 5 --trace --log "$folder/$run" "$scenario" >/dev/null
	done
	[ "$(wc -l <"$folder/first")" -gt 1000 ] || { echo "replay: the log is not worth comparing" >&2; exit 1; }
	cmp "$folder/first" "$folder/second"
done

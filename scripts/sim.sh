#!/usr/bin/env bash
# Days of an event by seed: the whole collector on virtual time, with faults in agents, lines, disk, channels, and in itself, and
# people who answer late or never. docs/simulation.md tells what is played and what must hold.
#
#   scripts/sim.sh [--seeds N] [--from K] [--jobs J] [--scenario days|faults|moves] [--each]
#
#   --seeds N      so many seeds, 50 unless said otherwise...
#   --from K       ...from this one on, 1 unless said otherwise
#   --jobs J       as many at once as this host has processors unless said otherwise
#   --each         a line for each seed
#
# Prints what failed, and how to see it again, and what there was in all. Exit status 0: nothing failed; 1: some seed did; 2: usage.
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=50 from=1 jobs=$(nproc) scenario=days each=
usage() {
	sed -n '2,13s/^# \{0,1\}//p' "$0"
	exit "$1"
}
while [ $# -gt 0 ]; do
	case "$1" in
	--seeds | --from | --jobs | --scenario)
		[ $# -ge 2 ] || usage 2 >&2
		declare "${1#--}=$2"
		shift
		;;
	--each) each=yes ;;
	-h | --help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	shift
done
for number in "$seeds" "$from" "$jobs"; do
	[[ $number =~ ^[1-9][0-9]{0,8}$ ]] || usage 2 >&2
done

cmake --preset release >/dev/null
cmake --build --preset release --target warroom-sim >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Each seed is told of in a file of its own, its failure at once. What was left of a failed run can be had again by its seed.
run() {
	local out=$1/$3
	if ! "$4" --seed "$3" "$2" >"$out" 2>&1; then
		echo "seed $3 failed: $(sed -n 's/^sim: seed [0-9]*: //p' "$out" | head -1)"
		echo "  again with: build/release/tests/warroom-sim --seed $3 --log sim.log --trace $2"
		sed -n 's/^sim: its files are left in \([^;]*\);.*/\1/p' "$out" | xargs -r rm -rf
		: >"$1/failed-$3"
	elif [ -n "$5" ]; then
		grep -v ' h in ' "$out"
	fi
}
export -f run

began=$EPOCHSECONDS
seq "$from" $((from + seeds - 1)) |
	xargs -P "$jobs" -I{} bash -c 'run "$@"' _ "$folder" "$scenario" {} "$PWD/build/release/tests/warroom-sim" "$each" || true

failed=$(find "$folder" -name 'failed-*' | wc -l)
cat "$folder"/[0-9]* | awk -v seeds="$seeds" -v failed="$failed" -v seconds=$((EPOCHSECONDS - began)) '
	/ messages, / {
		for (i = 2; i <= NF; i++) {
			if ($i ~ /^faults/) faults += $(i - 1)
			if ($i ~ /^ticks/) ticks += $(i - 1)
			if ($i == "judged;") judged += $(i - 4)
			if ($i == "clocks:") clocks += $(i - 1)
			if ($i == "told") told += $(i - 1)
			if ($i == "breaches") breaches += $(i - 1)
			if ($i == "messages,") messages += $(i - 1)
			if ($i == "acknowledged,") acknowledged += $(i - 1)
			if ($i == "entries") entries += $(i - 1)
		}
	}
	END {
		printf "%d seeds in %d s, %d failed\n", seeds, seconds, failed
		if (clocks)
			printf "%d faults, %d ticks, %d spells judged; %d clocks: %d told within ten minutes, %d breaches with their cause; %d messages, %d acknowledged; %d entries in the ledgers\n",
				faults, ticks, judged, clocks, told, breaches, messages, acknowledged, entries
	}'
times | tail -1 | sed 's/^/processor time: /'
[ "$failed" = 0 ]

#!/usr/bin/env bash
# A planted bug is found by the invariant that is there for it, in one of a few seeds, and that seed has nothing to find
# without it.
#
#   tests/sim/plant.sh WARROOM-SIM BUG SCENARIO FIRST-SEED LAST-SEED WORDS
set -euo pipefail
sim=$1 bug=$2 scenario=$3 first=$4 last=$5 words=$6
for ((seed = first; seed <= last; seed++)); do
	said=$("$sim" --seed "$seed" --hours 1 --plant "$bug" "$scenario" 2>&1) && continue
	left=$(sed -n 's|.* left in \(/dev/shm/warroom-sim-[A-Za-z0-9]*\);.*|\1|p' <<<"$said")
	rm -rf ${left:+"$left"}
	grep -F "$words" <<<"$said" || continue
	"$sim" --seed "$seed" --hours 1 "$scenario"
	exit
done
echo "plant: $bug: none of seeds $first..$last of $scenario says \"$words\"; the last one: $said" >&2
exit 1

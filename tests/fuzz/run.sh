#!/usr/bin/env bash
# run.sh PROGRAM FOUND SEEDS: fuzzes for WARROOM_FUZZ_SECONDS (10), from what earlier runs found and from the seeds.
set -euo pipefail
program=$1 found=$2 seeds=$3
mkdir -p "$found"
folders=("$found")
[ -d "$seeds" ] && folders+=("$seeds")
exec "$program" -max_total_time="${WARROOM_FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
	-verbosity=0 -artifact_prefix="$found.crash-" "${folders[@]}"

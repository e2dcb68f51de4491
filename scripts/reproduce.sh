#!/usr/bin/env bash
# Whether the release build gives the same programs to the byte wherever and whenever it is made: builds the tree in folders of
# different names, with another time zone, language and umask, and compares.
#
#   scripts/reproduce.sh                  builds twice
#   scripts/reproduce.sh --against DIR    builds once, and compares with the programs in DIR, say build/release/bin
#
# Prints the SHA-256 of each program. Exit 0: the same, 1: not, 2: usage.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=(warroom warroom-agent warroom-collector)

against=
case "${1:-}" in
--against)
	[ $# -eq 2 ] && [ -d "$2" ] || { echo "usage: scripts/reproduce.sh [--against DIR]" >&2; exit 2; }
	against=$(realpath "$2")
	;;
'') ;;
*) echo "usage: scripts/reproduce.sh [--against DIR]" >&2; exit 2 ;;
esac

dir=$(mktemp -d "${TMPDIR:-/tmp}/warroom-reproduce.XXXXXX")
trap 'rm -rf "$dir"' EXIT
export CCACHE_DISABLE=1 # or the second build would be a copy of the first

# build NAME: the programs from a copy of the tree; nothing is asked of git, which a tarball has not
build() {
	mkdir -p "$dir/$1"
	tar -c --exclude=./build --exclude=./.git . | tar -x -C "$dir/$1"
	(
		cd "$dir/$1"
		cmake --preset release -DBUILD_TESTING=OFF >cmake.log && cmake --build --preset release --target "${programs[@]}" >build.log
	) || { cat "$dir/$1"/*.log >&2; exit 1; }
}

(
	umask 077
	export TZ=Asia/Kathmandu LC_ALL=C.UTF-8 LANGUAGE=fr
	build "a folder/with another, longer name"
)
ours="$dir/a folder/with another, longer name/build/release/bin"
if [ -z "$against" ]; then
	build b
	against=$dir/b/build/release/bin
fi

failed=0
for program in "${programs[@]}"; do
	one=$(sha256sum <"$ours/$program")
	other=$(sha256sum <"$against/$program")
	printf '%s  %s\n' "${one%% *}" "$program"
	if [ "$one" != "$other" ]; then
		echo "reproduce: $program differs: ${other%% *}" >&2
		failed=1
	fi
done
exit $failed

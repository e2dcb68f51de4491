#!/usr/bin/env bash
# Everything that is checked without running the programs: white space, layers, clang-tidy, the scripts' syntax.
#
#   scripts/lint.sh                   all files
#   scripts/lint.sh --changed [REV]   clang-tidy only for what differs from REV (HEAD by default: what is not committed)
#
# Runs every check, prints every finding. Exit 0: nothing found, 1: findings, 2: usage.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
	echo "usage: scripts/lint.sh [--changed [REV]]" >&2
	exit 2
}

since=
case "${1:-}" in
--changed)
	since=${2:-HEAD}
	[ $# -le 2 ] || usage
	git rev-parse --quiet --verify "$since^{commit}" >/dev/null || {
		echo "lint: $since is no revision" >&2
		exit 2
	}
	;;
'') ;;
*) usage ;;
esac

failed=()

# check NAME COMMAND...: runs it, says how it went and how long it took, and goes on
check() {
	local name=$1 start=$SECONDS
	shift
	if "$@"; then
		echo "lint: $name: ok ($((SECONDS - start)) s)"
	else
		echo "lint: $name: FAILED"
		failed+=("$name")
	fi
}

# What git knows or would add, of the given patterns: never what is built or generated.
ours() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r f; do
	if [ -f "$f" ]; then echo "$f"; fi
done; }

white_space() { ours '*.c' '*.h' | xargs -r clang-format --dry-run -Werror; }

# clang-format leaves comments alone, so the width of a line is checked here.
width() { ! ours '*.c' '*.h' | LC_ALL=C.UTF-8 xargs -r grep -nE '^.{121,}' /dev/null; }

layers() { scripts/check-layers.sh && scripts/check-layers-test.sh; }

syntax() {
	local f rc=0
	while read -r f; do
		bash -n "$f" || rc=1
	done < <(ours scripts tests packaging .ci | xargs -r grep -lE '^#!(/usr/bin/env bash|/bin/bash|/bin/sh)' /dev/null)
	return $rc
}

# The files to tidy: all .c, or those that changed and those that include a header that changed.
to_tidy() {
	if [ -z "$since" ]; then
		ours '*.c'
		return
	fi
	{
		git diff --name-only --diff-filter=d "$since" -- '*.c' '*.h'
		git ls-files --others --exclude-standard -- '*.c' '*.h'
	} | sort -u | while read -r f; do
		case $f in
		*.c) echo "$f" ;;
		*.h) ours '*.c' | xargs -r grep -lF "#include \"$f\"" || true ;;
		esac
	done | sort -u
}

# clang-tidy needs each file's command line, and the headers that the build generates.
configure() {
	cmake --preset dev >build/lint.log 2>&1 || {
		cat build/lint.log
		return 1
	}
	ninja -C build/dev -t targets all | sed -n 's/^\(.*\.[ch]\): CUSTOM_COMMAND$/\1/p' |
		xargs -r ninja -C build/dev >build/lint.log 2>&1 || {
		cat build/lint.log
		return 1
	}
}

# A file that was clean and has not changed since, nor any header, is not read again: build/lint keeps a stamp for it.
still_clean() {
	local stamp=build/lint/$1.ok
	[ "$stamp" -nt "$1" ] && [ "$stamp" -nt "$newest" ]
}

tidy() {
	mkdir -p build/lint
	configure || return 1
	newest=$(ours '*.h' .clang-tidy CMakeLists.txt | xargs ls -t | sed -n 1p) # all of it is read: head would end ls by a signal
	# "N warnings generated." counts what it has suppressed; findings themselves go to stdout
	to_tidy | while read -r f; do still_clean "$f" || echo "$f"; done | xargs -r -P "$(nproc)" -n 1 sh -c '
		mkdir -p "build/lint/${1%/*}"
		said=$(clang-tidy -p build/dev --quiet "$1" 2>&1) && touch "build/lint/$1.ok" && exit 0
		printf "%s\n" "$said" | grep -vE "^[0-9]+ (warning|error)s?( and [0-9]+ errors?)? generated\.$"
		exit 1' tidy
}

check "white space" white_space
check "line width" width
check "layers" layers
check "shell syntax" syntax
check "clang-tidy" tidy

if [ ${#failed[@]} -gt 0 ]; then
	printf 'lint: findings in:'
	printf ' %s;' "${failed[@]}"
	echo
	exit 1
fi
echo "lint: nothing found"

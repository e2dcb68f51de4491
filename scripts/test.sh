#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test:
#   units under AddressSanitizer and UBSan, the threaded ones under ThreadSanitizer too, the fuzz targets for a few seconds each,
#   then whole programs (release build) on loopback.
# Ends with ctest's count of all of them.
#
#   scripts/test.sh            all of it
#   scripts/test.sh NAME       only tests whose name matches NAME (a regular expression), in all builds that have them
set -euo pipefail
cd "$(dirname "$0")/.."
only=${1:-.}

scripts/install-deps.sh test
for preset in asan tsan release fuzz; do
	cmake --preset "$preset" >/dev/null
done
cmake --build --preset asan
cmake --build --preset tsan
cmake --build --preset release
cmake --build --preset fuzz

# What tests write goes to memory where there is room: no promise is about how long a disk takes, and beside dozens of tests that
# flush all the time a real one takes seconds, which a collector rightly calls a fault. Not where programs cannot be run from there.
in_memory() {
	local dir=/dev/shm free_kib
	free_kib=$(df --output=avail "$dir" 2>/dev/null | tail -n 1) || return 1
	[ -w "$dir" ] && [ "${free_kib:-0}" -ge $((4 << 20)) ] && ! findmnt -no OPTIONS -T "$dir" | grep -qw noexec
}
if [ -z "${TMPDIR:-}" ] && in_memory; then
	export TMPDIR=/dev/shm
fi

# One ctest over all builds, so that its last line counts everything.
mkdir -p build/all
printf 'subdirs("../%s")\n' asan tsan release fuzz >build/all/CTestTestfile.cmake
export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$((4 * $(nproc)))}" # quarters of cores: PROCESSORS in CMakeLists.txt
export WARROOM_FUZZ_SECONDS="${WARROOM_FUZZ_SECONDS:-10}"
ctest --test-dir build/all -R "$only" --output-on-failure --no-tests=error

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

# One ctest over all builds, so that its last line counts everything.
mkdir -p build/all
printf 'subdirs("../%s")\n' asan tsan release fuzz >build/all/CTestTestfile.cmake
export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$((4 * $(nproc)))}" # quarters of cores: PROCESSORS in CMakeLists.txt
export WARROOM_FUZZ_SECONDS="${WARROOM_FUZZ_SECONDS:-10}"
ctest --test-dir build/all -R "$only" --output-on-failure --no-tests=error

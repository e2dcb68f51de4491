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
cmake --build --preset tsan --target threaded_tests
cmake --build --preset release
cmake --build --preset fuzz

export CTEST_OUTPUT_ON_FAILURE=1 CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$(nproc)}"
export WARROOM_FUZZ_SECONDS="${WARROOM_FUZZ_SECONDS:-10}"
# One ctest over the four builds, so that the last line counts everything.
ctest --test-dir build/all -R "$only" --no-tests=error

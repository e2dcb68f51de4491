#!/usr/bin/env bash
# Records what this version's agent and collector say to each other, for later versions to be held to, and forgets the versions whose
# peers need not be understood any more (tests/recorded/README.md). As root, for its agent runs on a host of another name.
#
#   scripts/record-peer.sh
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset release >/dev/null
cmake --build --preset release --target warroom-agent warroom-collector warroom recorded-tell
exec python3 -B tests/program/record.py

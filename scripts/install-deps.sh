#!/usr/bin/env bash
# Installs what Warroom needs from Debian 12: the one list that every script uses.
#
#   scripts/install-deps.sh build    what compiles and runs the programs
#   scripts/install-deps.sh demo     that, and what quickstart.sh drives (stress-ng, python3)
#   scripts/install-deps.sh test     that, and what the tests, the linters and the benchmarks need
#
# Nothing is installed that is already there, so a second run needs neither root nor a network.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(gcc libc6-dev make cmake ninja-build pkg-config ca-certificates tzdata
	libuv1-dev libnng-dev libprotobuf-c-dev protobuf-c-compiler libsodium-dev libyaml-dev uthash-dev
	libsqlite3-dev libzstd-dev libxxhash-dev libcurl4-openssl-dev libjansson-dev libglib2.0-dev
	libcairo2-dev libpango1.0-dev fonts-noto-core fonts-noto-cjk)
demo=(stress-ng python3 iproute2 procps)
tests=(libcmocka-dev nng-utils python3-cryptography git curl openssl libwrap0 systemd clang clang-format clang-tidy
	libclang-rt-14-dev llvm tshark libgnutls-dane0 netbase poppler-utils)
# Unpacked beside the build, not installed: their packages would start services on this host.
unpacked=(prometheus-node-exporter prometheus prometheus-alertmanager victoria-metrics stunnel4 exim4-daemon-light libidn12)

case "${1:-}" in
build) wanted=("${build[@]}") unpacked=() ;;
demo) wanted=("${build[@]}" "${demo[@]}") unpacked=() ;;
test) wanted=("${build[@]}" "${demo[@]}" "${tests[@]}") ;;
*)
	echo "usage: scripts/install-deps.sh build|demo|test" >&2
	exit 2
	;;
esac

have() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=()
for package in "${wanted[@]}"; do
	have "$package" || missing+=("$package")
done

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	as_root=(sudo)
fi
if [ ${#missing[@]} -gt 0 ]; then
	if [ ${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; then
		echo "install-deps: needs root to install: ${missing[*]}" >&2
		echo "install-deps: run it as root, or install these packages and run it again" >&2
		exit 1
	fi
	echo "install-deps: installing ${missing[*]}" >&2
	"${as_root[@]}" apt-get update -qq
	DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

for package in "${unpacked[@]}"; do
	into=build/tools/$package
	[ -d "$into/usr" ] && continue
	mkdir -p "$into"
	(
		cd "$into"
		apt-get download -qq "$package" || { "${as_root[@]}" apt-get update -qq && apt-get download -qq "$package"; }
		dpkg -x ./*.deb . && rm -f ./*.deb
	) >&2
done

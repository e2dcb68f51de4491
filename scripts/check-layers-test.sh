#!/usr/bin/env bash
# Proves that check-layers.sh catches what it is for: each row plants one include in a copy of nothing and says what the
# checker must answer; "ok" means that it must stay silent.
set -euo pipefail
cd "$(dirname "$0")/.."

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# plant FILE INCLUDE EXPECTED: an empty tree with FILE, whose third line is `#include INCLUDE`
plant() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/$(dirname "$1")"
	printf '/* planted */\n\n#include %s\n' "$2" >"$tree/$1"
	[ "$2" != '"neighbour.h"' ] || printf '\n' >"$tree/$(dirname "$1")/neighbour.h"
	local said rc=0
	said=$(scripts/check-layers.sh "$tree") || rc=$?
	if [ "$3" = ok ] && [ $rc -eq 0 ]; then
		return
	fi
	if [ "$3" != ok ] && [ $rc -eq 1 ] && [[ $said == "$1:"*"$3"* ]]; then
		return
	fi
	printf 'check-layers-test: %s with #include %s: want "%s", got (%d):\n%s\n' "$1" "$2" "$3" $rc "$said"
	failed=1
}

# the arrows between the programs
plant base/x.c '"proto/codec/codec.h"' 'base -> proto/codec/codec.h'
plant proto/link/x.c '"agent/read/read.h"' 'proto/link -> agent/read/read.h'
plant agent/x.c '"collector/page/page.h"' 'agent -> collector/page/page.h'
plant collector/x.c '"warroom/command/verb.h"' 'collector -> warroom/command/verb.h'
plant warroom/command/x.c '"collector/store/store.h"' 'warroom/command -> collector/store/store.h'
plant warroom/x.c '"agent/agent.h"' 'warroom -> agent/agent.h'
plant agent/x.c '"tests/program/peer.h"' 'agent -> tests/program/peer.h'
plant agent/x.c '"proto/link/client.h"' ok
plant tests/program/x.c '"collector/store/store.h"' ok

# the rooms of the collector
plant collector/watch/x.c '"collector/store/store.h"' 'collector/watch -> collector/store/store.h'
plant collector/watch/x.c '"proto/link/server.h"' 'collector/watch -> proto/link/server.h'
plant collector/watch/x.c '"collector/ingest/ingest.h"' 'collector/watch -> collector/ingest/ingest.h'
plant collector/watch/x.c '"collector/ingest/fleet.h"' ok
plant collector/event/x.c '"collector/watch/watch.h"' 'collector/event -> collector/watch/watch.h'
plant collector/page/x.c '"base/work.h"' 'collector/page -> base/work.h'
plant collector/page/x.c '<uv.h>' 'collector/page -> uv.h'
plant collector/patrol/x.c '<curl/curl.h>' 'collector/patrol -> curl/curl.h'
plant collector/capacity/x.c '"collector/store/store.h"' 'collector/capacity -> collector/store/store.h'
plant collector/ingest/x.c '"collector/store/store.h"' 'collector/ingest -> collector/store/store.h'
plant collector/channel/x.c '"collector/store/store.h"' 'collector/channel -> collector/store/store.h'
plant collector/store/x.c '"collector/channel/channel.h"' 'collector/store -> collector/channel/channel.h'
plant collector/control/x.c '"collector/store/store.h"' ok
plant collector/collector.c '"collector/store/store.h"' ok
plant collector/collector.c '<uv.h>' ok

# the rooms of the agent and of proto
plant agent/read/x.c '"proto/link/client.h"' 'agent/read -> proto/link/client.h'
plant agent/probe/x.c '"agent/uplink/uplink.h"' 'agent/probe -> agent/uplink/uplink.h'
plant proto/metric/x.c '"proto/codec/message.h"' 'proto/metric -> proto/codec/message.h'
plant proto/metric/x_test.c '"proto/codec/message.h"' ok
plant agent/read/x_test.c '"collector/page/page.h"' 'agent/read -> collector/page/page.h'

# wrapped libraries
plant agent/x.c '<nng/nng.h>' 'agent -> nng/nng.h: named only in proto/link'
plant proto/link/x.c '<nng/protocol/reqrep0/req.h>' ok
plant proto/link/x.c '"proto/codec/wire.pb-c.h"' 'wire.pb-c.h: named only in proto/codec'
plant agent/x.c '<protobuf-c/protobuf-c.h>' 'protobuf-c/protobuf-c.h: named only in proto/codec'
plant collector/control/x.c '<sqlite3.h>' 'sqlite3.h: named only in collector/store'
plant collector/store/x.c '<sqlite3.h>' ok
plant tests/program/x.c '<sqlite3.h>' ok
plant collector/x.c '<zstd.h>' 'zstd.h: named only in collector/store'
plant base/moment.c '<yaml.h>' 'yaml.h: named only in base/config*.c'
plant base/config_tree.c '<yaml.h>' ok
plant collector/watch/config.c '<yaml.h>' 'yaml.h: named only in'
plant agent/x.c '<curl/curl.h>' 'curl/curl.h: named only in collector/channel'
plant collector/watch/x.c '<glib.h>' 'glib.h: named only in collector/event'
plant warroom/command/x.c '<microhttpd.h>' 'microhttpd.h: named only in warroom/httpd'
plant collector/store/x.c '<sodium.h>' 'sodium.h: named only in'
plant collector/store/x.c '<jansson.h>' 'jansson.h: named only in'
plant warroom/command/x.c '<jansson.h>' ok
plant warroom/command/x.c '<uv.h>' 'warroom/command -> uv.h'
plant base/clock.c '<uv.h>' 'base -> uv.h'
plant base/work.h '<uv.h>' ok
plant agent/x.c '<cmocka.h>' 'agent -> cmocka.h'

# form
plant agent/read/x.c '"../uplink/uplink.h"' 'relative include'
plant agent/read/x.c '"./read.h"' 'relative include'
plant agent/read/x.c '"agent/read/../uplink/uplink.h"' 'relative include'
plant agent/read/x.c '"neighbour.h"' 'without its folder'
plant agent/read/x.c 'HEADER' 'cannot be checked'
plant attic/x.c '<stdio.h>' 'has no row'

[ $failed -eq 0 ] && echo "check-layers-test: every planted fault was caught"
exit $failed

#!/usr/bin/env bash
# Checks that includes follow the house: base <- proto <- { agent, collector, warroom }, rooms know only their
# neighbours, and each wrapped library is named in its one folder. Prints file:line and the arrow that is broken.
#
#   scripts/check-layers.sh [DIR]     DIR: the tree to check, this repository by default
#
# Exit 0: all is well, 1: something is not, 2: usage.
set -euo pipefail

# What a room may include of ours: folders or single headers. A room may always include itself; "!x" takes x away again.
# The longest path that matches a file is its room; a folder without a row here has no place in the house. A test beside
# the code may play the other rooms of its program. One room of the console, warroom/trial, looks at pure ones of the
# collector, header by header: rules over a file are judged by what judges them everywhere.
rooms='
base
proto/metric        base
proto/codec         base proto/metric
proto/link          base
proto/text          base
proto/ledger        base proto/codec proto/text
agent/read          base proto/metric proto/codec
agent/probe         base proto/metric proto/codec proto/link/address.h agent/read/readings.h
agent/spool         base proto/codec
agent/uplink        base proto agent/read/readings.h agent/spool
agent               base proto agent
collector/event     base !base/work.h proto/metric collector/ingest/fleet.h
collector/watch     base !base/work.h proto/metric proto/codec collector/event collector/ingest/fleet.h collector/capacity/robust.h
collector/patrol    base !base/work.h proto/metric proto/codec collector/event collector/ingest/fleet.h collector/watch
collector/capacity  base !base/work.h proto/metric
collector/page      base !base/work.h proto/metric collector/event collector/ingest/fleet.h collector/watch
collector/ingest    base proto/metric proto/codec
collector/channel   base proto/metric collector/page
collector/store     base proto/metric proto/codec proto/ledger collector !collector/channel !collector/control
collector/store/block  base proto/codec
collector/store/pack   base proto/codec collector/store/block collector/store/db.h collector/store/file.h collector/store/schema.h collector/store/store.h collector/store/read/decoder.h collector/store/read/reader.h
collector/store/read   base proto/codec proto/ledger collector/store/block collector/store/db.h collector/store/schema.h collector/store/store.h collector/store/ask.h collector/store/rows.h
collector/store/upkeep base proto/codec proto/ledger collector/ingest/fleet.h collector/store/block collector/store/db.h collector/store/schema.h collector/store/store.h collector/store/load.h collector/store/rows.h collector/store/pack/pack.h
collector/control   base proto collector
collector           base proto collector
warroom/carry       base proto/metric proto/codec
warroom/trial       base proto/metric proto/codec warroom/carry/source.h warroom/carry/bundle.h collector/watch/replay.h collector/watch/overlay.h
warroom/command     base proto warroom/carry warroom/trial
warroom/report      base proto
warroom/httpd       base proto warroom/report
warroom             base proto warroom
tests               base proto agent collector warroom
'

# Where the header of a library may be named: folders or files, with * and ?. tests/ may name any of them: a test that
# plays a hostile peer or looks into a database goes around the wrapping on purpose.
libraries='
nng/                proto/link
protobuf-c/         proto/codec
*.pb-c.h            proto/codec
sodium.h            proto/codec proto/ledger proto/link collector/channel
yaml.h              base/config*.c
sqlite3.h           collector/store
zstd.h              collector/store/block
xxhash.h            collector/store agent/spool
curl/               collector/channel
glib.h              collector/event
glib/               collector/event
cairo               warroom/report
pango/              warroom/report
gio/                collector/event
microhttpd.h        warroom/httpd
jansson.h           agent collector/*.? collector/control collector/channel warroom
uv.h                base/work* base/notify* proto/link agent collector/*.? collector/ingest collector/store collector/channel collector/control warroom/*.? warroom/httpd
cmocka.h            *_test.c *_fixture.?
'

case "${1:-}" in
-*)
	echo "usage: scripts/check-layers.sh [DIR]" >&2
	exit 2
	;;
esac
cd "${1:-$(dirname "$0")/..}"

find . \( -name .git -o -name build \) -prune -o -name '*.[ch]' -print | sed 's|^\./||' | sort |
	rooms=$rooms libraries=$libraries awk '
# Whether `path` is `pattern`, lies in the folder `pattern`, or fits it where it has * or ?. A pattern without a folder
# fits in every folder.
function fits(path, pattern) {
	if (pattern !~ /[*?]/)
		return path == pattern || index(path, pattern (pattern ~ /\/$/ ? "" : "/")) == 1
	if (pattern !~ /\//)
		sub(/.*\//, "", path)
	gsub(/\./, "[.]", pattern)
	gsub(/\*/, "[^/]*", pattern)
	gsub(/\?/, "[^/]", pattern)
	return path ~ ("^" pattern "$")
}
function fits_any(path, list,    words, n, i, found) {
	n = split(list, words, " ")
	for (i = 1; i <= n; i++) {
		if (words[i] ~ /^!/) {
			if (fits(path, substr(words[i], 2)))
				return 0
		} else if (fits(path, words[i])) {
			found = 1
		}
	}
	return found
}
function is_test(path) {
	return path ~ /_(test|fixture)\.[ch]$/
}
function room_of(path,    i, best) {
	for (i = 1; i <= n_rooms; i++)
		if (index(path, rooms[i] "/") == 1 && length(rooms[i]) > length(best))
			best = rooms[i]
	return best
}
function fault(text) {
	printf "%s:%d: %s\n", file, line, text
	faults++
}
function check_include(name, quoted,    room, top, i, folder) {
	if (name ~ /(^|\/)\.\.?\//) {
		fault("relative include \"" name "\": name it by its full path")
		return
	}
	room = room_of(file)
	top = name
	sub(/\/.*/, "", top)
	folder = file
	sub(/[^\/]*$/, "", folder)
	if (top in tops && name ~ /\//) {
		if (room_of(name) != room && !fits_any(name, allowed[room]) && !(is_test(file) && fits(file, top)))
			fault(room " -> " name ": " room " may include of ours: " (allowed[room] ? allowed[room] : "nothing"))
	} else if (quoted && (folder name) in files) {
		fault("include \"" name "\" without its folder: write \"" folder name "\"")
	}
	if (room == "tests")
		return
	for (i = 1; i <= n_libraries; i++)
		if (fits(name, libraries[i]) && !fits_any(file, homes[libraries[i]]))
			fault(room " -> " name ": named only in " homes[libraries[i]])
}
BEGIN {
	n = split(ENVIRON["rooms"], rows, "\n")
	for (i = 1; i <= n; i++)
		if (split(rows[i], words, " ") > 0) {
			rooms[++n_rooms] = words[1]
			rest = rows[i]
			sub(/^[^ ]+ */, "", rest)
			sub(/ +$/, "", rest)
			allowed[words[1]] = rest
			sub(/\/.*/, "", words[1])
			tops[words[1]] = 1
		}
	n = split(ENVIRON["libraries"], rows, "\n")
	for (i = 1; i <= n; i++)
		if (split(rows[i], words, " ") > 0) {
			libraries[++n_libraries] = words[1]
			rest = rows[i]
			sub(/^[^ ]+ */, "", rest)
			homes[words[1]] = rest
		}
}
{
	names[NR] = $0
	files[$0] = 1
}
END {
	for (f = 1; f <= NR; f++) {
		file = names[f]
		line = 0
		if (room_of(file) == "") {
			line = 1
			fault("its folder has no row in scripts/check-layers.sh: what may it include?")
			continue
		}
		while ((getline text < file) > 0) {
			line++
			if (text !~ /^[ \t]*#[ \t]*include/)
				continue
			name = text
			if (!sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", name)) {
				fault("an include that cannot be checked: name the header")
				continue
			}
			sub(/[>"].*/, "", name)
			check_include(name, text ~ /include[ \t]*"/)
		}
		close(file)
	}
	if (faults) {
		printf "check-layers: %d includes go where they may not\n", faults
		exit 1
	}
	printf "check-layers: the includes of %d files follow the house\n", NR
}'

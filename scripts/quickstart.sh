#!/usr/bin/env bash
# Warroom on this host, from nothing: installs, builds, starts a collector and an agent in a directory of their own, makes an
# event and starts it.
#
#   scripts/quickstart.sh                       until Ctrl-C; prints what to look at
#   scripts/quickstart.sh --once                the main job, and ends: loads this host's CPU until a page was accepted,
#                                               acknowledges it, waits for the recovery, prints one JSON line
#   scripts/quickstart.sh --webhook URL         pages go to URL instead of a small receiver of its own
#
# It stops only what it started. Exit status 0: done; 1: something did not happen, it says what and leaves the logs.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

once=
webhook=
while [ $# -gt 0 ]; do
	case "$1" in
	--once) once=1 ;;
	--webhook)
		[ $# -ge 2 ] || { echo "quickstart: --webhook needs a URL" >&2; exit 2; }
		webhook=$2
		shift
		;;
	-h | --help)
		sed -n '2,11s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		echo "quickstart: unknown option $1; --help shows them" >&2
		exit 2
		;;
	esac
	shift
done

say() { echo "quickstart: $*" >&2; }

say "installing what is missing, building (build/release)"
scripts/install-deps.sh demo
cmake --preset release -DBUILD_TESTING=OFF >/dev/null
cmake --build --preset release --target warroom-collector warroom-agent warroom >&2
bin=$root/build/release/bin

dir=$(mktemp -d "${TMPDIR:-/tmp}/warroom-quickstart.XXXXXX")
started=()
stop() {
	local status=$?
	trap - EXIT INT TERM
	local pid
	for pid in ${started[@]+"${started[@]}"}; do
		kill "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	if [ "$status" -eq 0 ]; then
		rm -rf "$dir"
	else
		say "logs and data are left in $dir"
	fi
	exit "$status"
}
trap stop EXIT
if [ -n "$once" ]; then
	trap 'exit 130' INT
	trap 'exit 143' TERM
else
	trap 'exit 0' INT TERM # the way it is meant to end
fi

fail() {
	say "$*"
	tail -n 5 "$dir"/*.log 2>/dev/null >&2 || true
	exit 1
}

# Waits until a command succeeds: until_true SECONDS WHAT-DID-NOT-HAPPEN COMMAND...
until_true() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || fail "$what"
		sleep 0.2
	done
}

warroom() { "$bin/warroom" --control "$dir/control.sock" "$@"; }
field() { python3 -c 'import json,sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
print("" if value is None else value)' "$1"; }

if [ -z "$webhook" ]; then
	python3 "$root/scripts/receiver.py" --port-file "$dir/receiver.port" --log "$dir/pages.jsonl" 2>"$dir/receiver.log" &
	started+=($!)
	until_true 10 "the webhook receiver did not start" test -s "$dir/receiver.port"
	webhook=http://127.0.0.1:$(cat "$dir/receiver.port")/page
fi
printf '%s\n' "$webhook" >"$dir/webhook.url"
chmod 600 "$dir/webhook.url"

cat >"$dir/collector.yaml" <<END
listen: 127.0.0.1:0
control: $dir/control.sock
feed: $dir/feed.sock
state: $dir/state
rules: [$root/share/rules/normal.yaml, $root/share/rules/assurance.yaml]
plans: $root/share/plans
calendars: $root/share/calendars
webhooks:
  - name: quickstart
    url_file: $dir/webhook.url
END
"$bin/warroom-collector" --config "$dir/collector.yaml" 2>"$dir/collector.log" &
collector=$!
started+=("$collector")
until_true 10 "the collector did not start" warroom status

host=$(uname -n | tr -c 'A-Za-z0-9._\n-' - | sed 's/^[^A-Za-z0-9]*//' | cut -c1-63)
host=${host:-this-host}
warroom tenant add demo >/dev/null
cat >"$dir/agent.yaml" <<END
identity: $dir/identity
spool: $dir/spool
probes:
  - name: collector
    address: $(warroom status --json | field listen)
    every: 5s
END
# What a person pastes goes by a pipe here: other users see the arguments of a process, not its input.
warroom host enroll "$host" --tenant demo --json | field invitation.code |
	"$bin/warroom-agent" --config "$dir/agent.yaml" join - >"$dir/join.log" 2>&1 || fail "the agent did not join"
say "$(cat "$dir/join.log")"
"$bin/warroom-agent" --config "$dir/agent.yaml" 2>"$dir/agent.log" &
agent=$!
started+=("$agent")

# Two natural days, so that midnight does not end the demonstration.
warroom event create quickstart --tenant demo --zone UTC --from "$(date -u +%F)" --days 2 --hosts '*' --drill >/dev/null
warroom event start quickstart >/dev/null
reporting() { [ "$(warroom status --json | field hosts.reporting)" = 1 ]; }
until_true 30 "the agent did not report to the collector" reporting
say "an event is live over $host, which reports each second"

if [ -z "$once" ]; then
	cat <<END

Warroom is running in $dir. Look at it from another terminal:

  alias warroom='$bin/warroom --control $dir/control.sock'
  warroom status
  warroom hosts
  warroom event show quickstart
  warroom query $host system.cpu.utilization --from -5m

Make it page (pages go to $webhook):

  stress-ng --cpu 0 --timeout 90s
  warroom incident list --follow

Ctrl-C ends it.
END
	wait -n "$collector" "$agent" || true
	fail "a program ended by itself"
fi

say "loading the CPU of this host until somebody is paged"
stress-ng --cpu 0 --timeout 300s --quiet &
stress=$!
started+=("$stress")

# The newest CPU incident, as `incident list` has it.
incident_field() {
	warroom incident list --all --json | python3 -c 'import json, sys
found = [i for i in json.load(sys.stdin)["incidents"] if "CPU" in i["title"] and i["severity"] == "critical"]
value = found[0][sys.argv[1]] if found else None
sys.exit(1) if value in (None, "") else print(value)' "$1"
}
until_true 240 "no page for the loaded CPU was accepted by $webhook" incident_field delivered
number=$(incident_field id)
say "paged: $(incident_field title)"
warroom incident ack "$number" >/dev/null || fail "incident $number could not be acknowledged"
kill "$stress" 2>/dev/null || true
wait "$stress" 2>/dev/null || true
unset 'started[-1]' # gone: its number may be another's soon
say "acknowledged; waiting for the recovery"
until_true 180 "the incident did not resolve after the load was gone" incident_field resolved

rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$agent/status")
warroom incident show "$number" --json >"$dir/incident.json"
samples=$(warroom status --json | field store.samples)
python3 - "$dir/incident.json" "$samples" "$rss" <<'END'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    incident = json.load(file)["incident"]
stamps = {name: incident[name] for name in ("crossed", "detected", "delivered", "acknowledged", "resolved")}
print(json.dumps({**stamps, "samples_stored": int(sys.argv[2]), "agent_rss_kib": int(sys.argv[3])}))
END

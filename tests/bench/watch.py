"""What judging a sample by a rule costs: as code, each condition by itself and all by turns, and beside promtool's evaluation of the same
rules over the same series."""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import tempfile

from bench import emit, run, say
from world import ROOT, Failed

JUDGE = ROOT / "build/release/tests/warroom-judge"
PROMTOOL = ROOT / "build/tools/prometheus/usr/bin/promtool"
KINDS = ("level", "rate", "fraction", "ratio", "absence", "mixed")
TARGET_NS = 50
PEER_SPAN_S = 600
PEER_KINDS = ("level", "rate", "ratio", "absence")  # a part of the time would be a subquery, too large for its tests


def judge(kind, options):
    """The median of several runs: other work on the host only makes one longer."""
    said = [json.loads(subprocess.run([JUDGE, kind, str(options.series), str(options.rules), str(options.ticks)],
                                      check=True, capture_output=True, text=True).stdout)
            for _ in range(options.runs)]
    figures = said[0]
    figures["ns_per_sample_and_rule"] = round(statistics.median(each["ns_per_sample_and_rule"] for each in said), 2)
    return figures


# ---- promtool

def expression(kind, rule):
    above = round(0.8 + 0.01 * rule, 2)
    return {
        "level": f"value > {above}",
        "rate": f"delta(value[60s]) / 60 > {0.01 + 0.001 * rule}",
        "ratio": f"value / on() group_left per > {above}",
        "absence": f"value offset {1 + rule}s unless value",
    }[kind]


def rule_file(kind, n):
    rules = [{"alert": f"r{i}", "expr": expression(kind, i), "for": "30s"} for i in range(n)]
    return {"groups": [{"name": "g", "interval": "1s", "rules": rules}]}


def series_of(options):
    """Healthy values, as warroom-judge has them; one series in a hundred is high for two minutes of eight."""
    found = [{"series": "per", "values": f"1x{PEER_SPAN_S}"}]
    for i in range(options.series):
        values = "0.93x119 0.12x359 0.93x119" if i % 100 == 7 else f"0.12x{PEER_SPAN_S}"
        found.append({"series": f'value{{instance="target-{i}"}}', "values": values})
    return found


def promtool_s(folder, options, kind, rules):
    """Processor time of evaluating `rules` rules each second of the span, reading the files included."""
    (folder / "rules.yaml").write_text(json.dumps(rule_file(kind, rules)), encoding="utf-8")  # YAML holds JSON
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1s",
            "tests": [{"interval": "1s", "input_series": series_of(options),
                       "alert_rule_test": [{"eval_time": f"{PEER_SPAN_S}s", "alertname": "none"}]}]}
    (folder / "test.yaml").write_text(json.dumps(test), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([PROMTOOL, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise Failed(f"promtool: {done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer(kind, options):
    """The difference that nine more rules make, so that neither starting nor loading counts."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        few = promtool_s(folder, options, kind, 1)
        all_of_them = promtool_s(folder, options, kind, options.rules)
    return round((all_of_them - few) * 1e9 / (options.rules - 1) / options.series / PEER_SPAN_S, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--rules", type=int, default=10)
    parser.add_argument("--ticks", type=int, default=20000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    for kind in KINDS:
        figures = judge(kind, options)
        theirs = peer(kind, options) if kind in PEER_KINDS else None
        emit("watch", {**figures, "promtool_ns_per_sample_and_rule": theirs, "targets": {"ns_per_sample_and_rule": TARGET_NS}},
             {"ticks": "one a call, a second apart", "spans_s": 60, "runs": options.runs, "figure": "median",
              "promtool": f"test rules over {PEER_SPAN_S} s, by {options.rules} rules less by one"})
        say(f"{kind}: {figures['ns_per_sample_and_rule']} ns a sample and rule, promtool {theirs} ns")


if __name__ == "__main__":
    run(main)

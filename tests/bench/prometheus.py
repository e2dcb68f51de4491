"""Prometheus, its node_exporter and Alertmanager from Debian's packages, unpacked beside the build, tuned to a second: what they take from a
crossing to a page. They read the host that the agent reads."""
import http.client
import json

from ports import own_port
from world import ROOT, wait_for

TOOLS = (ROOT / "build/tools").resolve()
NAMES = ("prometheus-node-exporter", "prometheus-alertmanager", "prometheus")

RULES = """groups:
  - name: memory
    interval: 1s
    rules:
      - alert: memory_full
        expr: 1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.9
        for: 0s
        labels: {{severity: critical}}
"""
SCRAPES = """global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/prometheus-rules.yaml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs: [{{job_name: host, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}]
"""
ROUTES = """route: {{receiver: webhook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: webhook, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]
"""
# Debian's Alertmanager wants its templates below /usr/share: it sees them there, alone.
WITHIN_SHARES = ("unshare", "--mount", "--map-root-user", "--propagation", "unchanged", "sh", "-c",
                 'mount -t overlay overlay -o "lowerdir=$0/usr/share:/usr/share" /usr/share && exec "$@"')


def answer(port, path):
    """The body of a 200, else None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return body if response.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


class Prometheus:
    """Its processes are the world's, which ends them."""

    def __init__(self, world, url):
        self.world = world
        self.ports = {name: own_port() for name in NAMES}
        folder, ports = world.folder, self.ports
        (folder / "prometheus-rules.yaml").write_text(RULES.format())
        (folder / "prometheus.yaml").write_text(SCRAPES.format(folder=folder, alertmanager=ports["prometheus-alertmanager"],
                                                               exporter=ports["prometheus-node-exporter"]))
        (folder / "alertmanager.yaml").write_text(ROUTES.format(url=url))
        self.start("prometheus-node-exporter", f"--path.procfs={world.host.folder}", "--collector.disable-defaults", "--collector.meminfo")
        self.start("prometheus-alertmanager", f"--config.file={folder}/alertmanager.yaml", f"--storage.path={folder}/alertmanager",
                   "--cluster.listen-address=")
        self.start("prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/prometheus")
        for name in NAMES[1:]:
            wait_for(f"{name} is ready", lambda name=name: answer(self.ports[name], "/-/ready"))
        wait_for("Prometheus has a sample", lambda: self.samples() > 0)

    def start(self, name, *options):
        self.world.start(name, *WITHIN_SHARES, TOOLS / name, TOOLS / name / "usr/bin" / name, f"--web.listen-address=127.0.0.1:{self.ports[name]}", *options)

    def samples(self):
        body = answer(self.ports["prometheus"], "/api/v1/query?query=node_memory_MemTotal_bytes")
        return len(json.loads(body)["data"]["result"]) if body else 0

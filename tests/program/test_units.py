"""The units for systemd are what systemd takes, and as strict as docs/security.md says."""
import pathlib
import re
import subprocess
import tempfile
import unittest

from world import BIN, DEADLINE_S, ROOT

PACKAGING = ROOT / "packaging"
EXPOSURE = {"warroom-collector": 16, "warroom-agent": 33}  # tenths, as docs/security.md has them


def directives(unit):
    """{directive: value, the last one} of the unit's file."""
    lines = (PACKAGING / f"{unit}.service").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


class Units(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="warroom-test.")))

    def analyze(self, *args):
        done = subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def with_these_programs(self, unit):
        """A copy of the unit that starts the programs under test."""
        text = (PACKAGING / f"{unit}.service").read_text(encoding="utf-8")
        path = self.folder / f"{unit}.service"
        path.write_text(text.replace(f"/usr/bin/{unit}", str(BIN / unit)))
        return path

    def test_systemd_finds_nothing_to_complain_of(self):
        for unit in EXPOSURE:
            self.assertEqual(self.analyze("verify", self.with_these_programs(unit)), (0, ""), unit)

    def test_a_word_that_systemd_does_not_know_would_have_been_found(self):
        path = self.with_these_programs("warroom-agent")
        path.write_text(path.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))
        self.assertIn("NoNewPrivilege", self.analyze("verify", path)[1])

    def test_they_are_as_strict_as_documented(self):
        documented = (ROOT / "docs/security.md").read_text(encoding="utf-8")
        for unit, most in EXPOSURE.items():
            status, out = self.analyze("security", "--offline=true", "--no-pager", f"--threshold={most}",
                                       self.with_these_programs(unit))
            self.assertEqual(status, 0, out)
            self.assertRegex(documented, rf"\b{most / 10}\b")

    def test_the_agent_sees_the_hosts_own_file_systems(self):
        namespaces = re.compile(r"Protect(System|Home|Kernel\w+|ControlGroups|Proc|Clock)|Private(Tmp|Devices|Mounts|Users)|"
                                r"ReadOnlyPaths|ReadWritePaths|InaccessiblePaths|TemporaryFileSystem|RootDirectory|ProcSubset")
        found = [name for name in directives("warroom-agent") if namespaces.fullmatch(name)]
        self.assertEqual(found, [])

    def test_their_folders_are_where_the_programs_look(self):
        collector, agent = directives("warroom-collector"), directives("warroom-agent")
        settings = (PACKAGING / "collector.yaml").read_text(encoding="utf-8")
        self.assertIn(f"#state: /var/lib/{collector['StateDirectory']}\n", settings)
        self.assertIn(f"#control: /run/{collector['RuntimeDirectory']}/control.sock\n", settings)
        self.assertIn(f"#feed: /run/{collector['RuntimeDirectory']}/feed.sock\n", settings)
        settings = (PACKAGING / "agent.yaml").read_text(encoding="utf-8")
        self.assertIn(f"#identity: /var/lib/{agent['StateDirectory']}/identity\n", settings)
        self.assertIn(f"#spool: /var/lib/{agent['StateDirectory']}/spool\n", settings)

    def test_their_users_are_made_by_systemd(self):
        text = (PACKAGING / "warroom.sysusers").read_text(encoding="utf-8")
        users = {line.split()[1] for line in text.splitlines() if line.startswith("u ")}
        self.assertEqual(users, {directives(unit)["User"] for unit in EXPOSURE})
        root = self.folder / "root"
        (root / "etc").mkdir(parents=True)
        (root / "usr").mkdir()
        subprocess.run(["systemd-sysusers", f"--root={root}", PACKAGING / "warroom.sysusers"], check=True, timeout=DEADLINE_S,
                       capture_output=True)
        made = {line.split(":")[0] for line in (root / "etc/passwd").read_text(encoding="ascii").splitlines()}
        self.assertEqual(made & users, users)


if __name__ == "__main__":
    unittest.main()

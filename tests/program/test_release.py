"""What users get: programs that are built as docs/security.md says, the same to the byte wherever they are built, and a list of what
is in them that can be trusted."""
import json
import os
import pathlib
import platform
import re
import subprocess
import unittest

from world import BIN, ROOT

PROGRAMS = ("warroom", "warroom-agent", "warroom-collector")


def output(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True, **more).stdout


class Elf(unittest.TestCase):
    @staticmethod
    def each(*options):
        """What readelf says of each program."""
        return [output("readelf", "-W", *options, BIN / program) for program in PROGRAMS]

    def test_they_lie_anywhere_in_memory_and_what_is_linked_is_read_only_before_main(self):
        for text in self.each("--file-header", "--dynamic", "--program-headers"):
            self.assertRegex(text, r"Type: +DYN")
            self.assertRegex(text, r"\(FLAGS_1\) +Flags: NOW PIE")
            self.assertRegex(text, r"\(FLAGS\) +BIND_NOW")
            self.assertIn("GNU_RELRO", text)
            self.assertNotIn("TEXTREL", text)
            self.assertNotRegex(text, r"\((RPATH|RUNPATH)\)")

    def test_no_memory_is_both_written_and_executed(self):
        for text in self.each("--program-headers"):
            self.assertRegex(text, r"GNU_STACK .* RW +0x")
            self.assertNotRegex(text, r"(?m)^ +\w+ .* (RWE|WE) +0x")

    def test_an_overrun_of_the_stack_or_of_a_buffer_ends_them(self):
        for text in self.each("--dyn-syms"):
            imported = {match[1] for match in re.finditer(r"UND (\w+)", text)}
            self.assertLessEqual({"__stack_chk_fail", "__snprintf_chk", "__memcpy_chk"}, imported)
            self.assertEqual(imported & {"gets", "strcpy", "strcat", "sprintf", "vsprintf"}, set())

    def test_each_file_of_theirs_was_compiled_so(self):
        flags = {"-fPIE", "-fstack-protector-strong", "-fstack-clash-protection", "-O2"}
        if platform.machine() == "x86_64":
            flags.add("-fcf-protection=full")
        for text in self.each("--debug-dump=info", "--dwarf-depth=1"):
            made = re.findall(r"DW_AT_producer.*?: (GNU C.*)", text)
            self.assertGreater(len(made), 20)
            for producer in made:
                self.assertLessEqual(flags, set(producer.split()), producer)

    @unittest.skipUnless(platform.machine() == "x86_64", "CET is of x86-64")
    def test_where_the_systems_own_start_files_allow_it_they_are_marked_for_cet(self):
        start = output("gcc", "-print-file-name=Scrt1.o").strip()
        allowed = "IBT" in output("readelf", "-nW", start)  # Debian 12's do not
        for text in self.each("--notes"):
            self.assertEqual("IBT, SHSTK" in text, allowed)
        for program in PROGRAMS:
            first = re.search(r"<main>:\n.*?\t(\w+)\s*$", output("objdump", "-d", "--disassemble=main", BIN / program), re.MULTILINE)
            self.assertEqual(first[1], "endbr64")


class Reproduced(unittest.TestCase):
    def test_another_folder_zone_language_and_umask_give_the_same_bytes(self):
        done = subprocess.run([ROOT / "scripts/reproduce.sh", "--against", BIN], capture_output=True, text=True, check=False,
                              env={**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "2"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([line.split()[1] for line in done.stdout.splitlines()], list(PROGRAMS))

    def test_nothing_in_them_tells_where_they_were_built(self):
        for program in PROGRAMS:
            contents = (BIN / program).read_bytes()
            for room in ("agent", "base", "build", "collector", "proto", "warroom"):
                self.assertFalse(f"{ROOT}/{room}/".encode() in contents, f"{program} names {room}")


class Bill(unittest.TestCase):
    """scripts/sbom.sh, held against CycloneDX 1.5's schema as far as it is used, and against the programs."""

    @classmethod
    def setUpClass(cls):
        cls.text = cls.write()
        cls.bill = json.loads(cls.text)
        cls.components = {one["bom-ref"]: one for one in cls.bill["components"]}

    @staticmethod
    def write(**environment):
        known = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        return output(ROOT / "scripts/sbom.sh", BIN, env={**known, **environment})

    def test_it_is_a_cyclonedx_document(self):
        bill = self.bill
        self.assertEqual(set(bill), {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components",
                                     "dependencies"})
        self.assertEqual((bill["bomFormat"], bill["specVersion"], bill["version"]), ("CycloneDX", "1.5", 1))
        self.assertEqual(bill["$schema"], "http://cyclonedx.org/schema/bom-1.5.schema.json")
        self.assertRegex(bill["serialNumber"], r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
        allowed = {"type", "bom-ref", "name", "version", "scope", "licenses", "purl", "properties", "hashes"}
        for one in [*bill["components"], bill["metadata"]["component"]]:
            self.assertLessEqual(set(one), allowed)
            self.assertIn(one["type"], ("application", "library"))
            self.assertTrue(one["name"] and one["version"])
            self.assertTrue(one["licenses"], one["name"])
            for licence in one["licenses"]:
                self.assertEqual(list(licence), ["license"])
                self.assertIn(list(licence["license"]), (["id"], ["name"]))
            for digest in one.get("hashes", []):
                self.assertEqual(digest["alg"], "SHA-256")
                self.assertRegex(digest["content"], r"^[0-9a-f]{64}$")
            for fact in one.get("properties", []):
                self.assertEqual(set(fact), {"name", "value"})

    def test_each_part_has_its_place_in_the_graph(self):
        refs = [*self.components, self.bill["metadata"]["component"]["bom-ref"]]
        self.assertEqual(len(refs), len(self.bill["components"]) + 1, "no reference stands twice")
        self.assertEqual(sorted(one["ref"] for one in self.bill["dependencies"]), sorted(refs))
        wanted = set()
        for one in self.bill["dependencies"]:
            self.assertEqual(len(one["dependsOn"]), len(set(one["dependsOn"])))
            self.assertLessEqual(set(one["dependsOn"]), set(self.components))
            wanted |= set(one["dependsOn"])
        self.assertEqual(wanted, set(self.components), "nothing hangs in the air")

    def test_the_programs_are_these_programs(self):
        for program in PROGRAMS:
            digest = output("sha256sum", BIN / program).split()[0]
            self.assertEqual(self.components[program]["hashes"], [{"alg": "SHA-256", "content": digest}])

    def test_every_library_that_is_loaded_is_in_it_with_the_version_that_is_installed(self):
        told = {fact["value"].split(" sha256:")[0]: (one["name"], one["version"], fact["value"].split("sha256:")[1])
                for one in self.bill["components"] for fact in one.get("properties", []) if fact["name"] == "warroom:file"}
        for program in PROGRAMS:
            for soname, path in re.findall(r"\s(\S+) => (\S+) \(0x", output("ldd", BIN / program)):
                package, version, digest = told[soname]
                self.assertEqual(version, output("dpkg-query", "-W", "-f=${Version}\n", package).splitlines()[0])
                self.assertEqual(digest, output("sha256sum", path).split()[0])
        for package in ("libc6", "libuv1", "libsqlite3-0", "libsodium23", "libnng1", "libcurl4", "uthash-dev", "libxxhash-dev"):
            self.assertIn(package, [one["name"] for one in self.bill["components"]])

    def test_the_agent_loads_neither_curl_nor_sqlite(self):
        wants = {one["ref"]: one["dependsOn"] for one in self.bill["dependencies"]}
        reached, left = set(), ["warroom-agent"]
        while left:
            ref = left.pop()
            if ref not in reached:
                reached.add(ref)
                left += wants[ref]
        names = {self.components[ref]["name"] for ref in reached}
        self.assertIn("libsodium23", names)
        self.assertEqual({name for name in names if "curl" in name or "sqlite" in name}, set())

    def test_packages_are_named_as_vulnerability_scanners_look_them_up(self):
        for one in self.bill["components"]:
            if one["type"] == "library":
                self.assertRegex(one["purl"], r"^pkg:deb/debian/[a-z0-9.%A-Z-]+@[\w.~%-]+\?arch=(amd64|arm64|all)&distro=debian-\d+$")

    def test_it_is_the_same_each_time_and_has_a_time_only_if_it_is_told_one(self):
        self.assertEqual(self.write(), self.text)
        self.assertNotIn("timestamp", self.bill["metadata"])
        told = json.loads(self.write(SOURCE_DATE_EPOCH="1795400571"))
        self.assertEqual(told["metadata"]["timestamp"], "2026-11-23T02:22:51Z")

    def test_programs_that_are_not_there_are_said(self):
        done = subprocess.run([ROOT / "scripts/sbom.sh", pathlib.Path("/nonexistent")], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/nonexistent/warroom", done.stderr)


if __name__ == "__main__":
    unittest.main()

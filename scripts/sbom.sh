#!/usr/bin/env bash
# What the programs are made of, as a CycloneDX 1.5 bill of materials in JSON on standard output: the programs, the Debian packages whose
# libraries they load, directly or through others, and those that are compiled in. Versions are of the packages installed here, licences as
# their copyright files have them.
#
#   scripts/sbom.sh [DIR]     DIR: where the programs are, build/release/bin by default
#
# The same programs on the same packages give the same bytes; a time stands in it only if SOURCE_DATE_EPOCH says one.
# Exit 0: done, 1: something of it cannot be found out, 2: usage.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -le 1 ] || { echo "usage: scripts/sbom.sh [DIR]" >&2; exit 2; }
export LC_ALL=C.UTF-8
version=$(sed -n 's/^project(warroom VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
exec python3 -I - "${1:-build/release/bin}" "$version" <<'END'
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

PROGRAMS = ("warroom", "warroom-agent", "warroom-collector")
COMPILED_IN = ("libxxhash-dev", "uthash-dev")  # headers alone, so no file that is loaded tells of them
NAMESPACE = uuid.UUID("2f4b1f6c-6a2e-5f0e-9d0b-1c8a3a7d9e52")

# Debian's short names (DEP 5) that SPDX knows by another; what is not here and no SPDX id keeps its name.
SPDX = {"Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "CC0-1.0": "CC0-1.0",
        "Expat": "MIT", "MIT": "MIT", "ISC": "ISC", "Zlib": "Zlib", "zlib": "Zlib",
        "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-2.0+": "GPL-2.0-or-later",
        "GPL-3": "GPL-3.0-only", "GPL-3+": "GPL-3.0-or-later", "GPL-3.0+": "GPL-3.0-or-later",
        "LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later",
        "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3": "LGPL-3.0-only", "LGPL-3+": "LGPL-3.0-or-later"}


def fail(text):
    sys.exit(f"sbom: {text}")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def loaded(program):
    """{soname: file} of all that the program loads."""
    found = {}
    for line in output("ldd", program).splitlines():
        match = re.match(r"\s*(\S+) => (\S+) \(0x", line) or re.match(r"\s*((/\S+)) \(0x", line)
        if match:
            found[os.path.basename(match.group(1))] = match.group(2)
        elif "not found" in line:
            fail(f"{program}: {line.strip()}")
    return found


def needed(path):
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", output("readelf", "-dW", path))


def names_of(path):
    """dpkg may know the file below /usr or not: they are one folder."""
    return {one for real in (path, os.path.realpath(path)) for one in (real, real.removeprefix("/usr"), f"/usr{real.removeprefix('/usr')}")}


def owners(paths):
    """{file: package, without its architecture}"""
    asked = sorted({name for path in paths for name in names_of(path)})
    said = subprocess.run(["dpkg-query", "--search", *asked], capture_output=True, text=True, check=False).stdout
    by_name = {line.rsplit(": ", 1)[1]: line.split(":")[0] for line in said.splitlines() if ": " in line}
    found = {path: next((by_name[name] for name in sorted(names_of(path)) if name in by_name), None) for path in paths}
    for path, package in found.items():
        if not package:
            fail(f"no package has {path}")
    return found


def licences(package):
    """As the copyright file has them; several mean: parts of the source are under each."""
    path = pathlib.Path("/usr/share/doc") / package / "copyright"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return [{"license": {"name": f"unknown: {path} is not there"}}]
    names = set()
    for line in re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE):
        for name in re.split(r"\s+(?:and|or)\s+|[,|]\s*", line.strip()):
            name = name.strip(" ()")
            if name and not name.startswith("with "):
                names.add(name)
    if not names:  # not in DEP 5's form
        names = {f"common-licenses/{name}" for name in re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text)}
    ids = {SPDX.get(name, name) for name in names} & {*SPDX.values()}
    return ([{"license": {"id": name}} for name in sorted(ids)]
            + [{"license": {"name": name}} for name in sorted(names - SPDX.keys() - ids)]
            or [{"license": {"name": f"see {path}"}}])


def component(package, files):
    status, version, architecture, source = output(
        "dpkg-query", "--show", "--showformat=${db:Status-Status}\t${Version}\t${Architecture}\t${source:Package}", package
    ).split("\n")[0].split("\t")
    if status != "installed":
        fail(f"{package} is not installed")
    distro = f"{RELEASE.get('ID', 'debian')}-{RELEASE.get('VERSION_ID', 'unknown')}"
    purl = f"pkg:deb/debian/{package.replace('+', '%2B')}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}&distro={distro}"
    facts = [{"name": "warroom:source-package", "value": source}]
    facts += [{"name": "warroom:file", "value": f"{name} sha256:{sha256(path)}"} for name, path in sorted(files.items())]
    if not files:
        facts.append({"name": "warroom:compiled-in", "value": "true"})
    return {"type": "library", "bom-ref": purl, "name": package, "version": version, "scope": "required",
            "licenses": licences(package), "purl": purl, "properties": facts}


def os_release():
    with open("/etc/os-release", encoding="utf-8") as file:
        return dict(line.rstrip().replace('"', "").split("=", 1) for line in file if "=" in line)


folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
RELEASE = os_release()
files, packages, wants = {}, {}, {}  # soname: file; package: {soname: file}; ref or soname: sonames
for program in PROGRAMS:
    if not (folder / program).is_file():
        fail(f"there is no {folder / program}: build it first")
    files |= loaded(folder / program)
    wants[program] = needed(folder / program)
owned = owners(files.values())
home = {soname: owned[path] for soname, path in files.items()}
for soname, path in files.items():
    packages.setdefault(home[soname], {})[soname] = path
    wants[soname] = needed(path)
libraries = {package: component(package, packages.get(package, {})) for package in sorted({*packages, *COMPILED_IN})}
ref = {package: one["bom-ref"] for package, one in libraries.items()}


def refs(sonames, but=None):
    return sorted({ref[home[soname]] for soname in sonames if soname in home and home[soname] != but})


programs = [{"type": "application", "bom-ref": program, "name": program, "version": version,
             "licenses": [{"license": {"id": "Apache-2.0"}}],
             "hashes": [{"alg": "SHA-256", "content": sha256(folder / program)}]} for program in PROGRAMS]
depends = [{"ref": "warroom-suite", "dependsOn": sorted([*PROGRAMS, *(ref[package] for package in COMPILED_IN)])}]
depends += [{"ref": program, "dependsOn": refs(wants[program])} for program in PROGRAMS]
depends += [{"ref": ref[package], "dependsOn": refs((one for soname in packages.get(package, {}) for one in wants[soname]), package)}
            for package in libraries]
bom = {"$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
       "metadata": {"component": {"type": "application", "bom-ref": "warroom-suite", "name": "warroom", "version": version,
                                  "licenses": [{"license": {"id": "Apache-2.0"}}]}},
       "components": programs + list(libraries.values()), "dependencies": depends}
if "SOURCE_DATE_EPOCH" in os.environ:
    at = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    bom["metadata"]["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(bom, sort_keys=True))}"
json.dump(bom, sys.stdout, indent=2, sort_keys=True)
print()
END

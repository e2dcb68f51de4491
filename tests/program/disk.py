"""Disks of their own for the collector's state, in all the ways in which they fail, and what people hear of it. Needs root: mount."""
import pathlib
import shutil
import subprocess

from world import wait_for


def pages_with(world, status, text):
    pages = [one["page"] for one in world.pages()]
    return [page for page in pages if page["status"] == status and text in page["commonAnnotations"]["summary"]]


def firing(world, text=""):
    return pages_with(world, "firing", text)


def resolved(world, text=""):
    return pages_with(world, "resolved", text)


def critical_pages(world):
    return [page for page in firing(world) if page["commonLabels"]["severity"] == "critical"]


def critical_incidents(world):
    """Without the warnings: that the disk is nearly full, before it is; what the event's closing round finds missing."""
    return [row for row in world.incidents() if row["severity"] == "critical"]


def faults(world):
    return world.must("status")["store"]["faults"]


def tool(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


# ---- disks

def fill(world):
    """Takes every free byte, also those that the collector gives back meanwhile."""
    with open(world.folder / "state/filler", "ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


def fill_until_fault(world):
    def is_at_fault():
        fill(world)
        return "the file of tenant acme cannot be written" in faults(world)
    wait_for("the fault of the tenant's file is declared", is_at_fault)


class FileDisk:
    """A file system in a file, that can be frozen, and that the kernel itself makes read-only when told of an error."""

    def __init__(self, world):
        self.state = world.folder / "state"
        self.image = world.folder / "disk"
        self.state.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(64 << 20)
        tool("mkfs.ext4", "-q", "-m", "0", self.image)
        self.mount()
        world.mounted = True

    def mount(self):
        tool("mount", "-o", "loop,errors=remount-ro", self.image, self.state)

    def break_down(self):
        device = subprocess.run(["findmnt", "-no", "SOURCE", self.state], check=True, capture_output=True, text=True)
        name = pathlib.Path(device.stdout.strip()).name
        pathlib.Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("broken by a test", encoding="ascii")

    def replace(self):
        """What was on it is copied to another one, and that is put in its place, under the running collector."""
        whole = self.image.with_name("disk-2")
        shutil.copyfile(self.image, whole)
        subprocess.run(["e2fsck", "-fy", whole], check=False, capture_output=True)  # 1: it mended something
        tool("umount", "-l", self.state)
        self.image = whole
        self.mount()

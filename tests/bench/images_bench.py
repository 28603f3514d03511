"""Sources in images against a directory, and upper layers in memory and in images against one on the disk.

    UNIONROOT_BUILD_DIR=build/bench PYTHONPATH=tests/support python3 tests/bench/images_bench.py      as root

One line a case: bench CASE directory_ms=... NAME_ms=... (medians). BENCH_COUNT: how many of each (default 15). BENCH_TREE: small for
the small tree instead of Debian's.
"""

import os
import statistics
import subprocess
import time

import unionroot_testing as testing

COUNT = int(os.environ.get("BENCH_COUNT", "15"))


def seconds(*commands):
    """Of the last of them; the others come before."""
    for words in commands[:-1]:
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    subprocess.run(commands[-1], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def show(case, times):
    print("bench", case, *(f"{name}_ms={statistics.median(values) * 1000:.1f}" for name, values in times.items()), flush=True)


class Images:
    def __init__(self, machine, tree):
        self.machine = machine
        place = machine.place
        machine.define("directory", type="directory", directory=tree, union_type="overlay")
        subprocess.run(["mksquashfs", tree, place + "/squashfs.img", "-quiet", "-no-progress", "-comp", "zstd"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["mkfs.erofs", "--quiet", "-zlz4", place + "/erofs.img", tree], check=True, stdout=subprocess.DEVNULL)
        for kind in ("squashfs", "erofs"):
            machine.define(kind, f"[{kind}]\ntype=image\nfile={place}/{kind}.img\n")
        for backing in ("tmpfs", "image"):
            machine.define("on-" + backing, type="directory", directory=tree, union_type="overlay", union_backing=backing,
                           union_size="1G")

    def client(self, *words):
        return self.machine.arguments(*words)

    def end(self, name):
        subprocess.run(self.client("end", name), check=True)

    def begin(self):
        """cold: nobody stands on the image, so that it is mounted; warm: another session does."""
        kinds = ("directory", "squashfs", "erofs")
        cold = {kind: [] for kind in kinds}
        warm = {kind: [] for kind in kinds}
        for _ in range(COUNT):
            for kind in kinds:
                cold[kind].append(seconds(self.client("begin", "--name", "first", kind)))
                warm[kind].append(seconds(self.client("begin", "--name", "second", kind)))
                self.end("second")
                self.end("first")
        show("image_begin_first", cold)
        show("image_begin_later", warm)

    def read(self):
        """Every file, by `find / -xdev -type f | xargs cat`: with an empty page cache, and again."""
        kinds = ("directory", "squashfs", "erofs")
        empty = {kind: [] for kind in kinds}
        full = {kind: [] for kind in kinds}
        for _ in range(max(3, COUNT // 5)):
            for kind in kinds:
                subprocess.run(self.client("begin", "--name", "reader", kind), check=True, stdout=subprocess.DEVNULL)
                read = self.client("run", "--directory", "/", "reader", "--", "sh", "-c",
                                   "find / -xdev -type f -print0 | xargs -0 cat >/dev/null")
                with open("/proc/sys/vm/drop_caches", "w") as file:
                    file.write("3")
                empty[kind].append(seconds(read))
                full[kind].append(seconds(read))
                self.end("reader")
        show("image_read_cold", empty)
        show("image_read_cached", full)

    def cycle(self):
        """begin, run, end: 20 MB written in 200 files."""
        backings = {"directory": "directory", "tmpfs": "on-tmpfs", "image": "on-image"}
        preserved = {name: [] for name in backings}
        automatic = {name: [] for name in backings}
        work = ["sh", "-c", "mkdir /w; for i in $(seq 200); do head -c 100000 /dev/zero >/w/$i; done"]
        for _ in range(COUNT):
            for name, chroot in backings.items():
                start = time.monotonic()
                subprocess.run(self.client("begin", "--name", "cycle", chroot), check=True, stdout=subprocess.DEVNULL)
                subprocess.run(self.client("run", "--directory", "/", "cycle", "--", *work), check=True)
                self.end("cycle")
                preserved[name].append(time.monotonic() - start)
                automatic[name].append(seconds(self.client("run", "--directory", "/", chroot, "--", *work)))
        show("upper_cycle_preserved", preserved)
        show("upper_cycle_automatic", automatic)


def main():
    tree = testing.small_tree() if os.environ.get("BENCH_TREE") == "small" else testing.debian_tree()
    machine = testing.Machine({"log-level": "warning"})
    try:
        bench = Images(machine, tree)
        machine.start()
        bench.begin()
        bench.read()
        bench.cycle()
    finally:
        machine.run("end", "--all", "--force")
        problems = machine.close()
        if problems:
            raise SystemExit("bench: left behind: " + "; ".join(problems))


if __name__ == "__main__":
    main()

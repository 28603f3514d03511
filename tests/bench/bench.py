"""The cases of tests/bench/run, which builds what they need."""

import os
import shutil
import subprocess
import sys

import benchmark
import unionroot_testing as testing

COUNT = int(os.environ.get("BENCH_COUNT", "30"))
MANY = int(os.environ.get("BENCH_SESSIONS", "500"))
TOOLS = os.path.join(testing.BUILD, "bench")
PEER = f"unionroot-bench-{os.getpid()}"
PEER_FILE = "/etc/schroot/chroot.d/" + PEER

# The same mounts for both: those of schroot's own default profile.
FSTAB = """/proc /proc none rw,bind 0 0
/sys /sys none rw,bind 0 0
/dev /dev none rw,bind 0 0
/dev/pts /dev/pts none rw,bind 0 0
/home /home none rw,bind 0 0
/tmp /tmp none rw,bind 0 0
"""


def show(case, ours, peer=None, **more):
    line = f"bench {case} ours_ms={ours / 1000:.3f}"
    if peer is not None:
        line += f" peer_ms={peer / 1000:.3f} ratio={peer / ours:.2f}"
    for key, value in more.items():
        line += f" {key}={value}"
    print(line, flush=True)


def spawn_times(count, *steps):
    """steps: (label or None, command); {label: median in microseconds}."""
    words = [os.path.join(TOOLS, "spawn_time"), str(count)]
    for label, command in steps:
        words += (["+timed", label] if label else ["+untimed"]) + list(command)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd="/")
    if done.returncode != 0:
        raise SystemExit("bench: a command failed (see above)")
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


class Bench:
    def __init__(self, machine, tree):
        self.machine, self.tree = machine, tree
        self.peer = shutil.which("schroot") is not None

    def prepare(self):
        profile = os.path.join(self.machine.configuration, "profiles", "bench")
        os.makedirs(profile)
        files = {"fstab": FSTAB, "copyfiles": "/etc/resolv.conf\n", "nssdatabases": "passwd\nshadow\ngroup\ngshadow\n"}
        for name, text in files.items():
            with open(os.path.join(profile, name), "w") as file:
                file.write(text)
        self.machine.define("bench", type="directory", directory=self.tree, union_type="overlay", profile="bench",
                            dev="host", root_users="root")
        if self.peer:
            # schroot puts its own folder before these.
            same = os.path.relpath(profile, "/etc/schroot")
            with open(PEER_FILE, "w") as file:
                file.write(f"[{PEER}]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\nroot-users=root\n"
                           f"users=root\nprofile=default\nsetup.fstab={same}/fstab\n"
                           f"setup.copyfiles={same}/copyfiles\nsetup.nssdatabases={same}/nssdatabases\n")
        else:
            print("bench: schroot is not installed; only our own times are shown", file=sys.stderr)

    def clean_up(self):
        if not self.peer:
            return
        listed = subprocess.run(["schroot", "-l", "--all-sessions"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True).stdout
        for name in listed.split():
            if PEER in name or name == "session:" + self.peer_session:
                subprocess.run(["schroot", "-q", "-e", "-c", name], stdout=subprocess.DEVNULL)
        if os.path.exists(PEER_FILE):
            os.unlink(PEER_FILE)

    peer_session = f"{PEER}-session"

    def ours(self, *words):
        return self.machine.arguments(*words)

    def compare(self, case, count, ours, peers):
        """ours and peers: lists of (label or None, command), with one label each: "ours" and "peer"."""
        times = spawn_times(count, *ours, *(peers if self.peer else []))
        show(case, times["ours"], times.get("peer"))

    def all(self):
        name, peer_name = "bench-session", self.peer_session
        begin_ours, end_ours = self.ours("begin", "--name", name, "bench"), self.ours("end", name)
        begin_peer = ["schroot", "-q", "-b", "-n", peer_name, "-c", PEER]
        end_peer = ["schroot", "-q", "-e", "-c", peer_name]
        inside_ours = self.ours("run", "--directory", "/", name, "--")
        inside_peer = ["schroot", "-q", "-r", "-d", "/", "-c", peer_name, "--"]

        self.compare("automatic_true", COUNT,
                     [("ours", self.ours("run", "--directory", "/", "bench", "--", "true"))],
                     [("peer", ["schroot", "-q", "-d", "/", "-c", PEER, "--", "true"])])

        subprocess.run(begin_ours, check=True, stdout=subprocess.DEVNULL)
        if self.peer:
            subprocess.run(begin_peer, check=True, stdout=subprocess.DEVNULL)
        self.compare("run_true", COUNT * 3, [("ours", inside_ours + ["true"])], [("peer", inside_peer + ["true"])])
        subprocess.run(end_ours, check=True)
        if self.peer:
            subprocess.run(end_peer, check=True)

        self.compare("begin", COUNT, [("ours", begin_ours), (None, end_ours)], [("peer", begin_peer), (None, end_peer)])
        fill = ["sh", "-c", "mkdir /srv/many; cd /srv/many; i=0; while [ $i -lt 5000 ]; do : > f$i; i=$((i+1)); done"]
        self.compare("end_5000_files", max(5, COUNT // 4),
                     [(None, begin_ours), (None, inside_ours + fill), ("ours", end_ours)],
                     [(None, begin_peer), (None, inside_peer + fill), ("peer", end_peer)])

        def twenty(command):
            return ["sh", "-c", "seq 20 | xargs -P 4 -I{} " + " ".join(command)]

        self.compare("twenty_automatic_four_at_a_time", max(3, COUNT // 10),
                     [("ours", twenty(self.ours("run", "--directory", "/", "bench", "--", "true")))],
                     [("peer", twenty(["schroot", "-q", "-d", "/", "-c", PEER, "--", "true"]))])
        self.tarball()
        self.one_connection()
        self.snapshots()
        self.many_sessions()

    def snapshots(self):
        """What is changed is on the disk by then: an overlay's unmount writes what is not."""
        taken = {}
        for name, megabytes in (("bench-1mb", 1), ("bench-1gb", 1024)):
            subprocess.run(self.ours("begin", "--name", name, "bench"), check=True, stdout=subprocess.DEVNULL)
            fill = self.ours("run", "--directory", "/", name, "--", "dd", "if=/dev/zero", "of=/srv/filled", "bs=1M",
                             f"count={megabytes}", "status=none")
            take = ["sh", "-c", 'exec "$@" >/dev/null', "-"] + self.ours("snapshot", name)
            taken[name] = spawn_times(3, (None, fill), (None, ["sync"]), ("ours", take))["ours"]
        show("snapshot_1mb", taken["bench-1mb"])
        show("snapshot_1gb", taken["bench-1gb"], against_1mb=f"{taken['bench-1gb'] / taken['bench-1mb']:.2f}", aim="1.25")
        begin = spawn_times(COUNT, ("ours", self.ours("begin", "--name", "bench-session", "bench")),
                            (None, self.ours("end", "bench-session")))["ours"]
        clone = spawn_times(COUNT, ("ours", self.ours("clone", "--name", "bench-clone", "bench-1gb")),
                            (None, self.ours("end", "bench-clone")))["ours"]
        show("clone_1gb", clone, against_begin=f"{clone / begin:.2f}", aim="1.50")
        subprocess.run(self.ours("end", "bench-1mb", "bench-1gb"), check=True)

    def tarball(self):
        """Begin on a tarball of the same tree: cold (it has just changed) and warm. schroot unpacks it each time."""
        path = os.path.join(self.machine.place, "tree.tar.gz")
        subprocess.run(["tar", "-C", self.tree, "--numeric-owner", "-czf", path, "."], check=True)
        self.machine.define("bench-file", text=f"[bench-file]\ntype=file\nfile={path}\nprofile=bench\ndev=host\n")
        if self.peer:
            with open(PEER_FILE, "a") as file:
                file.write(f"\n[{PEER}-file]\ntype=file\nfile={path}\nroot-users=root\nprofile=minimal\n")
        begin_ours, end_ours = self.ours("begin", "--name", "bench-tarball", "bench-file"), self.ours("end", "bench-tarball")
        begin_peer = ["schroot", "-q", "-b", "-n", self.peer_session, "-c", PEER + "-file"]
        end_peer = ["schroot", "-q", "-e", "-c", self.peer_session]
        peer = [("peer", begin_peer), (None, end_peer)]
        self.compare("begin_tarball_cold", 3, [(None, ["touch", path]), ("ours", begin_ours), (None, end_ours)], peer)
        self.compare("begin_tarball_warm", 3, [("ours", begin_ours), (None, end_ours)], peer)

    def one_connection(self):
        count = COUNT * 10
        done = subprocess.run([os.path.join(TOOLS, "bus_rate"), self.machine.address, "bench", str(count)], check=True,
                              stdout=subprocess.PIPE, text=True)
        begin, end, total = (float(word) for word in done.stdout.split())
        print(f"bench one_connection begin_ms={begin / 1000:.3f} end_ms={end / 1000:.3f} "
              f"sessions_per_second={count / (total / 1e6):.0f}", flush=True)

    def memory(self):
        with open(f"/proc/{self.machine.daemon.pid}/smaps_rollup") as file:
            values = dict(line.split()[:2] for line in file if line.startswith(("Rss:", "Pss:", "Private_Dirty:")))
        return int(values["Rss:"])

    def begin_time(self):
        begin = self.ours("begin", "--name", "timed", "bench")
        return spawn_times(COUNT, ("ours", begin), (None, self.ours("end", "timed")))["ours"]

    def many_sessions(self):
        memory, begin = self.memory(), self.begin_time()
        for number in range(MANY):
            subprocess.run(self.ours("begin", "--name", f"many-{number}", "bench"), check=True,
                           stdout=subprocess.DEVNULL)
        print(f"bench memory_at_0 ours_kib={memory}", flush=True)
        print(f"bench memory_at_{MANY} ours_kib={self.memory()}", flush=True)
        later = self.begin_time()
        show("begin_at_0", begin)
        show(f"begin_at_{MANY}", later, against_0=f"{later / begin:.2f}")
        automatic = spawn_times(COUNT, ("ours", self.ours("run", "--directory", "/", "bench", "--", "true")))["ours"]
        show(f"automatic_true_at_{MANY}", automatic)
        subprocess.run(self.ours("end", "--all"), check=True)


def main():
    # Neither the harness's log level nor its time-outs are to be in the figures.
    machine = testing.Machine({"log-level": "warning"})
    bench = Bench(machine, testing.debian_tree())

    def work():
        bench.prepare()
        machine.start()
        bench.all()

    return benchmark.run(machine, work, bench.clean_up)



if __name__ == "__main__":
    sys.exit(main())

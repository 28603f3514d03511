"""sbuild_with_schroot.py SOURCE: builds the .dsc in SOURCE by sbuild on Debian's schroot; a tar archive of the .debs on standard output.

As root. What sbuild says is on standard error.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

import client_testing
import side_world
import unionroot_testing as testing


def build(world, source):
    testing.become_subreaper()
    tree = testing.debian_tree()
    network = client_testing.network_files()
    world.enter()
    for path, text in network.items():
        side_world.write(path, text)
    shutil.rmtree("/etc/schroot")
    subprocess.run(["cp", "-aT", world.packages + "/etc/schroot", "/etc/schroot"], check=True)
    side_world.write("/etc/schroot/schroot.conf", "")
    side_world.write(f"/etc/schroot/chroot.d/{client_testing.CHROOT}", client_testing.definition(tree))
    client_testing.give_to_sbuild()
    home = tempfile.mkdtemp(dir="/home/dave")
    for path in glob.glob(source + "/*"):
        shutil.copy(path, home)
    subprocess.run(["chown", "-R", "dave:dave", home], check=True)
    dsc = os.path.basename(glob.glob(home + "/*.dsc")[0])
    done = client_testing.popen("dave", home, "sbuild", "--dist=bookworm", "--chroot=" + client_testing.CHROOT, "--no-run-lintian", "--nolog", dsc,
                                stdout=sys.stderr, stderr=sys.stderr)
    if done.wait() != 0:
        raise SystemExit("sbuild on schroot ended with " + str(done.returncode))
    world.tidy()
    debs = [os.path.basename(path) for path in glob.glob(home + "/*.deb")]
    subprocess.run(["tar", "-c", "-C", home, *debs], check=True)


def main():
    """The world is a child's, so that its folder can be removed."""
    if len(sys.argv) == 3:
        build(side_world.Real(place=sys.argv[2]), sys.argv[1])
        return
    place = tempfile.mkdtemp(prefix=side_world.World.prefix, dir=testing.SCRATCH)
    try:
        status = subprocess.run([sys.executable, "-B", os.path.abspath(__file__), sys.argv[1], place]).returncode
    finally:
        shutil.rmtree(place)
    sys.exit(status)


if __name__ == "__main__":
    main()

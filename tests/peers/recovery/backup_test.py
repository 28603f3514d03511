"""docs/guide/backup.md: its commands, and that its check finds what a backup without attributes has lost."""

import os
import re
import shutil
import subprocess

import unionroot_testing as testing
from recovery_testing import RecoveryTest

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/guide")


class Backup(RecoveryTest):
    def commands(self, heading):
        """The lines of the guide's block under that heading, for this machine's folders; those for systemd are the test's own."""
        with open(os.path.join(GUIDE, "backup.md")) as file:
            (block,) = re.findall(rf"(?s)^## {heading}\n.*?```sh\n(.*?)```", file.read(), re.MULTILINE)
        state = self.machine.state
        parent, name = os.path.split(state)
        for old, new in (("/usr/share/doc/unionroot/guide", GUIDE), ("/srv/backup", self.kept), ("/var/lib/unionroot", state),
                         ("=unionroot/trash", f"={name}/trash"), ("--directory /var/lib unionroot", f"--directory {parent} {name}"),
                         ("--directory /var/lib\n", f"--directory {parent}\n")):
            block = block.replace(old, new)
        self.assertNotIn("/var/lib", block.replace(state, ""))
        lines = block.splitlines()
        self.assertEqual((lines[0], [line for line in lines if line.startswith("systemctl start")]),
                         ("systemctl stop unionrootd", ["systemctl start unionrootd"]))
        return "\n".join(line for line in lines if not line.startswith(("systemctl", "unionroot ")))

    def shell(self, commands):
        return subprocess.run(["/bin/bash", "-e", "-c", commands], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)

    def setUp(self):
        self.kept = os.path.join(self.machine.place, "backup")
        os.mkdir(self.kept)
        self.addCleanup(shutil.rmtree, self.kept)

    def changed(self):
        """A session in which files were deleted, and a folder was made anew."""
        session = self.machine.begin("small")
        self.machine.inside(session, "sh", "-c", "rm /etc/hostname; rm -r /var; mkdir /var; echo new >/var/one; "
                            "echo mine >/srv/mine; chmod 2751 /srv/mine; ln /srv/mine /srv/link")
        return session

    def look(self, session):
        upper = os.path.join(self.machine.session_folder(session), "upper")
        return testing.tree_lines(upper)

    def back_up(self, without=""):
        self.machine.end_daemon()
        commands = self.commands("Backup")
        if without:
            self.assertIn(without, commands)
        done = self.shell(commands.replace(without, ""))
        self.assertEqual(done.returncode, 0, done.stdout)

    def restore(self, boot, without=""):
        self.machine.simulate_reboot(boot)
        done = self.shell(self.commands("Restore").replace(without, ""))
        return done

    def test_backup_and_restore(self):
        session = self.changed()
        before = self.look(session)
        self.back_up()
        done = self.restore("of-restore")
        self.assertEqual((done.returncode, done.stdout), (0, "complete\n"))
        self.assertEqual(self.look(session), before)
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active", self.machine.log())
        location = self.machine.ok("location", session)
        self.assertFalse(os.path.exists(os.path.join(location, "etc/hostname")))
        self.assertEqual(os.listdir(os.path.join(location, "var")), ["one"])
        self.assertTrue(os.path.samefile(os.path.join(location, "srv/mine"), os.path.join(location, "srv/link")))
        self.machine.ok("end", session)
        shutil.rmtree(self.machine.state + ".before")

    def test_the_check_finds_lost_attributes(self):
        session = self.changed()
        self.back_up(without=" --xattrs --xattrs-include='*'")
        done = self.restore("of-loss")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("trusted.overlay.opaque", done.stdout)
        self.assertNotIn("complete", done.stdout)
        # And lost devices, as of a copy by somebody who is not root.
        for folder, _, names in os.walk(self.machine.session_folder(session)):
            for name in names:
                if name == "hostname":
                    os.unlink(os.path.join(folder, name))
        check = subprocess.run([os.path.join(GUIDE, "overlay-marks"), self.machine.state], stdout=subprocess.PIPE, text=True, check=True)
        with open(os.path.join(self.kept, "unionroot.marks")) as file:
            lost = set(file.read().splitlines()) - set(check.stdout.splitlines())
        self.assertTrue(any("etc/hostname' deleted" in line for line in lost), lost)
        shutil.rmtree(self.machine.state)
        os.rename(self.machine.state + ".before", self.machine.state)
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active")
        self.machine.ok("end", session)


    def test_several_sessions_and_names_that_are_no_text(self):
        first, second = self.changed(), self.machine.begin("small", "second")
        self.machine.inside(second, "sh", "-c", 'rm /etc/passwd; echo x >"/srv/$(printf "a\\377\\nb")"; ln -s nowhere /srv/link; touch -d 2001-02-03 /srv')
        before = [self.look(one) for one in (first, second)]
        self.back_up()
        done = self.restore("of-two")
        self.assertEqual((done.returncode, done.stdout), (0, "complete\n"))
        self.assertEqual([self.look(one) for one in (first, second)], before)
        self.machine.start_daemon()
        for one in (first, second):
            self.assertEqual(self.machine.settled(one), "active", self.machine.log())
        self.assertFalse(os.path.exists(os.path.join(self.machine.ok("location", second), "etc/passwd")))
        self.machine.ok("end", first, second)
        shutil.rmtree(self.machine.state + ".before")

    def test_the_check_finds_a_file_system_without_attributes(self):
        session = self.changed()
        self.back_up()
        self.machine.simulate_reboot("of-files-alone")
        marks = os.path.join(self.kept, "unionroot.marks")
        with open(marks) as file:
            wanted = set(file.read().splitlines())
        for folder, folders, names in os.walk(self.machine.session_folder(session)):
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                for attribute in [] if os.path.islink(path) else os.listxattr(path):
                    if attribute.startswith("trusted.overlay."):
                        os.removexattr(path, attribute)
        check = subprocess.run([os.path.join(GUIDE, "overlay-marks"), self.machine.state], stdout=subprocess.PIPE, text=True, check=True)
        self.assertTrue(any("opaque" in line for line in wanted - set(check.stdout.splitlines())), check.stdout)
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active")
        self.machine.ok("end", session)


if __name__ == "__main__":
    testing.main()

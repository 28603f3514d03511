"""QEMU without acceleration, its console in a file, and the test's own serial line as it comes."""

import os
import select
import shutil
import subprocess
import time
import unittest


class Emulator:
    """One machine. It dies with this process, and nothing outlives close()."""

    def __init__(self, disk, kernel, initrd, console, data_disks=(), parameters="root=/dev/vda rw"):
        self.disk, self.kernel, self.initrd, self.console = disk, kernel, initrd, console
        self.data_disks, self.parameters = list(data_disks), parameters
        self.process = None
        self.pending = b""

    @staticmethod
    def require():
        if shutil.which("qemu-system-x86_64") is None:
            raise unittest.SkipTest("needs qemu-system-x86_64 (apt-get install qemu-system-x86)")

    def start(self):
        assert self.process is None
        arguments = [
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,hpet=off", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024", "-nic", "none",
            "-device", "virtio-rng-pci",
            # Writes that the guest did not ask to be on disk are in this machine's memory, or not yet out of the guest.
            "-drive", f"file={self.disk},if=virtio,format=raw,cache=writeback",
            "-kernel", self.kernel, "-initrd", self.initrd,
            # On a busy machine the timer's interrupt can come too late for the kernel's check of it, and the kernel panics.
            "-append", self.parameters + " console=ttyS0 loglevel=5 systemd.show_status=0 mitigations=off no_timer_check "
                       "systemd.default_timeout_start_sec=240s systemd.default_timeout_stop_sec=60s",
            "-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console",
            "-chardev", "stdio,id=report,signal=off", "-serial", "chardev:report"]
        for path in self.data_disks:  # in this order: vdb, vdc...
            arguments += ["-drive", f"file={path},if=virtio,format=raw,cache=writeback"]
        self.pending = b""
        # A pipe that nobody writes to: the report's line never sees an end of input.
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def read_line(self, deadline):
        """The next line of the report; None when the machine is off; TimeoutError past the deadline."""
        output = self.process.stdout
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                return None
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode(errors="replace").strip("\r")

    def cut_power(self):
        """The emulator is gone when this returns; what the guest had in memory is lost."""
        self.process.kill()
        self.process.wait()
        self._forget()

    def wait_off(self, deadline):
        """The machine was told to switch itself off."""
        self.process.wait(max(deadline - time.monotonic(), 1))
        self._forget()

    def _forget(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None

    def close(self):
        if self.process is not None:
            self.cut_power()

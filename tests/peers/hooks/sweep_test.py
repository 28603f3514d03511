"""The crash sweep over sessions with hooks, and on trees that hooks make: the daemon killed, and each call failing, in begin,
end and recovery. As tests/peers/recovery, which has the operations; and after it, every script that was started was stopped."""

import os
import sys

from hooks_testing import Scripts, processes_with

import crash_sweep_test as sweep
import unionroot_testing as testing


class HooksSweep(sweep.Sweep):
    """Each script makes a file on the host to start, and removes it to stop."""

    @classmethod
    def define(cls, machine, tree):
        cls.scripts.add("10mount", f"""
case $1 in
  setup-stop) rm -f {cls.made}/$SESSION_ID.mount ;;
  *) touch {cls.made}/$SESSION_ID.mount; mount -t tmpfs none "$CHROOT_PATH/srv" ;;
esac""")
        cls.scripts.add("20leave", f"""
case $1 in
  setup-stop) rm -f {cls.made}/$SESSION_ID.leave ;;
  *) touch {cls.made}/$SESSION_ID.leave; setsid sleep 98761 & ;;
esac""")
        machine.define_tree("small", tree, hook_directories=cls.scripts.folder)
        machine.define_tree("moved", machine.moved, hook_directories=cls.scripts.folder)

    @classmethod
    def setUpClass(cls):
        cls.machine = sweep.CrashMachine()
        try:
            machine = cls.machine
            cls.scripts = Scripts(machine)
            cls.made = os.path.join(machine.place, "made")
            os.mkdir(cls.made)
            tree = testing.small_tree()
            cls.tree_before = testing.tree_lines(tree)
            machine.moved = os.path.join(machine.place, "tree")
            testing.subprocess.run(["cp", "-a", tree, machine.moved], check=True)
            cls.define(machine, tree)
            machine.problems = cls.problems
            machine.start()
        except BaseException:
            cls.machine.close()
            raise

    @classmethod
    def problems(cls, settle=60.0):
        found = cls.machine.leftovers(settle)
        found += [f"not stopped: {name}" for name in sorted(os.listdir(cls.made))]
        found += [f"left running: {pid} {command}" for pid, command in processes_with("98761").items()]
        return found

    def one(self, kind, variable, number):
        try:
            super().one(kind, variable, number)
        except AssertionError as error:
            print(f"{kind.__name__}, {variable}={number}: {error}", file=sys.stderr, flush=True)
            raise
        finally:
            for name in os.listdir(self.made):
                os.unlink(os.path.join(self.made, name))


class CustomSweep(HooksSweep):
    @classmethod
    def define(cls, machine, tree):
        cls.scripts.add("10tree", f"""
case $1 in
  setup-start) touch {cls.made}/$SESSION_ID.tree; cp -a {tree}/. "$CHROOT_PATH" ;;
  setup-stop) rm -f {cls.made}/$SESSION_ID.tree ;;
esac""")
        machine.define("small", type="custom", profile="buildd", custom_session_purgeable="yes",
                       hook_directories=cls.scripts.folder)


HooksBegin = sweep.sweep_case(sweep.Begin, HooksSweep)
HooksRunAutomatic = sweep.sweep_case(sweep.RunAutomatic, HooksSweep)
HooksEnd = sweep.sweep_case(sweep.End, HooksSweep)
HooksRecover = sweep.sweep_case(sweep.Recover, HooksSweep)
CustomBegin = sweep.sweep_case(sweep.Begin, CustomSweep)
CustomEnd = sweep.sweep_case(sweep.End, CustomSweep)

if __name__ == "__main__":
    testing.main()

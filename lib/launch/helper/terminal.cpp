#include "launch/helper/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace unionroot::helper {

namespace {

constexpr gid_t usual_terminal_group = 5;  // "tty" in Debian, Fedora and others; devpts is mounted with gid=5

bool fail(Text& problem, const char* doing, int error_number) {
  problem.add("making a terminal: ").add(doing).add(": ").add_error(error_number);
  return false;
}

// Returns -1 and closes the directory if it is not a devpts.
int devpts_or_none(int directory) {
  struct statfs type {};
  if (directory < 0 || (fstatfs(directory, &type) == 0 && type.f_type == DEVPTS_SUPER_MAGIC)) return directory;
  close(directory);
  return -1;
}

// Opens the session's devpts, or the host's if the session has none. In that case the terminal has no name inside.
int open_devpts(int root, Text& problem) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int directory = devpts_or_none(static_cast<int>(syscall(SYS_openat2, root, "dev/pts", &how, sizeof how)));
  if (directory < 0) directory = devpts_or_none(open("/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory < 0)
    problem.add(
        "making a terminal: neither the session's nor the host's /dev/pts is a devpts\n"
        "add 'devpts /dev/pts devpts defaults 0 0' to the profile's fstab, or redirect standard input and output");
  return directory;
}

}  // namespace

bool set_window_size(int terminal, unsigned rows, unsigned columns) {
  if (rows == 0 || columns == 0 || rows > 0xffff || columns > 0xffff) return false;
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  return ioctl(terminal, TIOCSWINSZ, &size) == 0;
}

bool open_terminal(int root, const Spec& spec, Terminal& terminal, Text& problem) {
  const int devpts = open_devpts(root, problem);
  if (devpts < 0) return false;
  // In a devpts ptmx is always the multiplexer, since nobody can create files there.
  terminal.master = openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  const int open_error = errno;
  close(devpts);
  if (terminal.master < 0) return fail(problem, "opening /dev/pts/ptmx", open_error);
  int unlock = 0;
  if (ioctl(terminal.master, TIOCSPTLCK, &unlock) != 0) return fail(problem, "unlocking it", errno);
  // The master opens the slave, since a name would be looked up in the session.
  terminal.slave = ioctl(terminal.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal.slave < 0) return fail(problem, "opening its other end", errno);
  struct stat status {};
  if (fstat(terminal.slave, &status) != 0) return fail(problem, "examining it", errno);
  const gid_t group = status.st_gid != 0 ? status.st_gid : usual_terminal_group;
  if (fchown(terminal.slave, spec.header->uid, group) != 0 || fchmod(terminal.slave, 0620) != 0)
    return fail(problem, "giving it to the user", errno);
  set_window_size(terminal.master, spec.header->rows, spec.header->columns);  // 0: the size stays unknown
  return true;
}

bool take_terminal(const Terminal& terminal, Text& problem) {
  return ioctl(terminal.slave, TIOCSCTTY, 0) == 0 || fail(problem, "taking it", errno);
}

bool give_terminal(int terminal, pid_t command) { return ioctl(terminal, TIOCSPGRP, &command) == 0; }

}  // namespace unionroot::helper

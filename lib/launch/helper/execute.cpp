#include "launch/helper/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/elf_machine.h"

namespace unionroot::helper {

namespace {

const char* path_of(char* const* environment) {
  for (; *environment != nullptr; ++environment)
    if (strncmp(*environment, "PATH=", 5) == 0) return *environment + 5;
  return "/bin:/usr/bin";
}

// Reads as many bytes as the kernel examines. Returns their number, or -1.
ssize_t read_start(const char* file, char (&start)[256]) {
  const int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return -1;
  const ssize_t size = read(descriptor, start, sizeof start);
  close(descriptor);
  return size;
}

// Only text goes to the shell, which would misread a program for another machine as a script.
bool looks_like_text(const char* start, size_t size) {
  const char* const line_end = static_cast<const char*>(memchr(start, '\n', size));
  const size_t first_line = line_end != nullptr ? static_cast<size_t>(line_end - start) : size;
  return memchr(start, '\0', first_line) == nullptr;
}

int execute_file(const Spec& spec, const char* file, Found& found) {
  execve(file, spec.arguments, spec.environment);
  int error = errno;
  if (error == ENOENT && faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0) found.file_exists = true;
  char start[256];
  const ssize_t size = error == ENOEXEC || (error == ENOENT && found.file_exists) ? read_start(file, start) : -1;
  if (size < 0) return error;
  const base::ElfMachine machine = base::elf_machine(start, static_cast<size_t>(size));
  if (!base::runs_on(machine, base::own_machine())) {
    found.foreign = true;
    found.architecture = base::architecture_name(machine);
  }
  if (error == ENOEXEC && looks_like_text(start, static_cast<size_t>(size))) {
    // sh FILE ARGUMENTS: the slot before the first argument is reserved for this.
    char* const former = spec.arguments[0];
    char shell[] = "/bin/sh";
    spec.arguments[-1] = shell;
    spec.arguments[0] = const_cast<char*>(file);
    execve(shell, spec.arguments - 1, spec.environment);
    spec.arguments[0] = former;
  }
  return error;
}

bool go_on_after(int error) {
  return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE || error == ENODEV ||
         error == ETIMEDOUT;
}

}  // namespace

int execute(const Spec& spec, Found& found) {
  found = {};
  if (strchr(spec.file, '/') != nullptr) return execute_file(spec, spec.file, found);
  const size_t name_length = strlen(spec.file);
  if (name_length == 0) return ENOENT;
  bool denied = false;
  char candidate[PATH_MAX];
  for (const char* part = path_of(spec.environment);;) {
    const size_t length = strcspn(part, ":");
    if (length + 1 + name_length + 1 <= sizeof candidate) {
      memcpy(candidate, part, length);
      candidate[length] = '/';
      // An empty part means the working directory.
      char* const name = candidate + (length == 0 ? 0 : length + 1);
      memcpy(name, spec.file, name_length + 1);
      const int error = execute_file(spec, candidate, found);
      if (!go_on_after(error)) return error;
      if (error == EACCES) denied = true;
    }
    if (part[length] == '\0') return denied ? EACCES : ENOENT;
    part += length + 1;
  }
}

}  // namespace unionroot::helper

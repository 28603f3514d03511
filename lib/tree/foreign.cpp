#include "tree/foreign.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/elf_machine.h"
#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/regular_file.h"
#include "tree/binfmt.h"

namespace unionroot::tree {

namespace {

using base::concat;
using base::UniqueFd;

constexpr const char* shell = "bin/sh";
constexpr const char* to_install = "on the host: apt-get install qemu-user-static binfmt-support";

// Empty: the tree has no such file.
std::string start_of_shell(int root) {
  const auto file = kernel::open_regular_in_tree(root, shell);
  if (file.found != kernel::RegularFile::Found::file) return {};
  std::string start(binfmt_compared, '\0');
  const auto size =
      base::check(::pread(file.descriptor.get(), start.data(), start.size(), 0), "reading the tree's /bin/sh");
  start.resize(static_cast<std::size_t>(size));
  return start;
}

// True if this path of the host can exist in a session too.
bool is_plain_path(const std::string& path) {
  const auto parts = base::split(path, '/');
  return !parts.empty() && path.front() == '/' && path.back() != '/' &&
         std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part == ".." || part == "."; });
}

template <typename Header, typename Segment>
bool has_interpreter(int file, const std::string& path) {
  Header header{};
  constexpr std::size_t most = 128;  // segments; real programs have about a dozen
  if (base::check(::pread(file, &header, sizeof header, 0), "reading", path) != sizeof header) return false;
  if (header.e_phentsize != sizeof(Segment)) return false;
  for (std::size_t i = 0; i < std::min<std::size_t>(header.e_phnum, most); ++i) {
    Segment segment{};
    const auto at = static_cast<off_t>(header.e_phoff + i * sizeof segment);
    if (base::check(::pread(file, &segment, sizeof segment, at), "reading", path) != sizeof segment) return false;
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

// Returns false, with a note, if the interpreter would not run in a session.
bool can_be_bound(const BinfmtEntry& entry, std::vector<std::string>& notes) {
  const auto interpreter = base::printable(entry.interpreter);
  std::string why;
  try {
    if (!is_plain_path(entry.interpreter))
      why = " has '.' or '..' in its path";
    else if (needs_loader(entry.interpreter))
      why = " needs a dynamic loader, which the session does not have";
  } catch (const base::SystemError& error) {
    why = concat(" cannot be used: ", error.what());
  }
  if (why.empty()) return true;
  notes.push_back(concat("the interpreter ", interpreter, " of the binfmt_misc entry ", base::printable(entry.name),
                         why, "; ", to_install));
  return false;
}

}  // namespace

bool needs_loader(const std::string& path) {
  const UniqueFd file(base::check(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), "opening", path));
  struct stat status {};
  base::check(::fstat(file.get(), &status), "looking at", path);
  if (!S_ISREG(status.st_mode)) throw base::SystemError(EINVAL, concat(path, " is not a regular file"));
  char start[base::elf_machine_size];
  const auto size = base::check(::pread(file.get(), start, sizeof start, 0), "reading", path);
  const auto machine = base::elf_machine(start, static_cast<std::size_t>(size));
  // The numbers in the header have the file's own byte order. An interpreter with another byte order does not run here.
  if (machine.machine == EM_NONE || machine.order != base::own_machine().order) return false;
  return machine.word == ELFCLASS64 ? has_interpreter<Elf64_Ehdr, Elf64_Phdr>(file.get(), path)
                                    : has_interpreter<Elf32_Ehdr, Elf32_Phdr>(file.get(), path);
}

Foreign look_for_foreign_programs(int root, const std::string& binfmt) {
  Foreign found;
  const auto start = start_of_shell(root);
  if (start.empty()) return found;
  const auto machine = base::elf_machine(start.data(), start.size());
  if (machine == base::own_machine()) return found;
  // Entries are checked even if this machine runs the program itself: the kernel tries binfmt_misc first.
  bool served = base::runs_on(machine, base::own_machine());
  for (const auto& entry : read_binfmt(binfmt, found.notes)) {
    if (!entry.matches(start)) continue;
    served = true;
    // Several entries may match. The kernel chooses by order of registration, so all of them are made available.
    const bool bound = !entry.fixed() && can_be_bound(entry, found.notes);
    if (bound) found.interpreters.push_back(entry.interpreter);
    if ((bound || entry.fixed()) && !entry.has_credentials())
      found.notes.push_back(concat(
          "set-uid programs such as sudo do not work in this tree: the binfmt_misc entry ", base::printable(entry.name),
          " has no flag C (its flags: ", entry.flags.empty() ? std::string("none") : entry.flags,
          "); register it with the flags OCF"));
  }
  if (served) return found;
  const char* const name = base::architecture_name(machine);
  found.notes.push_back(
      concat("the tree's programs are for ",
             name != nullptr ? std::string(name) : concat("another machine (ELF ", machine.machine, ")"),
             ", and nothing on this machine runs them; ", to_install));
  return found;
}

}  // namespace unionroot::tree

// binfmt_misc: the kernel's table of interpreters for programs that it cannot run itself. Linux,
// Documentation/admin-guide/binfmt-misc.rst.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::tree {

inline constexpr const char* binfmt_directory = "/proc/sys/fs/binfmt_misc";

// The kernel compares this many bytes of a file: BINPRM_BUF_SIZE in <linux/binfmts.h>.
inline constexpr std::size_t binfmt_compared = 256;

struct BinfmtEntry {
  std::string name;
  bool enabled = false;
  std::string interpreter;  // an absolute path; looked up where the program is executed, unless fixed()
  std::string flags;        // letters: P, O, C, F
  std::string extension;    // ".exe"; if set, the three below are not
  std::size_t offset = 0;
  std::string magic, mask;  // bytes; the mask is empty or as long as the magic

  // F: the kernel opened the interpreter at registration. It need not be in the session.
  [[nodiscard]] bool fixed() const { return flags.find('F') != std::string::npos; }
  // C: the set-uid bit of the program applies, not that of the interpreter.
  [[nodiscard]] bool has_credentials() const { return flags.find('C') != std::string::npos; }

  // start: the first bytes of a file. An entry with an extension never matches: only /bin/sh is examined.
  [[nodiscard]] bool matches(std::string_view start) const;
};

// Parses the text of one entry in binfmt_misc. Pure. Throws Error(failed) with the reason.
BinfmtEntry parse_binfmt(const std::string& name, std::string_view text);

// Returns all enabled entries, sorted by name. The result is empty if binfmt_misc is not mounted there or is switched
// off. An entry that cannot be read is left out, with a note.
std::vector<BinfmtEntry> read_binfmt(const std::string& directory, std::vector<std::string>& notes);

}  // namespace unionroot::tree

// binfmt_misc: which interpreter the kernel runs for programs that it does not know. Linux,
// Documentation/admin-guide/binfmt-misc.rst.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::tree {

inline constexpr const char* binfmt_directory = "/proc/sys/fs/binfmt_misc";

// As many bytes of a file as the kernel compares: BINPRM_BUF_SIZE in <linux/binfmts.h>.
inline constexpr std::size_t binfmt_compared = 256;

struct BinfmtEntry {
  std::string name;
  bool enabled = false;
  std::string interpreter;  // an absolute path, looked up where the program is executed, unless it is fixed()
  std::string flags;        // letters: P, O, C, F
  std::string extension;    // ".exe"; or else the three below
  std::size_t offset = 0;
  std::string magic, mask;  // bytes; the mask is empty or as long as the magic

  // F: the kernel has opened the interpreter when it was registered, so that it need not be in the session.
  [[nodiscard]] bool fixed() const { return flags.find('F') != std::string::npos; }
  // C: the program's set-uid bit counts, and not the interpreter's.
  [[nodiscard]] bool has_credentials() const { return flags.find('C') != std::string::npos; }

  // start: the first bytes of a file. Extensions are not looked at: they are for commands, and this for /bin/sh.
  [[nodiscard]] bool matches(std::string_view start) const;
};

// The text of one file of the file system. Pure. Throws Error(failed): what is wrong with it.
BinfmtEntry parse_binfmt(const std::string& name, std::string_view text);

// All entries in the folder that are enabled; none if it is not mounted there, or switched off. What cannot be read is
// left out, with a note.
std::vector<BinfmtEntry> read_binfmt(const std::string& directory, std::vector<std::string>& notes);

}  // namespace unionroot::tree

#include "owned/mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/attributes.h"
#include "kernel/files.h"
#include "owned/place.h"

namespace unionroot::owned {

namespace {

constexpr const char* attribute = "trusted.unionroot.owner";
constexpr std::size_t longest_mark = 4096;

// An earlier version wrote the path of its state directory into the file. Anybody can write such a file into a folder
// of their own. So the file counts only if nobody but root can write to it and to the folder.
std::optional<std::string> read_file_mark(int folder) {
  if (!is_own(folder, mark_file)) return std::nullopt;
  const base::UniqueFd file(::openat(folder, mark_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file) {
    if (!is_own(file.get(), mark_file)) return std::nullopt;
    auto text = base::read_all(file.get(), mark_file, longest_mark);
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }
  if (errno == ENOENT) return std::nullopt;
  base::throw_errno("opening the mark of the owner,", mark_file);
}

}  // namespace

std::string Mark::owner() const {
  if (text.empty()) return "an unknown owner";
  if (!token) return base::printable(text);
  return base::concat("session ", token->session, " of the daemon ", token->daemon);
}

void set_mark(int folder, const Token& token) {
  if (kernel::set_attribute(folder, attribute, token.text())) return;
  kernel::write_file_atomically(folder, mark_file, token.text(), 0600, true);
}

Mark read_mark(int folder) {
  auto text = kernel::read_attribute(folder, attribute);
  if (!text) text = read_file_mark(folder);
  if (!text) return {};
  return {*text, parse_token(*text)};
}

}  // namespace unionroot::owned

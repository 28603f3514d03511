#include "owned/folder.h"

#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::owned {

using base::UniqueFd;

Mark mark_of(int folder, const std::string& name) {
  const UniqueFd opened(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened) return read_mark(opened.get());
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return {};
  base::throw_errno("opening the folder", name);
}

Found find(int folder, const std::string& name, const Token& token) {
  if (!kernel::exists_at(folder, name)) return Found::nothing;
  return mark_of(folder, name).token == token ? Found::ours : Found::foreign;
}

void refuse_foreign(int folder, const std::string& path, const std::string& name, const Token& token) {
  throw base::Error(base::ErrorCode::session_exists,
                    base::concat(path, '/', name, " already exists and belongs to ", mark_of(folder, name).owner()),
                    base::concat("choose another name than ", token.session, ", or move it away"));
}

UniqueFd ensure_folder(int folder, const std::string& path, const std::string& name, const Token& token, mode_t mode) {
  switch (find(folder, name, token)) {
    case Found::ours: return kernel::open_directory_at(folder, name);
    case Found::foreign: refuse_foreign(folder, path, name, token);
    case Found::nothing: break;
  }
  const auto unfinished = unfinished_name(token);
  kernel::ensure_directory(folder, unfinished, mode);
  auto made = kernel::open_directory_at(folder, unfinished);
  set_mark(made.get(), token);
  try {
    kernel::rename_to(folder, unfinished, folder, name);
  } catch (const base::SystemError& error) {
    if (error.error_number() != EEXIST) throw;
    refuse_foreign(folder, path, name, token);
  }
  return made;
}

}  // namespace unionroot::owned

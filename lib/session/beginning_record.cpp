#include "session/beginning_record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "layers/beginning.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;

namespace {

constexpr const char* record_name = "beginning";

void write_record(const std::string& upper, const std::string& record, int flags) {
  const auto folder = kernel::open_directory(std::string(base::parent_path(upper)));
  const UniqueFd file(
      base::check(::openat(folder.get(), record_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600),
                  "writing what an upper layer holds at its beginning"));
  base::write_all(file.get(), record, "the record of an upper layer's beginning");
}

}  // namespace

std::string upper_folder(const Session& session) {
  const auto upper = session.shown.lock()->upper;
  struct stat status {};
  const bool is_folder = !upper.empty() && ::stat(upper.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return is_folder && session.definition->has_union() ? upper : std::string();
}

void note_beginning(const Operation& operation) {
  if (operation->recovering || operation.automatic()) return;
  const auto upper = upper_folder(operation.session());
  if (upper.empty()) return;
  const auto record =
      layers::record_beginning(kernel::open_directory(upper).get(), [&] { return operation.cancelled(); });
  if (!record && operation.cancelled()) throw base::Error(base::ErrorCode::cancelled, "it was cancelled");
  write_record(upper, record.value_or(""), O_TRUNC);
}

void note_resolv_conf(const Session& session) {
  constexpr const char* path = "etc/resolv.conf";
  const auto upper = upper_folder(session);
  if (upper.empty() || session.automatic()) return;
  struct stat status {};
  const UniqueFd file(kernel::try_open_beneath(kernel::open_directory(upper).get(), path, O_PATH | O_NOFOLLOW, 0,
                                               kernel::resolve_in_root));
  if (file && ::fstat(file.get(), &status) == 0)
    write_record(upper, layers::beginning_entry(path, layers::facts_of(status)), O_APPEND);
}

UniqueFd open_beginning(const std::string& upper) {
  return UniqueFd(::open(concat(base::parent_path(upper), "/", record_name).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace unionroot::session

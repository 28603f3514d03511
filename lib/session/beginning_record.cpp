#include "session/beginning_record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "layers/beginning.h"
#include "session/layer_places.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;

namespace {

constexpr const char* record_name = "beginning";

void write_record(int store, const std::string& record, int flags) {
  const UniqueFd file(
      base::check(::openat(store, record_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600),
                  "writing what an upper layer holds at its beginning"));
  base::write_all(file.get(), record, "the record of an upper layer's beginning");
}

}  // namespace

void note_beginning(const Operation& operation) {
  if (operation->recovering) return;
  in_store(operation.services(), operation.session(), [&](const std::string& path) {
    const auto store = kernel::open_directory(path);
    const auto upper = kernel::open_directory_at(store.get(), "upper");
    const auto record = layers::record_beginning(upper.get(), [&] { return operation.cancelled(); });
    if (!record && operation.cancelled()) throw base::Error(base::ErrorCode::cancelled, "it was cancelled");
    write_record(store.get(), record.value_or(""), O_TRUNC);
  });
}

void note_resolv_conf(Services& services, const Session& session) {
  constexpr const char* path = "etc/resolv.conf";
  if (session.automatic()) return;
  in_store(services, session, [&](const std::string& folder) {
    const auto store = kernel::open_directory(folder);
    const auto upper = kernel::open_directory_at(store.get(), "upper");
    struct stat status {};
    const UniqueFd file(kernel::try_open_beneath(upper.get(), path, O_PATH | O_NOFOLLOW, 0, kernel::resolve_in_root));
    if (file && ::fstat(file.get(), &status) == 0)
      write_record(store.get(), layers::beginning_entry(path, layers::facts_of(status)), O_APPEND);
  });
}

UniqueFd open_beginning(const std::string& store) {
  return UniqueFd(::open(concat(store, "/", record_name).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace unionroot::session

#include "session/beginning_record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "layers/beginning.h"
#include "session/layer_places.h"
#include "session/restack.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;

namespace {

constexpr const char* record_name = "beginning";
constexpr std::size_t largest_record = std::size_t{64} << 20;

void write_record(int store, const std::string& record, int flags) {
  const UniqueFd file(
      base::check(::openat(store, record_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600),
                  "writing what an upper layer holds at its beginning"));
  base::write_all(file.get(), record, "the record of an upper layer's beginning");
}

// What the layer has under this name.
std::optional<struct stat> status_in(int store, const std::string& path,
                                     std::uint64_t resolve = kernel::resolve_in_root) {
  struct stat status {};
  const auto upper = kernel::open_directory_at(store, "upper");
  const UniqueFd file(kernel::try_open_beneath(upper.get(), path, O_PATH | O_NOFOLLOW, 0, resolve));
  if (!file || ::fstat(file.get(), &status) != 0) return std::nullopt;
  return status;
}

std::optional<layers::Facts> facts_in(int store, const std::string& path,
                                      std::uint64_t resolve = kernel::resolve_in_root) {
  const auto status = status_in(store, path, resolve);
  return status ? std::optional(layers::facts_of(*status)) : std::nullopt;
}

// Whether the layer's file is that one, seen through the overlay, and nobody has touched it since. The device is the
// overlay's own there; a file that is in the upper layer alone has its inode number from it.
bool is_as_written(const struct stat& in_layer, const struct stat& written) {
  const auto same = [](const timespec& one, const timespec& two) {
    return one.tv_sec == two.tv_sec && one.tv_nsec == two.tv_nsec;
  };
  return in_layer.st_ino == written.st_ino && in_layer.st_size == written.st_size &&
         in_layer.st_mode == written.st_mode && in_layer.st_uid == written.st_uid &&
         in_layer.st_gid == written.st_gid && same(in_layer.st_mtim, written.st_mtim) &&
         same(in_layer.st_ctim, written.st_ctim);
}

void note_file(int store, const std::string& path) {
  if (const auto facts = facts_in(store, path)) write_record(store, layers::beginning_entry(path, *facts), O_APPEND);
}

}  // namespace

void note_beginning(const Operation& operation) {
  if (operation->recovering) return;
  in_store(operation.services(), operation.session(), [&](const std::string& path) {
    const auto store = kernel::open_directory(path);
    const auto upper = kernel::open_directory_at(store.get(), "upper");
    const auto record = layers::record_beginning(upper.get(), [&] { return operation.cancelled(); });
    if (!record && operation.cancelled()) throw base::Error(base::ErrorCode::cancelled, "it was cancelled");
    // Of a session that begins with another's layers, what they had at their beginning comes first.
    const auto& cloned = operation->cloned_beginning;
    write_record(store.get(), concat(cloned ? *cloned : std::string(), record.value_or("")), O_TRUNC);
  });
}

void note_resolv_conf(Services& services, const Session& session) {
  if (session.automatic()) return;
  in_store(services, session,
           [](const std::string& folder) { note_file(kernel::open_directory(folder).get(), "etc/resolv.conf"); });
}

std::string read_record_beside(int own, const std::string& name) {
  return base::read_file_at(own, name, largest_record).value_or("");
}

std::string read_beginning(int record) {
  return base::read_all(record, "the record of an upper layer's beginning", largest_record);
}

WrittenFiles::WrittenFiles(Services& services, const Session& session, const std::vector<std::string>& paths) {
  in_store(services, session, [&](const std::string& folder) {
    const auto file = open_beginning(folder);
    if (!file) return;
    has_record_ = true;
    const auto store = kernel::open_directory(folder);
    const auto record = read_beginning(file.get());
    for (const auto& path : paths) {
      auto facts = facts_in(store.get(), path);
      for (const auto& layer : frozen_folders(services, session)) {
        if (facts) break;
        facts = facts_in(kernel::open_directory(layer).get(), path);
      }
      // Where the layer has no such file the tree's own is seen: nobody has changed that.
      if (!facts || record.find(layers::beginning_entry(path, *facts)) != std::string::npos) paths_.push_back(path);
    }
  });
}

void WrittenFiles::note(Services& services, const Session& session,
                        const std::vector<tree::WrittenFile>& written) const {
  if (!has_record_ || written.empty()) return;
  in_store(services, session, [&](const std::string& folder) {
    const auto store = kernel::open_directory(folder);
    for (const auto& file : written) {
      if (!file.was_absent && std::find(paths_.begin(), paths_.end(), file.path) == paths_.end()) continue;
      const auto status = status_in(store.get(), file.path);
      if (status && is_as_written(*status, file.status))
        write_record(store.get(), layers::beginning_entry(file.path, layers::facts_of(*status)), O_APPEND);
    }
  });
}

void note_again(const Operation& operation, const std::vector<std::string>& paths) {
  in_store(operation.services(), operation.session(), [&](const std::string& folder) {
    const auto store = kernel::open_directory(folder);
    std::string entries;
    for (const auto& path : paths)
      entries += layers::beginning_entry(
          path, facts_in(store.get(), path, kernel::resolve_as_named).value_or(layers::Facts()));
    if (!entries.empty()) write_record(store.get(), entries, O_APPEND);
  });
}

UniqueFd open_beginning(const std::string& store) {
  return UniqueFd(::open(concat(store, "/", record_name).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace unionroot::session

#include "boot/base.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::UniqueFd;
using identity::Comparison;

namespace {

// Names on the file system that holds the upper layer.
constexpr const char* folder_of_ours = "unionroot";
constexpr const char* record = "base";
constexpr const char* record_path = "unionroot/base";
constexpr const char* record_being_written = "base.new";
constexpr std::size_t most_bytes = std::size_t{16} << 10;

// Removes the quotes around a value.
std::string unquoted(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    value = value.substr(1, value.size() - 2);
  return base::printable(value);
}

std::string image_of(int lower) {
  std::string image;
  const auto text = kernel::read_in_tree(lower, "etc/os-release", most_bytes);
  for (const auto& line : base::split(text.value_or(""), '\n')) {
    for (const std::string_view key : {"BUILD_ID=", "IMAGE_ID=", "IMAGE_VERSION="}) {
      if (!line.starts_with(key)) continue;
      image += concat(image.empty() ? "" : " ", key, unquoted(std::string_view(line).substr(key.size())));
    }
  }
  return image;
}

bool is_new(int store, const std::string& folder) {
  if (!kernel::exists_at(store, folder)) return true;
  const UniqueFd upper = kernel::open_directory_at(store, folder);
  return kernel::list_directory(upper.get()).empty();
}

std::optional<Base> recorded_base(int store, const std::string& device) {
  const auto text = kernel::read_in_tree(store, record_path, most_bytes);
  if (!text) return std::nullopt;
  auto found = parse_base(*text);
  if (!found) base::log::warning(concat(record_path, " on ", device, " names no base; it is written again"));
  return found;
}

}  // namespace

std::string Base::text() const { return concat(tree.text(), image.empty() ? "" : concat("image=", image, "\n")); }

std::string Base::described() const { return concat(tree.described(), image.empty() ? "" : concat(", ", image)); }

Base base_of(int lower) {
  Base found{identity::identify(lower), {}};
  try {
    found.image = image_of(lower);
  } catch (const Error& error) {
    base::log::warning(concat("the image of the root cannot be determined: ", error.what()));
  }
  return found;
}

std::optional<Base> parse_base(std::string_view text) {
  const auto tree = identity::parse_identity(text);
  if (!tree) return std::nullopt;
  Base found{*tree, {}};
  for (const auto& line : base::split(text, '\n'))
    if (line.starts_with("image=")) found.image = base::printable(line.substr(6), std::string::npos);
  return found;
}

Comparison compare(const Base& one, const Base& other) {
  if (!one.image.empty() && !other.image.empty() && one.image != other.image) return Comparison::different;
  return identity::compare(one.tree, other.tree);
}

std::string settle_base(int store, const std::string& folder, const Base& now, OnOtherBase policy,
                        const std::string& device) {
  if (is_new(store, folder)) return "new";
  const auto recorded = recorded_base(store, device);
  // There is no record. The layer was made by another system, or before bases were recorded.
  if (!recorded) return "new";
  switch (compare(*recorded, now)) {
    case Comparison::same: return "same";
    case Comparison::unknown:
      base::log::warning(concat("it is unknown whether the changes on ", device, " belong to this root"));
      return "unknown";
    case Comparison::different: break;
  }
  const auto what = concat("the changes on ", device, " belong to another root (", recorded->described(),
                           ") than this one (", now.described(), ")");
  if (policy == OnOtherBase::keep)
    throw Error(base::ErrorCode::failed, what,
                "they are kept but not used; to use them here boot once with rootrwbase=accept, to delete them with "
                "rootrwbase=discard");
  if (policy == OnOtherBase::accept) {
    base::log::warning(concat(what, "; rootrwbase=accept: they are used on this root"));
    return "accepted";
  }
  base::log::warning(concat(what, "; rootrwbase=discard: they are deleted"));
  kernel::remove_tree(store, folder);
  return "discarded";
}

void record_base(int store, const Base& now) {
  try {
    const auto text = now.text();
    // If this boot could not identify the tree, the record of an earlier boot stays.
    if (now.tree == identity::TreeIdentity{}) return;
    if (kernel::read_in_tree(store, record_path, most_bytes) == text) return;
    kernel::ensure_directory(store, folder_of_ours, 0755);
    const UniqueFd folder = kernel::open_directory_at(store, folder_of_ours);
    // write_file_atomically() is not used here: it makes a random name. Early in a boot the kernel may need seconds
    // until it has random numbers.
    kernel::remove_file(folder.get(), record_being_written);
    const UniqueFd file(base::check(
        ::openat(folder.get(), record_being_written, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644),
        "making", record_path));
    base::write_all(file.get(), text, record_path);
    base::check(::fsync(file.get()), "writing", record_path);
    base::check(::renameat(folder.get(), record_being_written, folder.get(), record), "naming", record_path);
    kernel::sync_directory(folder.get());
  } catch (const Error& error) {
    base::log::warning(concat("the root that the changes belong to is not recorded: ", error.with_hint()));
  }
}

}  // namespace unionroot::boot

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "archive/archive.h"
#include "archive/devices.h"
#include "archive/locale.h"
#include "archive/metadata.h"
#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "kernel/protection.h"
#include "kernel/regular_file.h"

namespace unionroot::archive {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;
using base::SystemError;
using base::UniqueFd;
using detail::Member;

constexpr std::uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

struct FreeWriter {
  void operator()(struct ::archive* writer) const { ::archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { ::archive_entry_free(entry); }
};
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

class Packer {
 public:
  Packer(int folder, int archive, Compression compression, const Options& options)
      : folder_(folder),
        archive_(archive),
        options_(options),
        writer_(::archive_write_new()),
        buffer_(256 << 10, '\0') {
    if (writer_ == nullptr) throw Error(ErrorCode::failed, "libarchive cannot be used");
    check(::archive_write_set_format_pax(writer_.get()), "choosing the format");
    compress(compression);
    check(::archive_write_open_fd(writer_.get(), archive_), "opening");
  }

  Packed run() {
    struct stat root {};
    base::check(::fstat(folder_, &root), "looking at the tree");
    device_ = root.st_dev;
    if (options_.progress) total_ = bytes_of_files();
    // The names that are still to be packed, deepest first. So a deep tree needs neither recursion nor many
    // descriptors.
    std::vector<std::string> pending{""};
    while (!pending.empty()) {
      check_cancelled();
      const auto path = std::move(pending.back());
      pending.pop_back();
      if (!add(path)) continue;
      auto names = kernel::list_directory(open(path, O_RDONLY | O_DIRECTORY).get());
      std::sort(names.rbegin(), names.rend());
      for (const auto& name : names) pending.push_back(path.empty() ? name : path + "/" + name);
    }
    check(::archive_write_close(writer_.get()), "finishing");
    return std::move(result_);
  }

 private:
  void check_cancelled() const {
    if (options_.cancelled && options_.cancelled())
      throw Error(ErrorCode::cancelled, concat("packing ", printable(options_.name), " was cancelled"));
  }

  // The size of all files that add_file will read.
  std::uint64_t bytes_of_files() {
    std::uint64_t bytes = 0;
    std::set<ino_t> counted;  // files with several names
    std::vector<std::string> pending{""};
    while (!pending.empty()) {
      check_cancelled();
      const auto path = std::move(pending.back());
      pending.pop_back();
      const UniqueFd folder = open(path, O_RDONLY | O_DIRECTORY);
      for (const auto& name : kernel::list_directory(folder.get())) {
        struct stat facts {};
        base::check(::fstatat(folder.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW), "looking at", name);
        if (facts.st_dev != device_) continue;
        if (S_ISDIR(facts.st_mode))
          pending.push_back(path.empty() ? name : path + "/" + name);
        else if (S_ISREG(facts.st_mode) && (facts.st_nlink < 2 || counted.insert(facts.st_ino).second))
          bytes += static_cast<std::uint64_t>(facts.st_size);
      }
    }
    return bytes;
  }

  void check(int result, std::string_view doing) {
    if (result == ARCHIVE_OK) return;
    const char* const why = ::archive_error_string(writer_.get());
    const int number = ::archive_errno(writer_.get());
    if (number == ENOSPC || number == EDQUOT) throw SystemError(number, concat(doing, " ", printable(options_.name)));
    throw Error(ErrorCode::failed,
                concat(doing, " ", printable(options_.name), ": ", printable(why == nullptr ? "unknown error" : why)));
  }

  void write_header(const std::string& path, archive_entry* entry) {
    const int result = ::archive_write_header(writer_.get(), entry);
    if (result == ARCHIVE_WARN) {
      // The name is not UTF-8. It goes into the archive unchanged, and is marked so (hdrcharset=BINARY).
      const char* const why = ::archive_error_string(writer_.get());
      if (why != nullptr && std::string_view(why).starts_with("Can't translate")) return;
    }
    check(result, concat("packing '", printable(path), "' into"));
  }

  void compress(Compression compression) {
    auto* writer = writer_.get();
    const auto threads = [&](const char* filter) {
      // If this libarchive has no threads, it compresses in one.
      if (::archive_write_set_filter_option(writer, filter, "threads", "0") != ARCHIVE_OK)
        ::archive_clear_error(writer);
    };
    switch (compression) {
      case Compression::none: return;
      case Compression::gzip: return check(::archive_write_add_filter_gzip(writer), "compressing");
      case Compression::bzip2: return check(::archive_write_add_filter_bzip2(writer), "compressing");
      case Compression::xz: check(::archive_write_add_filter_xz(writer), "compressing"); return threads("xz");
      case Compression::zstd: return check(::archive_write_add_filter_zstd(writer), "compressing");
      case Compression::lz4: return check(::archive_write_add_filter_lz4(writer), "compressing");
    }
  }

  UniqueFd open(const std::string& path, int flags) {
    return kernel::open_beneath(folder_, path.empty() ? "." : path, flags | O_NOFOLLOW, 0, resolve);
  }

  // True for a folder whose contents are to be packed too.
  bool add(const std::string& path) {
    const UniqueFd file = open(path, O_PATH);
    struct stat facts {};
    base::check(::fstat(file.get(), &facts), "looking at", path);
    if (S_ISSOCK(facts.st_mode)) {
      detail::add_note(result_.notes,
                       concat("the socket '", printable(path), "' is left out: archives cannot contain sockets"));
      return false;
    }
    const bool other_mount = facts.st_dev != device_;
    if (other_mount && !S_ISDIR(facts.st_mode)) {
      detail::add_note(result_.notes, concat("'", printable(path), "' is left out: something is mounted on it"));
      return false;
    }
    // Unpacking would refuse the device.
    if ((S_ISBLK(facts.st_mode) || S_ISCHR(facts.st_mode)) &&
        !detail::device_belongs_there(path, facts.st_mode, facts.st_uid, facts.st_rdev))
      throw Error(
          ErrorCode::failed,
          concat("'", printable(path), "' is a device, ", ::major(facts.st_rdev), ':', ::minor(facts.st_rdev),
                 ", and not in the tree's /dev"),
          "set the session up again with `unionroot recover`, delete the device in it, and end the session again");
    if ((S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)) && kernel::is_protected(file.get(), path))
      detail::add_note(result_.notes, concat("'", printable(path),
                                             "' is immutable or append-only (chattr), which archives do not record"));
    base::fault_point("pack member");
    const Entry entry = entry_of(path, file.get(), facts);
    const bool is_link = ::archive_entry_hardlink(entry.get()) != nullptr;
    if (S_ISREG(facts.st_mode) && !is_link)
      add_file(path, facts, entry.get());
    else
      write_header(path, entry.get());
    ++result_.members;
    if (other_mount) detail::add_note(result_.notes, concat("what is mounted on '", printable(path), "' is left out"));
    return S_ISDIR(facts.st_mode) && !other_mount;
  }

  Entry entry_of(const std::string& path, int file, const struct stat& facts) {
    Entry made(::archive_entry_new());
    if (made == nullptr) throw Error(ErrorCode::failed, "libarchive cannot be used");
    auto* entry = made.get();
    ::archive_entry_copy_stat(entry, &facts);
    ::archive_entry_set_pathname(entry,
                                 path.empty() ? "./" : concat("./", path, S_ISDIR(facts.st_mode) ? "/" : "").c_str());
    // Only the modification time matters. The other times would make every repacked archive differ.
    ::archive_entry_unset_atime(entry);
    ::archive_entry_unset_ctime(entry);
    ::archive_entry_unset_birthtime(entry);
    if (S_ISDIR(facts.st_mode) || facts.st_nlink < 2) {
    } else if (const auto [known, is_new] = first_.emplace(facts.st_ino, path); !is_new) {
      ::archive_entry_set_hardlink(entry, concat("./", known->second).c_str());
      ::archive_entry_unset_size(entry);
      return made;
    }
    if (S_ISLNK(facts.st_mode)) ::archive_entry_set_symlink(entry, target_of(file, path).c_str());
    Member member;
    member.name = path;
    detail::read_attributes(file, member);
    for (const auto& [name, value] : member.attributes)
      ::archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
    detail::add_acl(entry, member.access_acl, false);
    detail::add_acl(entry, member.default_acl, true);
    return made;
  }

  static std::string target_of(int link, const std::string& path) {
    char target[4096];
    const auto size = base::check(::readlinkat(link, "", target, sizeof target), "reading the symbolic link", path);
    return {target, static_cast<std::size_t>(size)};
  }

  void add_file(const std::string& path, const struct stat& facts, archive_entry* entry) {
    const auto opened_file = kernel::open_regular(open(path, O_PATH).get(), path);
    const UniqueFd& file = opened_file.descriptor;
    const struct stat& opened = opened_file.status;
    if (!file || opened.st_ino != facts.st_ino || opened.st_dev != facts.st_dev)
      throw Error(ErrorCode::failed, concat("'", printable(path), "' was changed while the tree was packed"));
    const auto data = data_of(file.get(), opened.st_size);
    note_holes(data, opened.st_size, entry);
    write_header(path, entry);
    off_t at = 0;
    for (const auto& [start, length] : data) {
      write_hole(path, start - at);
      write_data(path, file.get(), start, length);
      at = start + length;
    }
    write_hole(path, opened.st_size - at);
  }

  void write_data(const std::string& path, int file, off_t at, off_t left) {
    while (left != 0) {
      const auto got = base::check(
          ::pread(file, buffer_.data(), std::min<std::uint64_t>(static_cast<std::uint64_t>(left), buffer_.size()), at),
          "reading", path);
      if (got == 0)
        throw Error(ErrorCode::failed, concat("'", printable(path), "' became shorter while the tree was packed"));
      write(path, buffer_.data(), static_cast<std::size_t>(got));
      at += got;
      left -= got;
    }
  }

  // libarchive wants all bytes of a sparse file, and leaves out the holes itself. Reading the holes from the file would
  // take a second for each gigabyte, so this passes zeros.
  void write_hole(const std::string& path, off_t left) {
    while (left > 0) {
      const auto size = std::min<std::uint64_t>(static_cast<std::uint64_t>(left), zeros_.size());
      write(path, zeros_.data(), size);
      left -= static_cast<off_t>(size);
    }
  }

  void write(const std::string& path, const char* data, std::size_t size) {
    if (::archive_write_data(writer_.get(), data, size) < 0)
      check(ARCHIVE_FATAL, concat("packing '", printable(path), "' into"));
    done_ += size;
    if (options_.progress) options_.progress(done_, total_);
    check_cancelled();
  }

  // Start and length of each part that is not a hole.
  using Ranges = std::vector<std::pair<off_t, off_t>>;
  static Ranges data_of(int file, off_t size) {
    Ranges data;
    off_t at = 0;
    while (at < size) {
      const off_t start = ::lseek(file, at, SEEK_DATA);
      if (start < 0 && errno == ENXIO) return data;  // a hole to the end
      const off_t end = start < 0 ? -1 : ::lseek(file, start, SEEK_HOLE);
      if (end < 0) return {{0, size}};  // the file system does not tell
      data.emplace_back(start, std::min(end, size) - start);
      at = end;
    }
    return data;
  }

  static void note_holes(const Ranges& data, off_t size, archive_entry* entry) {
    const bool whole = data.size() == 1 && data.front().first == 0 && data.front().second >= size;
    if (size == 0 || whole) return;
    if (data.empty()) ::archive_entry_sparse_add_entry(entry, size, 0);
    for (const auto& [start, length] : data) ::archive_entry_sparse_add_entry(entry, start, length);
  }

  int folder_;
  int archive_;
  const Options& options_;
  std::unique_ptr<struct ::archive, FreeWriter> writer_;
  std::string buffer_;
  const std::string zeros_ = std::string(256 << 10, '\0');
  dev_t device_ = 0;
  std::map<ino_t, std::string> first_;  // the first name of a file with several names
  std::uint64_t done_ = 0, total_ = 0;  // bytes of files
  Packed result_;
};

}  // namespace

Packed pack(int folder, int archive, Compression compression, const Options& options) {
  const detail::Utf8Locale locale;
  return Packer(folder, archive, compression, options).run();
}

}  // namespace unionroot::archive

// libarchive parses the archive; TreeWriter makes the tree. libarchive's own extractor is not used, because it works by
// paths.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <memory>

#include "archive/archive.h"
#include "archive/locale.h"
#include "archive/metadata.h"
#include "archive/raw_names.h"
#include "archive/tree_writer.h"
#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"

namespace unionroot::archive {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;
using detail::Member;
using detail::refuse;
using detail::Type;

struct FreeReader {
  void operator()(struct ::archive* reader) const { ::archive_read_free(reader); }
};
using Reader = std::unique_ptr<struct ::archive, FreeReader>;

class Unpacker {
 public:
  Unpacker(int archive, int folder, const Options& options)
      : archive_(archive),
        options_(options),
        writer_(options.name, folder, options.layer, options.below),
        names_([this](char* data, std::size_t wanted) { return read_plain_bytes(data, wanted); }),
        buffer_(256 << 10, '\0') {
    struct stat facts {};
    base::check(::fstat(archive, &facts), "looking at", options.name);
    total_ = static_cast<std::uint64_t>(facts.st_size);
  }

  Unpacked run() {
    open();
    archive_entry* entry = nullptr;
    while (next(entry)) {
      base::fault_point("unpack member");
      ++result_.members;
      Member member = member_of(entry);
      if (result_.members > options_.limits.members) beyond_limit(member, concat(options_.limits.members, " members"));
      writer_.place(member);
      if (member.type == Type::file)
        write_file(member, entry);
      else
        writer_.add(member);
    }
    writer_.finish();
    base::fault_point("unpack member done");
    if (options_.observe) read_rest();
    result_.notes = std::move(writer_.notes());
    return std::move(result_);
  }

 private:
  void open();
  bool next(archive_entry*& entry);
  Member member_of(archive_entry* entry);
  void write_file(const Member& member, archive_entry* entry);
  void write_block(int file, const Member& member, const char* data, std::size_t size, std::int64_t offset);
  ssize_t read_block();
  void read_rest();

  [[noreturn]] void check_read(struct ::archive* reader, std::string_view doing);
  std::size_t read_plain_bytes(char* data, std::size_t wanted);
  void check_cancelled() const {
    if (options_.cancelled && options_.cancelled())
      throw Error(ErrorCode::cancelled, concat("unpacking ", printable(options_.name), " was cancelled"));
  }
  [[noreturn]] void beyond_limit(const Member& member, const std::string& limit) const {
    throw Error(
        ErrorCode::limit_exceeded,
        concat("member '", printable(member.name), "' of ", printable(options_.name), " exceeds the limit of ", limit),
        "if you trust the archive, set a higher unpack-limit in the chroot's definition");
  }

  int archive_;
  const Options& options_;
  detail::TreeWriter writer_;
  Reader plain_;
  Reader reader_;
  detail::RawNames names_;
  std::exception_ptr problem_;  // no exception may pass through libarchive
  std::string buffer_;
  std::uint64_t total_ = 0;
  off_t offset_ = 0;
  int read_error_ = 0;
  bool cancelled_ = false;
  Unpacked result_;
};

// Two readers: one decompresses, the other parses the archive. RawNames is between them.
void Unpacker::open() {
  plain_.reset(::archive_read_new());
  reader_.reset(::archive_read_new());
  if (plain_ == nullptr || reader_ == nullptr) throw Error(ErrorCode::failed, "libarchive cannot be used");
  // ARCHIVE_WARN means that libarchive would start a program for it. A root daemon must not do that.
  int (*const filters[])(struct ::archive*) = {::archive_read_support_filter_gzip, ::archive_read_support_filter_bzip2,
                                               ::archive_read_support_filter_xz, ::archive_read_support_filter_zstd,
                                               ::archive_read_support_filter_lz4};
  for (const auto filter : filters)
    if (filter(plain_.get()) != ARCHIVE_OK)
      throw Error(ErrorCode::not_supported, concat("libarchive was built without a compression that is needed: ",
                                                   ::archive_error_string(plain_.get())));
  ::archive_read_support_format_raw(plain_.get());
  ::archive_read_support_format_tar(reader_.get());
  const auto read_file = [](struct ::archive*, void* self, const void** data) -> la_ssize_t {
    auto& unpacker = *static_cast<Unpacker*>(self);
    *data = unpacker.buffer_.data();
    return unpacker.read_block();
  };
  const auto read_plain = [](struct ::archive*, void* self, const void** data) -> la_ssize_t {
    auto& unpacker = *static_cast<Unpacker*>(self);
    try {
      const auto piece = unpacker.names_.next();
      *data = piece.data();
      return static_cast<la_ssize_t>(piece.size());
    } catch (...) {
      unpacker.problem_ = std::current_exception();
      ::archive_set_error(unpacker.reader_.get(), EIO, "read error");
      return -1;
    }
  };
  archive_entry* whole = nullptr;
  if (::archive_read_open(plain_.get(), this, nullptr, read_file, nullptr) != ARCHIVE_OK ||
      ::archive_read_next_header(plain_.get(), &whole) != ARCHIVE_OK)
    check_read(plain_.get(), "opening");
  if (::archive_read_open(reader_.get(), this, nullptr, read_plain, nullptr) != ARCHIVE_OK)
    check_read(reader_.get(), "opening");
}

std::size_t Unpacker::read_plain_bytes(char* data, std::size_t wanted) {
  std::size_t got = 0;
  while (got < wanted) {
    const auto size = ::archive_read_data(plain_.get(), data + got, wanted - got);
    if (size < 0) check_read(plain_.get(), "reading");
    if (size == 0) break;
    got += static_cast<std::size_t>(size);
  }
  return got;
}

ssize_t Unpacker::read_block() {
  if (options_.cancelled && options_.cancelled()) {
    cancelled_ = true;
    ::archive_set_error(plain_.get(), ECANCELED, "cancelled");
    return -1;
  }
  const auto got = ::pread(archive_, buffer_.data(), buffer_.size(), offset_);
  if (got < 0) {
    read_error_ = errno;
    ::archive_set_error(plain_.get(), errno, "read error");
    return -1;
  }
  offset_ += got;
  if (options_.observe) options_.observe({buffer_.data(), static_cast<std::size_t>(got)});
  if (options_.progress) options_.progress(static_cast<std::uint64_t>(offset_), total_);
  return got;
}

void Unpacker::read_rest() {
  ssize_t got = 0;
  while ((got = read_block()) > 0) {
  }
  if (got < 0) check_read(reader_.get(), "reading");
}

void Unpacker::check_read(struct ::archive* reader, std::string_view doing) {
  if (problem_) std::rethrow_exception(problem_);
  if (cancelled_) throw Error(ErrorCode::cancelled, concat("unpacking ", printable(options_.name), " was cancelled"));
  if (read_error_ != 0) throw base::SystemError(read_error_, concat("reading ", printable(options_.name)));
  const char* const why = ::archive_error_string(reader);
  throw Error(ErrorCode::failed,
              concat(doing, " ", printable(options_.name), ": ", printable(why == nullptr ? "unknown error" : why)),
              "expected a whole tar archive, plain or compressed with gzip, bzip2, xz, zstd or lz4; `tar tf` shows "
              "whether it is one");
}

bool Unpacker::next(archive_entry*& entry) {
  check_cancelled();
  const int result = ::archive_read_next_header(reader_.get(), &entry);
  if (result == ARCHIVE_OK) return true;
  if (result == ARCHIVE_EOF) return false;
  if (result != ARCHIVE_WARN) check_read(reader_.get(), "reading");
  const char* const why = ::archive_error_string(reader_.get());
  const char* const name = ::archive_entry_pathname(entry);
  const std::string_view text = why == nullptr ? "unknown warning" : why;
  // If the name cannot be converted, the file would get another name.
  if (name == nullptr || text.find("can't be converted") != std::string_view::npos)
    refuse(options_.name, name == nullptr ? "?" : name,
           "has a name or a link target that is not UTF-8, although its header says that it is");
  detail::add_note(writer_.notes(), concat("'", printable(name), "': ", printable(text)));
  return true;
}

Type type_of(const std::string& archive, const std::string& name, archive_entry* entry) {
  if (::archive_entry_hardlink(entry) != nullptr) return Type::hard_link;
  switch (::archive_entry_filetype(entry)) {
    case AE_IFREG: return Type::file;
    case AE_IFDIR: return Type::directory;
    case AE_IFLNK: return Type::symlink;
    case AE_IFCHR: return Type::character_device;
    case AE_IFBLK: return Type::block_device;
    case AE_IFIFO: return Type::fifo;
    default: refuse(archive, name, "is of a type that a tree cannot contain");
  }
}

Member Unpacker::member_of(archive_entry* entry) {
  constexpr std::int64_t most = 0xfffffffe;  // the number above it means "no one"
  Member member;
  const char* const name = ::archive_entry_pathname(entry);
  if (name == nullptr) refuse(options_.name, "?", "has no name that can be read");
  member.name = name;
  while (member.name.size() > 1 && member.name.back() == '/') member.name.pop_back();  // folders have one
  member.path = detail::clean_name(options_.name, member.name);
  member.type = type_of(options_.name, member.name, entry);
  if (member.type == Type::symlink) {
    const char* const target = ::archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0') refuse(options_.name, member.name, "is a symbolic link to nothing");
    member.target = target;
  } else if (member.type == Type::hard_link) {
    const std::string_view target = ::archive_entry_hardlink(entry);
    if (target.starts_with('/'))
      refuse(options_.name, member.name, concat("is a hard link to '", printable(target), "', outside the tree"));
    for (const auto& part : base::split(target, '/'))
      if (part == "..")
        refuse(options_.name, member.name, concat("is a hard link to '", printable(target), "', outside the tree"));
    member.target = detail::clean_name(options_.name, target);
    if (member.target.empty()) refuse(options_.name, member.name, "is a hard link to the tree itself");
  }
  member.mode = ::archive_entry_perm(entry) & 07777;
  const auto uid = ::archive_entry_uid(entry), gid = ::archive_entry_gid(entry);
  if (uid < 0 || uid > most || gid < 0 || gid > most)
    refuse(options_.name, member.name, "has an owner whose number is out of range");
  member.uid = static_cast<uid_t>(uid);
  member.gid = static_cast<gid_t>(gid);
  member.modified = {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)};
  member.device = ::makedev(static_cast<unsigned>(::archive_entry_rdevmajor(entry)),
                            static_cast<unsigned>(::archive_entry_rdevminor(entry)));
  ::archive_entry_xattr_reset(entry);
  const char* attribute = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (::archive_entry_xattr_next(entry, &attribute, &value, &size) == ARCHIVE_OK)
    member.attributes.emplace_back(attribute, std::string(static_cast<const char*>(value), size));
  try {
    member.access_acl = detail::acl_of_entry(entry, false);
    member.default_acl = detail::acl_of_entry(entry, true);
  } catch (const Error& error) {
    throw Error(error.code(),
                concat("member '", printable(member.name), "' of ", printable(options_.name), ": ", error.what()),
                error.hint());
  }
  return member;
}

void Unpacker::write_file(const Member& member, archive_entry* entry) {
  const base::UniqueFd file = writer_.create_file(member);
  if (!file) return;
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int result = ::archive_read_data_block(reader_.get(), &data, &size, &offset);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK) check_read(reader_.get(), concat("reading '", printable(member.name), "' of"));
    check_cancelled();
    result_.bytes += size;
    if (result_.bytes > options_.limits.bytes) beyond_limit(member, concat(options_.limits.bytes, " bytes"));
    write_block(file.get(), member, static_cast<const char*>(data), size, offset);
  }
  // A hole at the end has no block, so the size is set.
  const auto whole = ::archive_entry_size(entry);
  if (::ftruncate(file.get(), whole) != 0) {
    const int saved = errno;
    throw base::SystemError(saved, concat("setting the size of '", printable(member.name), "' to ", whole));
  }
  writer_.finish_file(file.get(), member);
}

void Unpacker::write_block(int file, const Member& member, const char* data, std::size_t size, std::int64_t offset) {
  while (size != 0) {
    const auto written = ::pwrite(file, data, size, offset);
    if (written < 0) {
      const int saved = errno;
      if (saved == EINTR) continue;
      throw base::SystemError(saved, concat("writing '", printable(member.name), "' of ", printable(options_.name)));
    }
    data += written;
    size -= static_cast<std::size_t>(written);
    offset += written;
  }
}

}  // namespace

Unpacked unpack(int archive, int folder, const Options& options) {
  const detail::Utf8Locale locale;
  return Unpacker(archive, folder, options).run();
}

}  // namespace unionroot::archive

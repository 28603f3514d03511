// file: a tarball. Sessions share one unpacked tree; a source session has a copy of its own, and packs it when it ends.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/sources/archives.h"
#include "session/sources/cache.h"
#include "session/sources/source.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// In the session's own folder.
constexpr const char* own_tree = "tree";  // complete; what the source session works on
constexpr const char* unfinished_tree = "unfinished";
constexpr const char* identity_file = "identity";  // of the archive that it was unpacked from
constexpr const char* packed_file = "packed";      // of the archive that it was packed into

const definition::FileSource& source_of(const definition::Definition& definition) {
  return std::get<definition::FileSource>(definition.source);
}

// What of an identity stays the same when the file gets another name.
std::string content_identity(int file) {
  auto identity = identity_of(file);
  return identity.substr(0, identity.rfind('-'));
}

class TarballSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(SessionContext& context, StageData& data) const override {
    const auto& source = source_of(*context.definition);
    const auto tree = context.source ? set_up_own(context) : set_up_shared(context, data);
    return {located(context, tree, source.location)};
  }

  void tear_down(SessionContext& context, const StageData&, TearDown mode) const override {
    if (mode == TearDown::keep_data) return;
    if (context.source)
      tear_down_own(context);
    else
      TreeCache(context.services).release(context.id);
  }

  Recovery recover(SessionContext& context, const StageData&) const override {
    if (!context.source)
      return TreeCache(context.services).held_by(context.id).empty() ? Recovery::gone : Recovery::intact;
    return ::access(concat(own_folder(context), '/', own_tree).c_str(), F_OK) == 0 ? Recovery::intact : Recovery::gone;
  }

 private:
  static std::string own_folder(const SessionContext& context) {
    return concat(sessions_folder(context.services.settings, *context.definition), '/', context.id);
  }

  static UniqueFd open_archive(const SessionContext& context) {
    return open_trusted_file(context.definition->name, "archive", source_of(*context.definition).file);
  }

  static void unpack(SessionContext& context, int file, int folder, const std::string& cache_key) {
    const auto& path = source_of(*context.definition).file;
    const auto before = identity_of(file);
    auto unpacked = archive::unpack(file, folder, unpack_options(context, path, concat("unpacking ", path), cache_key));
    if (unpacked.members == 0)
      throw Error(ErrorCode::stage_failed, concat(path, " has nothing in it"),
                  "`tar tf` shows what an archive has in it");
    if (identity_of(file) != before)
      throw Error(ErrorCode::stage_failed, concat(path, " was changed while it was unpacked"),
                  "try again; `unionroot lock CHROOT -- COMMAND` keeps sessions away while an archive is changed");
    for (auto& note : unpacked.notes) context.notes.push_back(std::move(note));
    report_syncing(context, path);
  }

  static std::string set_up_shared(SessionContext& context, StageData& data) {
    TreeCache cache(context.services);
    if (context.recovering) {
      // What the upper layer was laid on, whatever has become of the file since.
      const auto held = cache.held_by(context.id);
      if (!held.empty()) return held.front();
    }
    const auto file = open_archive(context);
    CacheRequest request;
    request.key = identity_of(file.get());
    request.origin = source::place_of_file(source_of(*context.definition).file).path;
    request.session = context.id;
    request.cancelled = context.cancelled;
    request.waits = [&](std::uint64_t done, std::uint64_t total) {
      report(context, concat("waiting until another session has unpacked ", request.origin), done, total);
    };
    request.make = [&](int folder) { unpack(context, file.get(), folder, request.key); };
    data["cache"] = request.key;
    return cache.take(request);
  }

  static std::string set_up_own(SessionContext& context) {
    const auto sessions_path = sessions_folder(context.services.settings, *context.definition);
    const auto path = own_folder(context);
    kernel::ensure_directories(sessions_path, 0711);
    const auto sessions = kernel::open_directory(sessions_path);
    kernel::ensure_directory(sessions.get(), context.id, 0700);
    const auto folder = kernel::open_directory(path);
    if (kernel::exists_at(folder.get(), own_tree)) {
      if (context.recovering) return concat(path, '/', own_tree);
      throw Error(ErrorCode::session_exists,
                  concat("session ", context.id, " has a tree already: ", path, '/', own_tree),
                  "choose another name, or move that folder away");
    }
    context.services.trash.discard(path, unfinished_tree, trash_folder(context.services.settings, *context.definition));
    const auto file = open_archive(context);
    kernel::make_directory(folder.get(), unfinished_tree, 0755);
    const auto tree = kernel::open_directory_at(folder.get(), unfinished_tree);
    unpack(context, file.get(), tree.get(), "");
    kernel::write_file_atomically(folder.get(), identity_file, content_identity(file.get()), 0600, true);
    base::check(::syncfs(tree.get()), "syncing the unpacked tree of", source_of(*context.definition).file);
    kernel::rename_to(folder.get(), unfinished_tree, folder.get(), own_tree);
    kernel::sync_directory(folder.get());
    return concat(path, '/', own_tree);
  }

  static void tear_down_own(SessionContext& context) {
    const auto path = own_folder(context);
    const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) {
      if (errno == ENOENT) return;
      base::throw_errno("opening the folder", path);
    }
    // A session that never began has changed nothing, and its tree may not even be whole.
    if (context.begun && kernel::exists_at(folder.get(), own_tree)) {
      try {
        repack(context, folder.get());
      } catch (const Error& error) {
        throw Error(error.code(),
                    concat("packing the changed tree into ", source_of(*context.definition).file, ": ", error.what(),
                           "; the archive is as it was, the tree stays in ", path, '/', own_tree),
                    error.hint());
      }
    }
    context.services.trash.discard(sessions_folder(context.services.settings, *context.definition), context.id,
                                   trash_folder(context.services.settings, *context.definition));
  }

  [[noreturn]] static void refuse_changed(const std::string& path) {
    throw Error(ErrorCode::stage_failed, "somebody else has changed it since this session began",
                concat("save one of the two: move ", path,
                       " away and end the session again, or take the tree and use --force"));
  }

  static void repack(SessionContext& context, int own) {
    const auto place = source::place_of_file(source_of(*context.definition).file);
    const auto& path = place.path;
    const auto folder = source::open_directory(context.definition->name, place.folder);
    const auto archives = kernel::open_directory_at(folder.get(), ".");
    const UniqueFd before(::openat(archives.get(), place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!before && errno != ENOENT) base::throw_errno("opening", path);
    struct stat facts {};
    facts.st_mode = 0644;
    if (before) {
      const auto now = content_identity(before.get());
      if (text_in(own, packed_file) == now) return;  // done already, by an end that did not come to its own
      if (text_in(own, identity_file) != now) refuse_changed(path);
      base::check(::fstat(before.get(), &facts), "looking at", path);
    }
    if (!context.puts_back)
      throw Error(ErrorCode::cancelled, "that was broken off by force",
                  "take what you need of it; the daemon sets it aside, among the orphans, when it starts next");
    const auto temporary = concat(".unionroot-", context.id);
    kernel::remove_file(archives.get(), temporary);  // of a crash
    base::fault_point("create");
    const UniqueFd made(base::check(
        ::openat(archives.get(), temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
        "making a new archive in", place.folder));
    base::fault_point("create done");
    base::Rollback rollback;
    rollback.add([&] { static_cast<void>(::unlinkat(archives.get(), temporary.c_str(), 0)); });
    write_archive(context, own, before.get(), made.get(), path);
    base::check(::fchown(made.get(), facts.st_uid, facts.st_gid), "setting the owner of the new", path);
    base::check(::fchmod(made.get(), facts.st_mode & 07777), "setting the mode of the new", path);
    report(context, concat("writing the new ", path, " to the disk"), 0, 0);
    base::check(::fsync(made.get()), "syncing the new", path);
    kernel::write_file_atomically(own, packed_file, content_identity(made.get()), 0600, true);
    base::fault_point("rename");
    base::check(::renameat(archives.get(), temporary.c_str(), archives.get(), place.name.c_str()),
                "putting in place the new", path);
    rollback.commit();
    base::fault_point("rename done");
    kernel::sync_directory(archives.get());
  }

  static std::string text_in(int folder, const std::string& name) {
    const UniqueFd file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    return file ? base::read_all(file.get(), name) : std::string();
  }

  static void write_archive(SessionContext& context, int own, int before, int made, const std::string& path) {
    const auto tree = kernel::open_directory_at(own, own_tree);
    auto compression = archive::compression_of_name(path);
    if (!compression) compression = before < 0 ? archive::Compression::none : archive::compression_of_content(before);
    archive::Options options;
    options.name = path;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      report(context, concat("packing ", path), done, total);
    };
    options.cancelled = context.cancelled;
    for (auto& note : archive::pack(tree.get(), made, *compression, options).notes)
      context.notes.push_back(std::move(note));
  }
};

}  // namespace

const SourceKind& tarball_source() {
  static const TarballSourceKind kind;
  return kind;
}

}  // namespace unionroot::session

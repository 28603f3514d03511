// file: a tarball. Sessions share one unpacked tree. A source session has its own copy, and packs it when it ends.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/mark.h"
#include "session/backings/backing.h"
#include "session/sources/archives.h"
#include "session/sources/cached.h"
#include "session/sources/source.h"
#include "session/storage.h"
#include "source/root_file.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// Names in the session's own folder.
constexpr const char* own_tree = "tree";  // the complete tree of a source session
constexpr const char* unfinished_tree = "unfinished";
constexpr const char* identity_file = "identity";  // of the archive that the tree was unpacked from
constexpr const char* packed_file = "packed";      // of the archive that the tree was packed into
// identity_file gets this name when the changes are discarded. A rename works on a full disk, too.
constexpr const char* discarded_file = "discarded";

const definition::FileSource& source_of(const definition::Definition& definition) {
  return std::get<definition::FileSource>(definition.source);
}

// The part of an identity that stays the same if the file is renamed.
std::string content_part(const std::string& identity) { return identity.substr(0, identity.rfind('-')); }
std::string content_identity(int file) { return content_part(identity_of(file)); }

class TarballSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    const auto& source = source_of(operation.definition());
    const auto tree = operation.is_source() ? set_up_own(operation) : set_up_shared(operation, data);
    return {located(operation, tree, source.location)};
  }

  void tear_down(Operation& operation, const TreeData&, TearDown mode) const override {
    if (mode == TearDown::keep_data) return;
    if (operation.is_source())
      tear_down_own(operation);
    else
      TreeCache(operation.services()).release(operation.token());
  }

  void discard_changes(Operation& operation) const override {
    const auto folder = open_own_folder(operation);
    if (!folder || !is_ours(operation, folder.get())) return;  // tear_down reports the error
    rename_on_disk(folder.get(), identity_file, discarded_file);
  }

  Recovery recover(Operation& operation, const TreeData& data) const override {
    if (!operation.is_source()) {
      const auto trees = recover_cached(operation, data);
      if (!trees) return Recovery::gone;
      operation->directories = {located(operation, trees->front(), source_of(operation.definition()).location)};
      return Recovery::intact;
    }
    keep_changes_unless_ending(operation);
    return ::access(concat(own_folder(operation), '/', own_tree).c_str(), F_OK) == 0 ? Recovery::intact
                                                                                     : Recovery::gone;
  }

 private:
  static std::string own_folder(const Operation& operation) {
    return concat(sessions_folder(operation.services().settings, operation.definition()), '/', operation.id());
  }

  // Empty if the folder does not exist.
  static UniqueFd open_own_folder(const Operation& operation) {
    const auto path = own_folder(operation);
    UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder && errno != ENOENT) base::throw_errno("opening the folder", path);
    return folder;
  }

  static bool is_ours(const Operation& operation, int folder) {
    return owned::read_mark(folder).token == operation.token();
  }

  // Renames a file, and writes that to the disk. Does nothing if `from` does not exist.
  static void rename_on_disk(int folder, const char* from, const char* to) {
    if (!kernel::exists_at(folder, from)) return;
    kernel::rename_to(folder, from, folder, to);
    kernel::sync_directory(folder);
  }

  // A crash may have interrupted an end after discard_changes() and before it began. Then the session goes on, and its
  // changes are kept.
  static void keep_changes_unless_ending(const Operation& operation) {
    const auto state = operation.session().state();
    if (state == store::SessionState::ending || state == store::SessionState::failed) return;
    const auto folder = open_own_folder(operation);
    if (folder && is_ours(operation, folder.get())) rename_on_disk(folder.get(), discarded_file, identity_file);
  }

  static UniqueFd open_archive(const Operation& operation) {
    return source::open_trusted_file(operation.definition().name, "archive", source_of(operation.definition()).file);
  }

  static void unpack(Operation& operation, int file, int folder, const std::string& cache_key) {
    const auto& path = source_of(operation.definition()).file;
    const auto before = identity_of(file);
    auto unpacked =
        archive::unpack(file, folder, unpack_options(operation, path, concat("unpacking ", path), cache_key));
    if (unpacked.members == 0)
      throw Error(ErrorCode::stage_failed, concat(path, " has no members"), "`tar tf` lists the members of an archive");
    if (identity_of(file) != before)
      throw Error(ErrorCode::stage_failed, concat(path, " was changed while it was unpacked"),
                  "try again; `unionroot lock CHROOT -- COMMAND` keeps sessions away while an archive is changed");
    operation.notes(std::move(unpacked.notes));
    report_syncing(operation, path);
  }

  static std::string set_up_shared(Operation& operation, TreeData& data) {
    // A recovered session gets the tree on which its upper layer was made, even if the file has changed.
    if (auto trees = take_cached_again(operation, data)) return trees->front();
    const auto& path = source_of(operation.definition()).file;
    const auto file = open_archive(operation);
    const auto key = identity_of(file.get());
    if (keeps_trees(operation) && !operation->accept_source && content_part(data.cache_keys) != content_part(key))
      throw_another_tree(operation, data, concat("the archive ", path, " has the key ", key, " now"));
    CacheRequest request;
    request.key = key;
    request.origin = source::place_of_file(path).path;
    request.session = operation.token();
    request.durable = !operation.automatic();
    request.cancelled = operation->cancelled;
    request.waits = [&](std::uint64_t done, std::uint64_t total) {
      report(operation, concat("waiting until another session has unpacked ", request.origin), done, total);
    };
    request.make = [&](int folder) { unpack(operation, file.get(), folder, request.key); };
    data.cache_keys = request.key;
    return cache_of(operation).take(request);
  }

  static std::string set_up_own(Operation& operation) {
    const auto path = own_folder(operation);
    const auto folder = session_folder(operation);
    if (operation->recovering) {
      rename_on_disk(folder.get(), discarded_file, identity_file);
      if (kernel::exists_at(folder.get(), own_tree)) return concat(path, '/', own_tree);
      throw Error(ErrorCode::stage_failed, concat("its tree ", path, '/', own_tree, " is gone"),
                  concat("restore it and run `unionroot recover ", operation.id(), "`; or `unionroot end --force ",
                         operation.id(), "`"));
    }
    operation.services().trash.discard(path, unfinished_tree,
                                       trash_folder(operation.services().settings, operation.definition()));
    const auto file = open_archive(operation);
    kernel::make_directory(folder.get(), unfinished_tree, 0755);
    const auto tree = kernel::open_directory_at(folder.get(), unfinished_tree);
    unpack(operation, file.get(), tree.get(), "");
    kernel::write_file_atomically(folder.get(), identity_file, content_identity(file.get()), 0600, true);
    base::check(::syncfs(tree.get()), "syncing the unpacked tree of", source_of(operation.definition()).file);
    kernel::rename_to(folder.get(), unfinished_tree, folder.get(), own_tree);
    kernel::sync_directory(folder.get());
    return concat(path, '/', own_tree);
  }

  static void tear_down_own(Operation& operation) {
    const auto path = own_folder(operation);
    const UniqueFd folder = open_own_folder(operation);
    const bool ours = folder && is_ours(operation, folder.get());
    // Changes are never dropped without an error.
    if (folder && !ours && operation->begun && kernel::exists_at(folder.get(), own_tree))
      throw Error(ErrorCode::stage_failed,
                  concat("its tree ", path, '/', own_tree, " does not have the session's token"),
                  "save what you need from it, and use --force; the tree will be moved to the orphans at the next "
                  "start of the daemon");
    // A session that never began has changed nothing, and its tree may be incomplete.
    if (ours && operation->begun && kernel::exists_at(folder.get(), own_tree) &&
        !kernel::exists_at(folder.get(), discarded_file)) {
      try {
        repack(operation, folder.get());
      } catch (const Error& error) {
        throw Error(error.code(),
                    concat("packing the changed tree into ", source_of(operation.definition()).file, ": ", error.what(),
                           "; the archive is as it was, the tree stays in ", path, '/', own_tree),
                    error.hint());
      }
    }
    discard_session_folder(operation, TearDown::everything);
  }

  [[noreturn]] static void refuse_changed(const std::string& path) {
    throw Error(ErrorCode::stage_failed, "somebody else has changed it since this session began",
                concat("keep one of the two: move ", path,
                       " away and end the session again, or save what you need from the tree and use --discard"));
  }

  static void repack(Operation& operation, int own) {
    const auto place = source::place_of_file(source_of(operation.definition()).file);
    const auto& path = place.path;
    const auto folder = source::open_directory(operation.definition().name, place.folder);
    const auto archives = kernel::open_directory_at(folder.get(), ".");
    const UniqueFd before(::openat(archives.get(), place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!before && errno != ENOENT) base::throw_errno("opening", path);
    // Leftovers of a crash, also of a former version.
    const auto temporary = owned::unfinished_name(operation.token());
    kernel::remove_file(archives.get(), temporary);
    if (!operation.identity().marked) kernel::remove_file(archives.get(), concat(".unionroot-", operation.id()));
    struct stat facts {};
    facts.st_mode = 0644;
    if (before) {
      const auto now = content_identity(before.get());
      if (text_in(own, packed_file) == now) return;  // an earlier end has packed it, and was interrupted later
      if (text_in(own, identity_file) != now) refuse_changed(path);
      base::check(::fstat(before.get(), &facts), "looking at", path);
    }
    if (!operation->puts_back)
      throw Error(ErrorCode::cancelled, "the end was forced, so the tree was not packed",
                  "save what you need from the tree; it will be moved to the orphans at the next start of the daemon");
    base::fault_point("create");
    const UniqueFd made(base::check(
        ::openat(archives.get(), temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
        "making a new archive in", place.folder));
    base::fault_point("create done");
    base::Rollback rollback;
    rollback.add([&] { static_cast<void>(::unlinkat(archives.get(), temporary.c_str(), 0)); });
    write_archive(operation, own, before.get(), made.get(), path);
    base::check(::fchown(made.get(), facts.st_uid, facts.st_gid), "setting the owner of the new", path);
    base::check(::fchmod(made.get(), facts.st_mode & 07777), "setting the mode of the new", path);
    report(operation, concat("writing the new ", path, " to the disk"), 0, 0);
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

  static void write_archive(Operation& operation, int own, int before, int made, const std::string& path) {
    const auto tree = kernel::open_directory_at(own, own_tree);
    auto compression = archive::compression_of_name(path);
    if (!compression) compression = before < 0 ? archive::Compression::none : archive::compression_of_content(before);
    archive::Options options;
    options.name = path;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      report(operation, concat("packing ", path), done, total);
    };
    options.cancelled = operation->cancelled;
    operation.notes(archive::pack(tree.get(), made, *compression, options).notes);
  }
};

}  // namespace

const SourceKind& tarball_source() {
  static const TarballSourceKind kind;
  return kind;
}

}  // namespace unionroot::session

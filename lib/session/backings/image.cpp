// A sparse file of union-size for each session. It is formatted, and mounted by a loop device. So its size is limited
// on any file system.
//
// Only the session's namespace mounts it, and the loop device goes away with the mount. So only the file must be
// removed. The file uses only as much space as was written: all sizes together may exceed the disk.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/place.h"
#include "session/backings/backing.h"
#include "session/disks.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;

namespace {

constexpr const char* file_name = "upper.img";

class ImageBacking : public Backing {
 public:
  [[nodiscard]] const char* name() const override { return "image"; }

  UniqueFd set_up(Operation& operation, UnionData&) const override {
    const auto sessions_path = sessions_folder(operation.services().settings, operation.definition());
    const auto folder = session_folder(operation);
    const auto path = concat(sessions_path, '/', operation.id());
    if (!keeps_upper(operation))
      make_image(operation, folder.get(), concat(path, '/', file_name));
    else
      require_image(operation, folder.get(), concat(path, '/', file_name));
    auto store = mount_image(operation, concat(path, '/', file_name));
    if (keeps_upper(operation))
      clear_work(store.get());
    else
      make_upper_and_work(store.get(), operation->layers.front().get());
    if (!operation.automatic()) {
      // Power may fail right after `begin` returns.
      const auto root = kernel::open_directory_at(store.get(), ".");
      base::check(::syncfs(root.get()), "syncing a new upper layer");
      kernel::sync_directory(folder.get());
      kernel::sync_directory(kernel::open_directory(sessions_path).get());
    }
    operation.set_upper(concat(path, '/', file_name));
    return store;
  }

  void tear_down(Operation& operation, const UnionData&, TearDown mode) const override {
    discard_session_folder(operation, mode);
  }

  void recover(Operation& operation, const UnionData&) const override {
    operation.set_upper(concat(sessions_folder(operation.services().settings, operation.definition()), '/',
                               operation.id(), '/', file_name));
  }

 private:
  // Makes sure that this very file is mounted: no symbolic link to another file, and no file that others can write to.
  static void require_image(const Operation& operation, int folder, const std::string& path) {
    const auto refuse = [&](const char* why) {
      throw base::Error(base::ErrorCode::stage_failed, concat("its upper layer ", path, why),
                        concat("restore it and run `unionroot recover ", operation.id(), "`; or `unionroot end ",
                               operation.id(), "`"));
    };
    const UniqueFd file(::openat(folder, file_name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file && errno == ENOENT) refuse(" is gone");
    if (!file) base::throw_errno("opening the upper layer", path);
    struct stat facts {};
    base::check(::fstat(file.get(), &facts), "looking at", path);
    if (!S_ISREG(facts.st_mode)) refuse(" is no longer a regular file");
    owned::require_own(file.get(), path);
  }

  static void make_image(const Operation& operation, int folder, const std::string& path) {
    const auto& union_ = operation.definition().union_;
    if (!union_.size || union_.size->bytes == 0)
      throw base::Error(base::ErrorCode::definition_invalid, "union-backing=image needs union-size",
                        "set it, such as union-size=10G");
    kernel::remove_file(folder, file_name);  // it exists if union-reset is set
    base::fault_point("create");
    const UniqueFd file(::openat(folder, file_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) base::throw_errno("making", path);
    base::fault_point("create done");
    base::fault_point("truncate");
    if (::ftruncate(file.get(), static_cast<off_t>(union_.size->bytes)) != 0) {
      const int problem = errno;
      throw base::SystemError(problem, concat("making ", path, " ", union_.size->bytes, " bytes long"),
                              problem == EFBIG ? "its file system cannot hold a file of this union-size" : "");
    }
    base::fault_point("truncate done");
    // The file system of an automatic session is never mounted again, so it needs no journal.
    make_filesystem(operation,
                    {union_.filesystem.empty() ? "ext4" : union_.filesystem, path, false, !operation.automatic()});
  }

  static UniqueFd mount_image(const Operation& operation, const std::string& path) {
    // With discard, blocks of deleted files are given back to the disk. For a single command that is not worth the
    // time.
    const Disk disk{"upper layer",         path, false, 0, operation.automatic() ? "" : "discard", false,
                    keeps_upper(operation)};
    return mount_disk(operation, disk, false);
  }
};

}  // namespace

const Backing& image_backing() {
  static const ImageBacking backing;
  return backing;
}

}  // namespace unionroot::session

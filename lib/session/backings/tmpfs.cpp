// A tmpfs for each session. Nothing is stored on a disk, and nothing is left when its namespace is gone.
#include "base/error.h"
#include "base/text.h"
#include "session/backings/backing.h"

namespace unionroot::session {

namespace {

class TmpfsBacking : public Backing {
 public:
  [[nodiscard]] const char* name() const override { return "tmpfs"; }

  base::UniqueFd set_up(Operation& operation, UnionData&) const override {
    if (keeps_upper(operation))
      throw base::Error(base::ErrorCode::stage_failed,
                        "its upper layer was in memory (union-backing=tmpfs) and is lost",
                        base::concat("`unionroot end ", operation.id(),
                                     "`; use another union-backing for sessions that are to "
                                     "survive a restart of the machine"));
    kernel::MountOptions options{{"mode", "0711"}};
    if (const auto& size = operation.definition().union_.size)
      options.emplace_back("size", size->percent != 0 ? base::concat(size->percent, "%") : std::to_string(size->bytes));
    auto store = operation.services().mounts.new_filesystem("tmpfs", "unionroot-upper", options, 0);
    make_upper_and_work(store.get(), operation->layers.front().get());
    return store;
  }

  void tear_down(Operation&, const UnionData&, TearDown) const override {}  // it is gone with the namespace

  void recover(Operation&, const UnionData&) const override {}
};

}  // namespace

const Backing& tmpfs_backing() {
  static const TmpfsBacking backing;
  return backing;
}

}  // namespace unionroot::session

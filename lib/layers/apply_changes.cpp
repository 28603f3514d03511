#include "layers/apply_changes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "layers/entries.h"
#include "layers/origin.h"

namespace unionroot::layers {

using base::Error;
using base::ErrorCode;

namespace {

constexpr std::size_t most_pieces = 100'000;
constexpr std::int64_t nanoseconds = 1'000'000'000, leeway = 10'000'000;

// A conflict if the file that this was copied up from is at no place of the tree any more.
struct Suspect {
  Conflict conflict;
  std::string origin;
};

class Collector : public Visitor {
 public:
  Collector(View& view, const Renames& renames, const ApplyBase& base, const std::function<bool()>& stop)
      : view_(view), renames_(renames), base_(base), stop_(stop) {
    since_ = {base.begun_seconds, base.begun_nanoseconds};
    since_.second -= leeway;
    if (since_.second < 0) since_ = {since_.first - 1, since_.second + nanoseconds};
  }

  void added(const std::string& path, const EntryPtr& now) override {
    count();
    Addition addition;
    addition.path = path;
    addition.is_folder = now->is_folder();
    addition.now = facts_of(now->status);
    addition.is_beginnings = base_.beginning.had(change(Kind::added, path, *now, 0));
    if (!addition.is_beginnings && now->in_upper) suspect(path, Conflict::Case::gone_there, *now);
    found_.additions.emplace(path, std::move(addition));
  }

  void deleted(const std::string& path, const EntryPtr& before) override {
    count();
    note_handle(*before);
    Change deletion;
    deletion.kind = Kind::deleted;
    deletion.path = path;
    if (base_.beginning.had(deletion)) return;
    if (changed_there(path, *before)) add_conflict(path, Conflict::Case::changed_there);
    found_.removals.emplace(path, Removal{path, before->is_folder(), std::nullopt, facts_of(before->status)});
  }

  void kept(const std::string& path, const EntryPtr& now, const std::string& former, const EntryPtr& before,
            bool renamed) override {
    count();
    note_handle(*before);
    if (now->is_folder() && before->is_folder()) return keep_folder(path, *now, former, *before, renamed);
    const bool same_type = now->type() == before->type();
    const auto found = same_type ? differences(*now, *before) : ~0U;
    if (found == 0) {
      if (renamed) move(path, former, *before, false);
      return;
    }
    const auto kind = renamed                          ? Kind::renamed
                      : !same_type                     ? Kind::type
                      : (found & content_differs) != 0 ? Kind::content
                                                       : Kind::properties;
    if (!renamed && base_.beginning.had(change(kind, path, *now, found))) return;
    judge(path, *now, former, *before);
    found_.additions.emplace(path, Addition{path, kind, now->is_folder(), true, former, false, facts_of(now->status)});
    found_.removals.emplace(former, Removal{former, before->is_folder(), path, facts_of(before->status)});
  }

  ApplyChanges finish() {
    for (const auto& [conflict, origin] : suspects_)
      if (!handles_.contains(origin)) found_.conflicts.push_back(conflict);
    auto& all = found_.conflicts;
    std::stable_sort(all.begin(), all.end(), [](const auto& one, const auto& two) { return one.path < two.path; });
    all.erase(
        std::unique(all.begin(), all.end(), [](const auto& one, const auto& two) { return one.path == two.path; }),
        all.end());
    return std::move(found_);
  }

 private:
  void count() {
    if (++pieces_ > most_pieces)
      throw Error(ErrorCode::limit_exceeded, base::concat("there are more than ", most_pieces, " places to be changed"),
                  "a session with fewer changes can be applied");
    if (stop_ && pieces_ % 64 == 0 && stop_()) throw Error(ErrorCode::cancelled, "it was cancelled");
  }

  static Change change(Kind kind, const std::string& path, const Entry& now, unsigned found) {
    Change made;
    made.kind = kind;
    made.path = path;
    made.differences = found;
    made.now = facts_of(now.status);
    return made;
  }

  void keep_folder(const std::string& path, const Entry& now, const std::string& former, const Entry& before,
                   bool renamed) {
    KeptFolder folder;
    folder.path = path;
    folder.former = former;
    folder.differences = differences(now, before);
    folder.before = facts_of(before.status);
    folder.now = facts_of(now.status);
    folder.is_beginnings = !renamed && base_.beginning.had(change(Kind::properties, path, now, folder.differences));
    if ((folder.differences & ~unsigned{time_differs}) != 0) {
      folder.attributes_before = read_values(before.handle.get(), before.marks.others);
      folder.attributes_now = read_values(now.handle.get(), now.marks.others);
      if (!folder.is_beginnings) judge(path, now, former, before);
    } else if (now.in_upper && now.marks.opaque && now.marks.origin.empty() && changed_there(former, before)) {
      judge(path, now, former, before);  // made anew here
    }
    folder.by_entries =
        folder.differences == time_differs && entries_changed(view_, renames_, path, now, former, before);
    if (renamed) move(path, former, before, true);
    found_.present.emplace(former, path);
    found_.folders.emplace(path, std::move(folder));
  }

  void move(const std::string& path, const std::string& former, const Entry& before, bool is_folder) {
    // What is in a folder comes and goes; the folder itself is the same.
    if (!is_folder && changed_there(former, before)) add_conflict(path, Conflict::Case::changed_on_both);
    found_.moves.emplace(path, Move{former, path, is_folder, facts_of(before.status)});
  }

  // Both sides have something there.
  void judge(const std::string& path, const Entry& now, const std::string& former, const Entry& before) {
    if (is_own(former, before)) return;
    if (changed_there(former, before)) {
      const bool added = now.in_upper && now.marks.origin.empty() && was_made_there(before);
      add_conflict(path, added ? Conflict::Case::added_on_both : Conflict::Case::changed_on_both);
    } else if (now.in_upper && !now.is_folder()) {
      suspect(path, Conflict::Case::changed_on_both, now);
    }
  }

  void suspect(const std::string& path, Conflict::Case what, const Entry& now) {
    auto origin = origin_of(now);
    if (!origin.empty()) suspects_.push_back({{path, what}, std::move(origin)});
  }

  void add_conflict(const std::string& path, Conflict::Case what) { found_.conflicts.push_back({path, what}); }

  void note_handle(const Entry& before) {
    if (auto handle = handle_of(before.handle.get()); !handle.empty()) handles_.insert(std::move(handle));
  }

  // Written for this layer, and not touched since.
  [[nodiscard]] bool is_own(const std::string& former, const Entry& before) const {
    const auto* const own = base_.written.find(former);
    const auto& time = before.status.st_ctim;
    return own != nullptr && own->inode == before.status.st_ino && own->changed_seconds == time.tv_sec &&
           own->changed_nanoseconds == time.tv_nsec;
  }

  [[nodiscard]] bool is_late(std::int64_t second, std::int64_t fraction) const {
    return std::pair(second, fraction) >= since_;
  }

  [[nodiscard]] bool changed_there(const std::string& former, const Entry& before) const {
    const auto& time = before.status.st_ctim;
    return is_late(time.tv_sec, time.tv_nsec) && !is_own(former, before);
  }

  [[nodiscard]] bool was_made_there(const Entry& before) const {
    struct statx facts {};
    return ::statx(before.handle.get(), "", AT_EMPTY_PATH, STATX_BTIME, &facts) == 0 &&
           (facts.stx_mask & STATX_BTIME) != 0 && is_late(facts.stx_btime.tv_sec, facts.stx_btime.tv_nsec);
  }

  View& view_;
  const Renames& renames_;
  const ApplyBase& base_;
  const std::function<bool()>& stop_;
  std::pair<std::int64_t, std::int64_t> since_;
  std::size_t pieces_ = 0;
  std::unordered_set<std::string> handles_;  // of all that the tree has, where the two were compared
  std::vector<Suspect> suspects_;
  ApplyChanges found_;
};

}  // namespace

std::string_view describe(Conflict::Case what) {
  switch (what) {
    case Conflict::Case::changed_on_both: return "changed in the session and in the tree";
    case Conflict::Case::gone_there: return "changed in the session, and gone from the tree";
    case Conflict::Case::changed_there: return "deleted in the session, and changed in the tree";
    case Conflict::Case::added_on_both: return "made in the session and in the tree";
  }
  return "";
}

ApplyChanges find_apply_changes(View& view, const Renames& renames, const ApplyBase& base,
                                const std::function<bool()>& stop) {
  Collector collector(view, renames, base, stop);
  Walk(view, renames, collector).run();
  return collector.finish();
}

}  // namespace unionroot::layers

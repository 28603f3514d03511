#include "layers/apply_store.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "layers/plan_text.h"

namespace unionroot::layers {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr std::size_t longest_text = std::size_t{1} << 30;
constexpr std::array<std::pair<ApplyPhase, const char*>, 6> phases{{{ApplyPhase::detaching, "is-detaching"},
                                                                    {ApplyPhase::attaching, "is-attaching"},
                                                                    {ApplyPhase::applied, "is-applied"},
                                                                    {ApplyPhase::unattaching, "is-unattaching"},
                                                                    {ApplyPhase::undetaching, "is-undetaching"},
                                                                    {ApplyPhase::undone, "is-undone"}}};

const char* name_of(ApplyPhase phase) {
  for (const auto& [known, name] : phases)
    if (known == phase) return name;
  return "";
}

UniqueFd open_if_there(int folder, const char* name) {
  UniqueFd opened(::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened && errno != ENOENT) base::throw_errno("opening an undo layer's folder", name);
  return opened;
}

void sync(int folder) { base::check(::syncfs(folder), "syncing the file system of a tree that is changed"); }

}  // namespace

ApplyStore::ApplyStore(int folder, int tree)
    : folder_(folder), tree_(tree), fresh_(open_if_there(folder, "new")), former_(open_if_there(folder, "old")) {}

void ApplyStore::make_folders() {
  kernel::make_directory(folder_, "new", 0700);
  kernel::make_directory(folder_, "old", 0700);
  fresh_ = open_if_there(folder_, "new");
  former_ = open_if_there(folder_, "old");
}

void ApplyStore::commit(const std::vector<ApplyStep>& steps, const Options& options) {
  write("options", options.user_attributes ? "userxattr" : "");
  write("steps", as_text(steps));
  sync(folder_);
  kernel::write_file_atomically(folder_, name_of(ApplyPhase::detaching), "", 0600, true);
}

std::string ApplyStore::require(const std::string& name) const {
  auto text = read(name);
  if (!text) throw Error(ErrorCode::failed, concat("the undo layer has no file `", name, "`"));
  return std::move(*text);
}

std::vector<ApplyStep> ApplyStore::steps() const { return apply_steps_of(require("steps")); }

Options ApplyStore::options() const { return options_of(require("options")); }

ApplyPhase ApplyStore::phase() const {
  for (const auto& [phase, name] : phases)
    if (kernel::exists_at(folder_, name)) return phase;
  return ApplyPhase::prepared;
}

void ApplyStore::set_phase(ApplyPhase phase) {
  sync(folder_);
  kernel::rename_to(folder_, name_of(this->phase()), folder_, name_of(phase));
  kernel::sync_directory(folder_);
}

void ApplyStore::write(const std::string& name, const std::string& text) const {
  kernel::write_file_atomically(folder_, name, text, 0600, true);
}

std::optional<std::string> ApplyStore::read(const std::string& name) const {
  const UniqueFd file(::openat(folder_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) base::throw_errno("opening a file of an undo layer", name);
  return base::read_all(file.get(), name, longest_text);
}

int TreeFolders::find(const std::string& path) {
  if (opened_ && path_ == path) return opened_.get();
  UniqueFd folder(base::check(::openat(tree_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the tree"));
  for (const auto& name : base::split(path, '/')) {
    UniqueFd next(kernel::try_open_beneath(folder.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
    if (!next && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return -1;
    if (!next && errno == EXDEV)
      throw Error(ErrorCode::not_supported, concat("something is mounted in the tree at ", base::printable(path)),
                  "unmount it, or leave it out");
    if (!next) base::throw_errno("opening a folder of the tree", base::printable(path));
    folder = std::move(next);
  }
  opened_ = std::move(folder);
  path_ = path;
  return opened_.get();
}

int TreeFolders::open(const std::string& path) {
  const int found = find(path);
  if (found < 0) throw base::SystemError(ENOENT, concat("opening the folder /", base::printable(path), " of the tree"));
  return found;
}

std::string as_text(const std::vector<ApplyStep>& steps) {
  PlanWriter text;
  for (const auto& step : steps) {
    text.put(std::string(1, static_cast<char>(step.kind)));
    text.put(step.path);
    text.put(step.former);
    text.put(step.number);
    text.put(int{step.has_before} + 2 * int{step.has_now} + 4 * int{step.whole});
    text.put_facts(step.before);
    text.put(step.before.inode);
    text.put(step.before.changed_seconds);
    text.put(step.before.changed_nanoseconds);
    text.put_facts(step.now);
    text.put_attributes(step.attributes_before);
    text.put_attributes(step.attributes_now);
  }
  text.put(".");
  return text.take();
}

std::vector<ApplyStep> apply_steps_of(std::string_view text) {
  std::vector<ApplyStep> steps;
  PlanReader reader(text, "the journal of an apply");
  while (true) {
    const auto kind = reader.next();
    if (kind == ".") break;
    if (kind.size() != 1 || std::string_view("dnmf").find(kind.front()) == std::string_view::npos)
      reader.throw_malformed();
    ApplyStep step;
    step.kind = static_cast<ApplyStep::Kind>(kind.front());
    step.path = reader.next();
    step.former = reader.next();
    step.number = reader.number<std::size_t>();
    const auto bits = reader.number<unsigned>();
    step.has_before = (bits & 1U) != 0;
    step.has_now = (bits & 2U) != 0;
    step.whole = (bits & 4U) != 0;
    step.before = reader.facts();
    step.before.inode = reader.number<std::uint64_t>();
    step.before.changed_seconds = reader.number<std::int64_t>();
    step.before.changed_nanoseconds = reader.number<std::int64_t>();
    step.now = reader.facts();
    step.attributes_before = reader.attributes();
    step.attributes_now = reader.attributes();
    steps.push_back(std::move(step));
  }
  if (!reader.done()) reader.throw_malformed();
  return steps;
}

}  // namespace unionroot::layers

// apply_layers prepare OPTIONS UPPER TREE STORE -- [path=PATH | exact | exclude=GLOB | ours=PATH | theirs=PATH |
// begun=SECONDS | record=FILE | written=FILE]...: plans an apply, and copies what it needs to the empty folder STORE.
// Status 3: it is refused, and standard error says why; 4: there are conflicts, one a line.
// apply_layers do TREE STORE: carries it out, forward or back. apply_layers undo TREE STORE: takes it back; status 4 if
// something is in the way. With UNIONROOT_CRASH_AT or _FAIL_AT they end on the way. apply_layers written TREE STORE:
// what written= takes.
#include <fcntl.h>

#include <cstdio>
#include <exception>
#include <string>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "layers/apply.h"

namespace {

using unionroot::base::UniqueFd;
namespace layers = unionroot::layers;

UniqueFd open_root(const char* path) {
  return UniqueFd(unionroot::base::check(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

std::string rest(const std::string& word) { return word.substr(word.find('=') + 1); }

int prepare(int count, char** words) {
  const auto upper = open_root(words[3]), tree = open_root(words[4]), folder = open_root(words[5]);
  const layers::Layers given{{tree.get()}, upper.get(), {}, layers::options_of(words[2])};
  layers::ApplyWish wish;
  std::string record, written;
  std::int64_t begun = 0;
  for (int next = 7; next < count; ++next) {
    const std::string word = words[next];
    if (word.starts_with("path=")) wish.paths.push_back(rest(word));
    if (word == "exact") wish.exact = true;
    if (word.starts_with("exclude=")) wish.exclude.push_back(rest(word));
    if (word.starts_with("ours=")) wish.ours.push_back(rest(word));
    if (word.starts_with("theirs=")) wish.theirs.push_back(rest(word));
    if (word.starts_with("begun=")) begun = std::stoll(rest(word));
    if (word.starts_with("record=")) record = unionroot::base::read_file(rest(word));
    if (word.starts_with("written=")) written = unionroot::base::read_file(rest(word));
  }
  const layers::Beginning beginning(record), own(written);
  const auto plan = layers::plan_apply(given, {beginning, begun, 0, own}, wish);
  for (const auto& [path, what] : plan.conflicts)
    std::printf("%s: %s\n", path.c_str(), std::string(layers::describe(what)).c_str());
  if (!plan.conflicts.empty()) return 4;
  for (const auto& line : plan.lines)
    std::printf("%c %s%s%s\n", static_cast<char>(line.kind), line.former.c_str(), line.former.empty() ? "" : " -> ",
                line.path.c_str());
  layers::ApplyStore store(folder.get(), tree.get());
  unionroot::base::arm_fault_points();
  store.make_folders();
  layers::prepare(plan, given, store);
  store.commit(plan.steps, given.options);
  std::string leaving;
  for (const auto& path : plan.leaving) leaving += path + '\0';
  store.write("leaving", leaving);
  return 0;
}

int carry_out(const std::string& what, char** words) {
  const auto tree = open_root(words[2]), folder = open_root(words[3]);
  layers::ApplyStore store(folder.get(), tree.get());
  if (what == "written") {
    const auto text = layers::written_by(store);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  if (what == "undo") {
    const auto obstacles = layers::obstacles_to_undo(store);
    for (const auto& obstacle : obstacles) std::printf("%s\n", obstacle.c_str());
    if (!obstacles.empty()) return 4;
  }
  unionroot::base::arm_fault_points();
  what == "undo" ? layers::undo(store) : layers::finish(store);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count < 4) return 2;
    return std::string(words[1]) == "prepare" ? prepare(count, words) : carry_out(words[1], words);
  } catch (const unionroot::base::Error& error) {
    std::fprintf(stderr, "%s\n", error.with_hint().c_str());
    return error.code() == unionroot::base::ErrorCode::invalid_argument ? 3 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

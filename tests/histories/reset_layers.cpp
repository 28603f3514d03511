// reset_layers plan OPTIONS UPPER LOWER... -- [path=PATH | keep=GLOB | record=FILE]...: the plan of a reset on standard
// output (layers/reset_plan.h). Status 3: it is refused, and standard error says why.
// reset_layers do OPTIONS UPPER PLAN: carries it out. With UNIONROOT_CRASH_AT it is killed on the way.
#include <fcntl.h>

#include <cstdio>
#include <exception>
#include <string>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "layers/reset_plan.h"

namespace {

using unionroot::base::UniqueFd;
namespace layers = unionroot::layers;

UniqueFd open_root(const char* path) {
  return UniqueFd(unionroot::base::check(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

int plan(int count, char** words) {
  layers::Layers given;
  given.options = layers::options_of(words[2]);
  const auto upper = open_root(words[3]);
  given.upper = upper.get();
  std::vector<UniqueFd> lowers;
  int next = 4;
  for (; next < count && std::string(words[next]) != "--"; ++next) {
    lowers.push_back(open_root(words[next]));
    given.lowers.push_back(lowers.back().get());
  }
  layers::ResetWish wish;
  std::string record;
  for (++next; next < count; ++next) {
    const std::string word = words[next];
    if (word.starts_with("path=")) wish.paths.push_back(word.substr(5));
    if (word.starts_with("keep=")) wish.keep.push_back(word.substr(5));
    if (word.starts_with("record=")) record = unionroot::base::read_file(word.substr(7));
  }
  const auto text = layers::as_text(layers::plan_reset(given, layers::Beginning(record), wish));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

int carry_out(char** words) {
  const auto upper = open_root(words[3]);
  const auto made = layers::reset_plan_of(unionroot::base::read_file(words[4]));
  unionroot::base::arm_fault_points();
  layers::carry_out(made, upper.get(), layers::options_of(words[2]));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count < 5) return 2;
    return std::string(words[1]) == "plan" ? plan(count, words) : carry_out(words);
  } catch (const unionroot::base::Error& error) {
    std::fprintf(stderr, "%s\n", error.with_hint().c_str());
    return error.code() == unionroot::base::ErrorCode::invalid_argument ? 3 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

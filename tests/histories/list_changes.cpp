// list_changes OPTIONS UPPER [+FORMER]... LOWER... [-- PATH...]: the change list on standard output, for the tests.
// FORMER: an upper layer that was frozen. Each change is seven texts that end with NUL: kind, path, former path,
// differences, by_entries, link group, whether it has facts of both. list_changes --beginning UPPER ASKED: the record
// of what the upper layer holds (layers/beginning.h), or "none"; it is told to stop when it has asked so often.
#include <fcntl.h>

#include <cstdio>
#include <exception>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "layers/beginning.h"
#include "layers/changes.h"

namespace {

using unionroot::base::UniqueFd;

UniqueFd open_root(const char* path) {
  return UniqueFd(unionroot::base::check(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

void put(const std::string& text) { std::fwrite(text.c_str(), 1, text.size() + 1, stdout); }

int list(int count, char** words) {
  unionroot::layers::Layers layers;
  layers.options = unionroot::layers::options_of(words[1]);
  const auto upper = open_root(words[2]);
  layers.upper = upper.get();
  std::vector<UniqueFd> lowers;
  int next = 3;
  for (; next < count && std::string(words[next]) != "--"; ++next) {
    const bool former = words[next][0] == '+';
    lowers.push_back(open_root(words[next] + (former ? 1 : 0)));
    (former ? layers.former : layers.lowers).push_back(lowers.back().get());
  }
  std::vector<std::string> paths;
  for (++next; next < count; ++next) paths.emplace_back(words[next]);
  unionroot::layers::list_changes(layers, paths, [](const unionroot::layers::Change& change) {
    put(std::string(1, static_cast<char>(change.kind)));
    put(change.path);
    put(change.former);
    put(std::to_string(change.differences));
    put(change.by_entries ? "1" : "0");
    put(std::to_string(change.link_group));
    put(change.before && change.now ? "1" : "0");
    return true;
  });
  return std::fflush(stdout) == 0 ? 0 : 1;
}

int print_beginning(const char* upper, std::uint64_t most) {
  const auto record = unionroot::layers::record_beginning(open_root(upper).get(), [&] { return most-- == 0; });
  put(record.value_or("none"));
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count < 4) return 2;
    if (std::string(words[1]) == "--beginning")
      return print_beginning(words[2], unionroot::base::parse_unsigned(words[3]).value_or(0));
    return list(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "list_changes: %s\n", error.what());
    return 1;
  }
}

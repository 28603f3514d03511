// archive_tool unpack [--layer] [--bytes N] [--members N] [--cancel-after CALLS] ARCHIVE FOLDER
// archive_tool pack FOLDER ARCHIVE
// What the library says goes to stdout: "members N", "bytes N", "read N of N", "packed N of N", "note TEXT"; an error
// to stderr, "NAME: TEXT".
#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

using namespace unionroot;

namespace {

void show_notes(const std::vector<std::string>& notes) {
  for (const auto& note : notes) std::printf("note %s\n", note.c_str());
}

int unpack(const std::vector<std::string>& words) {
  archive::Options options;
  std::vector<base::UniqueFd> below;
  unsigned long long calls = 0, most_calls = 0, done = 0, total = 0;
  std::size_t at = 1;
  for (; words.at(at).starts_with("--"); ++at) {
    if (words[at] == "--layer")
      options.layer = true;
    else if (words[at] == "--below")
      below.push_back(kernel::open_directory(words.at(++at)));
    else if (words[at] == "--bytes")
      options.limits.bytes = std::stoull(words.at(++at));
    else if (words[at] == "--members")
      options.limits.members = std::stoull(words.at(++at));
    else if (words[at] == "--cancel-after")
      most_calls = std::stoull(words.at(++at));
  }
  for (const auto& layer : below) options.below.push_back(layer.get());
  if (most_calls != 0) options.cancelled = [&] { return ++calls > most_calls; };
  options.progress = [&](std::uint64_t now, std::uint64_t of) { done = now, total = of; };
  unsigned long long seen = 0;
  options.observe = [&](std::string_view block) { seen += block.size(); };
  options.name = words.at(at);
  const base::UniqueFd file(base::check(::open(words.at(at).c_str(), O_RDONLY | O_CLOEXEC), "opening", words.at(at)));
  const auto folder = kernel::open_directory(words.at(at + 1));
  const auto result = archive::unpack(file.get(), folder.get(), options);
  std::printf("members %llu\nbytes %llu\nread %llu of %llu\nseen %llu\n",
              static_cast<unsigned long long>(result.members), static_cast<unsigned long long>(result.bytes), done,
              total, seen);
  show_notes(result.notes);
  return 0;
}

int pack(const std::vector<std::string>& words) {
  archive::Options options;
  options.name = words.at(2);
  unsigned long long done = 0, total = 0, reports = 0;
  bool steady = true;
  options.progress = [&](std::uint64_t now, std::uint64_t of) {
    steady = steady && now >= done && now <= of && (reports == 0 || of == total);
    done = now, total = of, ++reports;
  };
  const auto folder = kernel::open_directory(words.at(1));
  const base::UniqueFd file(
      base::check(::open(words.at(2).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644), "making", words.at(2)));
  const auto compression = archive::compression_of_name(words.at(2));
  if (!compression) throw base::Error(base::ErrorCode::invalid_argument, "a name that does not say how to compress");
  const auto result = archive::pack(folder.get(), file.get(), *compression, options);
  std::printf("members %llu\npacked %llu of %llu%s\n", static_cast<unsigned long long>(result.members), done, total,
              steady ? "" : ", in leaps");
  show_notes(result.notes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    return words.at(0) == "pack" ? pack(words) : unpack(words);
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s: %s\n%s\n", std::string(base::error_name(error.code())).c_str(), error.what(),
                 error.hint().c_str());
    return 1;
  }
}

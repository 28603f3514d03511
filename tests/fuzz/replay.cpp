// Runs a target without libFuzzer: on its seeds and on a fixed number of mutations of them, which are the same each
// time; then again with the fault planted, which must be found.
//
//   TARGET SEEDS DICTIONARY EXECUTIONS
//   TARGET FILE...                       these inputs alone
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "fuzz.h"
#include "mutation.h"

namespace fs = boost::filesystem;
using namespace unionroot;

namespace {

constexpr std::uint32_t seed = 20260901;
constexpr unsigned seconds_for_one = 60;

std::string found_file;
const std::string* current = nullptr;

// Keeps what the target is running on.
void keep() {
  const int file = ::open(found_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ::write(file, current->data(), current->size()) < 0) return;
  ::close(file);
}

// A fault, an abort of a sanitizer, or an input that takes too long. Uses only what signal-safety(7) has.
void on_signal(int number) {
  keep();
  constexpr char text[] = "the target was ended by a signal; the input is kept in ";
  (void)!::write(STDERR_FILENO, text, sizeof text - 1);
  (void)!::write(STDERR_FILENO, found_file.data(), found_file.size());
  (void)!::write(STDERR_FILENO, "\n", 1);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void run_one(const std::string& input) {
  current = &input;
  ::alarm(seconds_for_one);
  fuzz::run(input);
  ::alarm(0);
}

// "\"word\"" of a libFuzzer dictionary, with \xNN, \\ and \".
std::vector<std::string> read_dictionary(const std::string& file) {
  std::vector<std::string> words;
  for (const auto& line : base::split(base::try_read_file(file).value_or(""), '\n')) {
    const auto first = line.find('"'), last = line.rfind('"');
    if (line.front() == '#' || first == last) continue;
    const auto text = line.substr(first + 1, last - first - 1);
    std::string word;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 == text.size()) {
        word.push_back(text[i]);
      } else if (text[i + 1] == 'x' && i + 3 < text.size()) {
        word.push_back(static_cast<char>(std::strtol(text.substr(i + 2, 2).c_str(), nullptr, 16)));
        i += 3;
      } else {
        word.push_back(text[++i]);
      }
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::vector<std::string> read_seeds(const std::string& folder) {
  std::vector<std::string> files, seeds;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) seeds.push_back(base::read_file(file));
  if (seeds.empty()) throw std::runtime_error("there is no seed in " + folder);
  return seeds;
}

// The first execution that finds something; 0 if none does. what: is told what that is.
template <typename Tell>
unsigned long first_finding(const std::vector<std::string>& seeds, const std::vector<std::string>& words,
                            unsigned long executions, const Tell& tell) {
  fuzz::Mutation mutation(seed, words);
  for (unsigned long i = 0; i < executions; ++i) {
    const auto input = i < seeds.size() ? seeds[i] : mutation.next(seeds);
    try {
      run_one(input);
    } catch (const fuzz::Skip&) {
      throw;
    } catch (const std::exception& finding) {
      tell(finding.what());
      return i + 1;
    }
  }
  return 0;
}

int replay(const std::string& folder, const std::string& dictionary, unsigned long executions) {
  const auto seeds = read_seeds(folder);
  const auto words = read_dictionary(dictionary);
  const auto found = first_finding(seeds, words, executions, [](const char* what) {
    keep();
    std::fprintf(stderr, "%s\n", base::printable(what, 4000).c_str());
  });
  if (found != 0) {
    std::fprintf(stderr, "execution %lu found the above; the input is kept in %s\n", found, found_file.c_str());
    return 1;
  }
  fuzz::planted = true;
  std::string what;
  const auto bitten = first_finding(seeds, words, executions, [&](const char* text) { what = text; });
  if (bitten == 0) {
    std::fprintf(stderr, "the fault that was planted was not found in %lu executions\n", executions);
    return 1;
  }
  if (bitten <= seeds.size()) {
    std::fprintf(stderr, "seed %lu alone shows the planted fault: it proves nothing of the mutations\n", bitten);
    return 1;
  }
  std::printf("%zu seeds, %lu executions: nothing found. The planted fault: found by execution %lu: %s\n", seeds.size(),
              executions, bitten, base::printable(what, 120).c_str());
  return 0;
}

// As tests/support/skip.cpp does: ./check lists what was skipped.
int report(const std::string& target, const std::string& reason) {
  constexpr int status_skipped = 77;
  std::printf("skipped: %s: %s\n", target.c_str(), reason.c_str());
  const char* const file = std::getenv("UNIONROOT_SKIPS");
  if (file == nullptr) return status_skipped;
  fs::create_directories(fs::path(file).parent_path());
  const base::UniqueFd list(base::check(::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "writing", file));
  base::write_all(list.get(), target + "\t" + reason + "\n", file);
  return status_skipped;
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  found_file = fs::absolute("found-" + fs::path(arguments[0]).filename().string()).string();
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM}) ::signal(number, on_signal);
  try {
    if (words.size() == 3 && fs::is_directory(words[0]))
      return replay(words[0], words[1], std::strtoul(words[2].c_str(), nullptr, 10));
    for (const auto& file : words) run_one(base::read_file(file));
    return 0;
  } catch (const fuzz::Skip& skip) {
    return report(fs::path(arguments[0]).filename().string(), skip.what());
  } catch (const std::exception& finding) {
    std::fprintf(stderr, "%s\n", base::printable(finding.what(), 4000).c_str());
    return 1;
  }
}

// unionroot logs: what a detached command has written.
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cerrno>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot logs [OPTION]... RUN

Prints what the command of a detached run (`unionroot run --detach`) has written, to its
standard output and its standard error alike. Of one that has written much the newest part is
kept: detached-output-limit in unionroot.conf(5). Only who asked for the run may, and root.

Options:
  -f, --follow          go on until the command has ended, and all that it has started
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot logs "$run" | tail
  unionroot logs --follow "$run"
)";

// The supervisor adds at the end, and takes away from the start by holes.
class Reader {
 public:
  explicit Reader(base::UniqueFd file) : file_(std::move(file)) {}

  // Prints what there is when it is called. A command that writes faster than this prints does not hold it up.
  void print_all() {
    std::string part(std::size_t{64} << 10, '\0');
    struct stat facts {};
    base::check(::fstat(file_.get(), &facts), "reading the output");
    for (const off_t end = facts.st_size;;) {
      const bool whole = skip_hole();
      if (at_ >= end) return;
      const auto most = std::min(part.size(), static_cast<std::size_t>(end - at_));
      const auto size = ::pread(file_.get(), part.data(), most, at_);
      if (size < 0 && errno == EINTR) continue;
      if (base::check(size, "reading the output") == 0) return;
      if (data_from(at_) != at_) continue;  // it was taken away meanwhile
      std::string_view bytes(part.data(), static_cast<std::size_t>(size));
      at_ += size;
      if (!whole) bytes.remove_prefix(std::min(bytes.find('\n') + 1, bytes.size()));
      print(bytes);
    }
  }

  // It is emptied when it is not kept any more.
  [[nodiscard]] bool is_kept() const {
    struct stat facts {};
    return ::fstat(file_.get(), &facts) != 0 || facts.st_size >= at_;
  }

 private:
  // Where data begins from there on; there, if there is none, or the file system does not say.
  [[nodiscard]] off_t data_from(off_t place) const {
    const off_t data = ::lseek(file_.get(), place, SEEK_DATA);
    return data < 0 ? place : data;
  }
  // False if something is left out: then the line at which it goes on is not whole.
  bool skip_hole() {
    const off_t data = data_from(at_);
    if (data == at_) return true;
    print_warning(base::concat("logs: ", data - at_, " bytes are not kept any more"));
    at_ = data;
    return false;
  }

  base::UniqueFd file_;
  off_t at_ = 0;
};

class Logs : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("RUN", run_);
    app.add_flag("-f,--follow", follow_);
  }

  int execute(const std::string& config) override {
    if (run_.empty()) throw UsageError("which run? RUN is missing", "`unionroot runs` lists them");
    auto answer = open(config);
    Reader reader(std::move(answer.descriptors.at(value_of<std::size_t>(answer, 0))));
    const auto ended = std::move(answer.descriptors.at(value_of<std::size_t>(answer, 1)));
    while (follow_ && !has_ended(ended.get())) {
      if (!reader.is_kept())
        throw base::Error(base::ErrorCode::not_supported,
                          base::concat("the output of run ", run_, " is not kept any more"));
      reader.print_all();
    }
    reader.print_all();
    return success;
  }

 private:
  [[nodiscard]] bus::Answer open(const std::string& config) const {
    Manager manager(config);
    auto answer = manager.call("OpenOutput", bus::Body().text(run_), base::concat("opening the output of run ", run_));
    if (std::max(value_of<std::size_t>(answer, 0), value_of<std::size_t>(answer, 1)) >= answer.descriptors.size())
      throw base::Error(base::ErrorCode::failed, "unionrootd gave no descriptors",
                        "the two are of different versions: restart the daemon (systemctl restart unionrootd)");
    return answer;
  }

  // Waits a moment for it.
  static bool has_ended(int ended) {
    constexpr int interval = 100;
    pollfd watched{ended, POLLIN, 0};
    return ::poll(&watched, 1, interval) > 0;
  }

  std::string run_;
  bool follow_ = false;
};

}  // namespace

const VerbEntry logs_verb = {"logs", "print what a detached command has written", help, Split::none, make_verb<Logs>};

}  // namespace unionroot::cli

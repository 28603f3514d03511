// Starting and ending helper processes, and a temporary lock directory.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "eventually.h"
#include "locks/source_lock.h"
#include "temporary_folder.h"

namespace locks_test {

using namespace unionroot;

constexpr const char* key = "abc-1";

struct Place : tests::TemporaryFolder {
  [[nodiscard]] std::string locks() const { return *this / "locks"; }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : boost::filesystem::directory_iterator(locks()))
      names.push_back(entry.path().filename().string());
    return names;
  }
};

// A helper process; killed and reaped at the latest by the destructor.
class Helper {
 public:
  Helper(const Place& place, std::vector<std::string> operation, const std::vector<std::string>& environment = {},
         bool quiet = true) {
    int input[2], output[2];
    base::check(::pipe2(input, O_CLOEXEC), "making a pipe");
    base::check(::pipe2(output, O_CLOEXEC), "making a pipe");
    std::vector<std::string> words{LOCK_HELPER, place.locks(), key};
    for (auto& word : operation) words.push_back(std::move(word));
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    for (const auto& word : environment) envp.push_back(const_cast<char*>(word.c_str()));
    envp.push_back(nullptr);
    pid_ = base::check(::fork(), "forking");
    if (pid_ == 0) {
      ::dup2(input[0], 0);
      ::dup2(output[1], 1);
      if (quiet) ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
      ::execve(LOCK_HELPER, argv.data(), envp.data());
      ::_exit(120);
    }
    ::close(input[0]);
    ::close(output[1]);
    input_.reset(input[1]);
    output_.reset(output[0]);
  }
  Helper(Helper&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), input_(std::move(other.input_)), output_(std::move(other.output_)) {}
  Helper& operator=(Helper&&) = delete;
  ~Helper() {
    if (pid_ != 0) kill();
  }

  // Until it says that it holds its lock.
  [[nodiscard]] bool wait_held() const {
    char text[5];
    return ::read(output_.get(), text, sizeof text) == 5;
  }
  void finish() { input_.reset(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Without reaping it.
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }
  int reap() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return status;
  }
  int kill() {
    ::kill(pid_, SIGKILL);
    return reap();
  }

 private:
  pid_t pid_ = 0;
  base::UniqueFd input_, output_;
};

inline locks::LockOwner owner(const std::string& session = {}, bool preserved = false) {
  locks::LockOwner made;
  made.user = "alice";
  made.uid = 1000;
  made.session = session;
  made.chroot = "bookworm";
  made.purpose = "a test";
  made.preserved = preserved;
  return made;
}

}  // namespace locks_test

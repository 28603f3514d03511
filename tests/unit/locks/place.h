// A lock directory of the test's own, and owners.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "locks/source_lock.h"
#include "temporary_folder.h"

namespace locks_test {

using namespace unionroot;

constexpr const char* key = "abc-1";

struct Place : tests::TemporaryFolder {
  // Names, in order, less the manage files.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : boost::filesystem::directory_iterator(path()))
      if (entry.path().extension() != ".manage") names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
};

inline locks::LockOwner owner(const std::string& session = {}, bool preserved = false) {
  locks::LockOwner made;
  made.user = "alice";
  made.uid = 1000;
  made.session = session;
  made.chroot = "bookworm";
  made.tree = "/srv/bookworm";
  made.holder = session.empty() ? locks::LockHolder::command : locks::LockHolder::session;
  made.purpose = session.empty() ? "apt-get upgrade" : "session";
  made.preserved = preserved;
  return made;
}

inline locks::LockOwner dead_owner(const std::string& session, bool preserved = false) {
  auto made = owner(session, preserved);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  made.process = {pid, 1, base::boot_id()};
  return made;
}

inline locks::Wait wait_for(int milliseconds) { return {std::chrono::milliseconds(milliseconds), {}}; }

}  // namespace locks_test

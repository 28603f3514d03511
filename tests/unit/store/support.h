// What the tests of the store share.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "skip.h"
#include "store/store.h"
#include "temporary_folder.h"

namespace store_test {

using namespace unionroot;
using namespace unionroot::store;

struct Folder : tests::TemporaryFolder {
  [[nodiscard]] std::string file() const { return *this / "state.db"; }
};

inline void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline SessionRecord session(const std::string& id) {
  SessionRecord record;
  record.id = id;
  record.chroot = "sid";
  record.selected_name = "chroot:sid";
  record.definition = "[sid]\ntype=directory\n";
  record.owner = 1000;
  record.owner_name = "alice";
  record.created = 1'700'000'000'000'000;
  record.boot_id = "boot-1";
  record.options = R"({"a":"b"})";
  return record;
}

// Runs `body` in a thread with a mount namespace of its own, where a file system is mounted over `folder`. Nothing of
// it is left. Skips the test case without root.
inline void with_tmpfs(const std::string& folder, const char* options, const std::function<void()>& body) {
  unionroot::tests::require_root("to mount a file system");
  std::thread([&] {
    base::check(::unshare(CLONE_NEWNS), "unsharing");
    base::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
    base::check(::mount("tmpfs", folder.c_str(), "tmpfs", 0, options), "mounting on", folder);
    body();
  }).join();
}

// What `action` throws; fails the test if it does not.
template <typename Action>
base::Error error_of(const Action& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  throw std::runtime_error("no error was thrown");
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace store_test

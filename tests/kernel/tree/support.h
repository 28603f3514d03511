// A tree and a host, both folders of their own, for the tests of what is written into trees.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "skip.h"
#include "temporary_folder.h"
#include "tree/files.h"

namespace tree_test {

using namespace unionroot;
using namespace unionroot::tree;
namespace fs = boost::filesystem;

// A line of copyfiles with one path.
inline definition::CopiedFile as_is(const std::string& path) { return {path, path}; }

class Place {
 public:
  Place() {
    unionroot::tests::require_root("to give files away and to mount");
    fs::create_directories(tree("etc"));
    fs::create_directories(host("etc"));
    for (const char* name : {"passwd", "shadow", "group", "gshadow", "resolv.conf"}) write(host("etc/") + name, "");
  }
  [[nodiscard]] std::string tree(const std::string& path = {}) const { return folder_ / ("tree/" + path); }
  [[nodiscard]] std::string host(const std::string& path = {}) const { return folder_ / ("host/" + path); }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }

  static void write(const std::string& path, const std::string& content, mode_t mode = 0644) {
    {
      std::ofstream file(path, std::ios::binary | std::ios::trunc);
      file << content;
    }
    base::check(::chmod(path.c_str(), mode), "changing the mode of", path);
  }

  [[nodiscard]] FilesRequest request() const {
    FilesRequest made;
    made.databases = {"passwd", "shadow", "group", "gshadow"};
    made.chroot_name = "sid";
    made.hostname = "box";
    made.host_root = folder_ / "host";
    return made;
  }

  std::vector<std::string> run(const FilesRequest& request) const { return run(request, tree()); }
  static std::vector<std::string> run(const FilesRequest& request, const std::string& root) {
    const base::UniqueFd handle(base::check(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", root));
    return write_files(handle.get(), request);
  }

 private:
  tests::TemporaryFolder folder_;
};

inline struct stat status_of(const std::string& path) {
  struct stat status {};
  base::check(::lstat(path.c_str(), &status), "looking at", path);
  return status;
}

inline std::string content(const std::string& path) { return base::read_file(path); }

inline bool mentions(const std::vector<std::string>& notes, const std::string& part) {
  for (const auto& note : notes)
    if (note.find(part) != std::string::npos) return true;
  return false;
}

// Runs `body` in a thread with a mount namespace of its own, which goes with the thread. What it throws comes out.
inline void in_own_namespace(const std::function<void()>& body) {
  unionroot::tests::require_root("for real mounts");
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      base::check(::unshare(CLONE_NEWNS), "unsharing");
      base::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
      body();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

inline void mount(const std::string& source, const std::string& target, const char* type, unsigned long flags,
                  const std::string& options = {}) {
  base::check(::mount(source.c_str(), target.c_str(), type, flags, options.c_str()), "mounting on", target);
}

}  // namespace tree_test

#include "base/root_only.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::base {

namespace {

constexpr int most_links = 40;  // as many as the kernel follows

UniqueFd open_top() { return UniqueFd(check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /")); }

std::string target_of(int link, const std::string& path) {
  std::string target(PATH_MAX, '\0');
  target.resize(static_cast<std::size_t>(
      check(::readlinkat(link, "", target.data(), target.size()), "reading the symbolic link", path)));
  return target;
}

class Walk {
 public:
  Walk(const std::string& path, Links links, uid_t also) : links_(links), also_(also), rest_(split(path, '/')) {}

  RootOnly run() {
    enter(open_top(), "/");
    while (result_.problem == 0 && result_.why.empty() && !rest_.empty()) step();
    if (result_.problem == ENOENT) result_.above = std::move(result_.folder);
    if (result_.problem != 0 || !result_.why.empty()) result_.folder.reset();
    return std::move(result_);
  }

 private:
  void step() {
    const auto name = rest_.front();
    rest_.erase(rest_.begin());
    auto path = concat(result_.part.size() == 1 ? "" : result_.part, '/', name);
    UniqueFd next(::openat(result_.folder.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    const int problem = errno;
    if (!next) {
      result_.part = std::move(path);
      result_.problem = problem;
      return;
    }
    enter(std::move(next), std::move(path));
  }

  void enter(UniqueFd next, std::string path) {
    struct stat facts {};
    check(::fstat(next.get(), &facts), "looking at", path);
    if (S_ISLNK(facts.st_mode)) return follow(next.get(), path, facts);
    result_.part = std::move(path);
    if (!S_ISDIR(facts.st_mode)) {
      result_.problem = ENOTDIR;
      return;
    }
    if (!rest_.empty() && (facts.st_uid == 0 || facts.st_uid == also_) && (facts.st_mode & S_ISVTX) != 0)
      result_.why.clear();
    else
      result_.why = not_root_only(facts, result_.part, result_.remedy, also_);
    result_.folder = std::move(next);
  }

  // result_ stays that of the folder in which the link is.
  void follow(int link, const std::string& path, const struct stat& facts) {
    const auto refuse = [&](std::string why, std::string remedy) {
      result_.part = path;
      result_.why = std::move(why);
      result_.remedy = std::move(remedy);
    };
    if (links_ == Links::refused || rest_.empty()) return refuse("is a symbolic link", "name the real folder");
    if (facts.st_uid != 0 && facts.st_uid != also_)
      return refuse(concat("is a symbolic link of uid ", facts.st_uid, ", not of root"), "name the real folder");
    if (++followed_ > most_links) {
      result_.part = path;
      result_.problem = ELOOP;
      return;
    }
    const auto target = target_of(link, path);
    auto parts = split(target, '/');
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
    if (target.starts_with('/')) enter(open_top(), "/");
  }

  const Links links_;
  const uid_t also_;
  std::vector<std::string> rest_;
  int followed_ = 0;
  RootOnly result_;
};

}  // namespace

std::string not_root_only(const struct stat& facts, const std::string& path, std::string& remedy, uid_t also) {
  if (facts.st_uid != 0 && facts.st_uid != also) {
    remedy = concat("chown root:root ", printable(path));
    return concat("is owned by uid ", facts.st_uid, ", not by root");
  }
  // An access control list that lets somebody write shows in the group's bits: acl(5).
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    remedy = concat("chmod go-w ", printable(path));
    return "is writable by others than root";
  }
  return {};
}

RootOnly open_root_only(const std::string& path, Links links, uid_t also) { return Walk(path, links, also).run(); }

}  // namespace unionroot::base

#include "base/root_only.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::base {

namespace {

constexpr std::size_t most_links = 40;  // the kernel's limit

UniqueFd open_top() { return UniqueFd(check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /")); }

std::string target_of(int link, const std::string& path) {
  std::string target(PATH_MAX, '\0');
  target.resize(static_cast<std::size_t>(
      check(::readlinkat(link, "", target.data(), target.size()), "reading the symbolic link", path)));
  return target;
}

// What the last component may be.
enum class End { folder, configuration };

class Walk {
 public:
  Walk(const std::string& path, End end, Links links, uid_t also)
      : end_(end), links_(links), also_(also), rest_(split(path, '/')) {}

  RootOnly run() {
    enter(open_top(), "/");
    while (result_.problem == 0 && result_.why.empty() && !rest_.empty()) step();
    if (result_.problem == 0 && result_.why.empty() && !result_.links.empty() && !loose_.why.empty()) {
      result_.part = loose_.part;
      result_.why = loose_.why;
      result_.remedy = loose_.remedy;
    }
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
    if (!S_ISDIR(facts.st_mode) && (end_ == End::folder || !rest_.empty())) {
      result_.problem = ENOTDIR;
      return;
    }
    judge(next.get(), facts);
    result_.folder = std::move(next);
  }

  void judge(int part, const struct stat& facts) {
    if (!rest_.empty() && (facts.st_uid == 0 || facts.st_uid == also_) && (facts.st_mode & S_ISVTX) != 0)
      result_.why.clear();
    else if (end_ == End::folder)
      result_.why = not_root_only(facts, result_.part, result_.remedy, also_);
    else
      result_.why = not_configuration(part, facts, result_.part, result_.remedy);
    if (end_ == End::folder || rest_.empty() || result_.why.empty()) return;
    // It counts only if a link is followed, which is not known yet.
    if (loose_.why.empty()) loose_ = {result_.part, result_.why, result_.remedy};
    result_.why.clear();
  }

  // result_ keeps describing the folder that contains the link.
  void follow(int link, const std::string& path, const struct stat& facts) {
    const auto refuse = [&](std::string why, std::string remedy) {
      result_.part = path;
      result_.why = std::move(why);
      result_.remedy = std::move(remedy);
    };
    if (links_ == Links::refused || (rest_.empty() && links_ == Links::of_root))
      return refuse("is a symbolic link", "name the real folder");
    if (facts.st_uid != 0 && facts.st_uid != also_)
      return refuse(concat("is a symbolic link of uid ", facts.st_uid, ", not of root"), "name the real folder");
    result_.links.push_back(path);
    if (result_.links.size() > most_links) {
      result_.part = path;
      result_.problem = ELOOP;
      return;
    }
    const auto target = target_of(link, path);
    auto parts = split(target, '/');
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
    if (target.starts_with('/')) enter(open_top(), "/");
  }

  struct Loose {
    std::string part, why, remedy;
  };

  const End end_;
  const Links links_;
  const uid_t also_;
  std::vector<std::string> rest_;
  Loose loose_;  // the first component that others than root can change
  RootOnly result_;
};

// True if the file has an access control list (acl(5)). Then the group bits of its mode are a mask and do not tell who
// may write.
bool has_access_list(int descriptor) {
  const auto place = concat("/proc/self/fd/", descriptor);
  return ::getxattr(place.c_str(), "system.posix_acl_access", nullptr, 0) >= 0 ||
         (errno != ENODATA && errno != ENOTSUP);
}

}  // namespace

std::string not_root_only(const struct stat& facts, const std::string& path, std::string& remedy, uid_t also) {
  if (facts.st_uid != 0 && facts.st_uid != also) {
    remedy = concat("chown root:root ", printable(path));
    return concat("is owned by uid ", facts.st_uid, ", not by root");
  }
  // An access control list that lets others write shows in the group bits: acl(5).
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    remedy = concat("chmod go-w ", printable(path));
    return "is writable by others than root";
  }
  return {};
}

RootOnly open_root_only(const std::string& path, Links links, uid_t also) {
  return Walk(path, End::folder, links, also).run();
}

std::string not_configuration(int descriptor, const struct stat& facts, const std::string& path, std::string& remedy) {
  if (facts.st_uid == 0 && (facts.st_mode & S_IWOTH) == 0 && (facts.st_mode & S_IWGRP) != 0) {
    if (facts.st_gid == 0 && !has_access_list(descriptor)) return {};
    remedy = concat("chmod go-w ", printable(path));
    if (facts.st_gid != 0) return concat("is writable by the group ", facts.st_gid, ", which is not root's");
    return "is writable by others than root, by an access control list";
  }
  return not_root_only(facts, path, remedy);
}

RootOnly open_configuration(const std::string& path) {
  return Walk(path, End::configuration, Links::of_root_to_the_end, 0).run();
}

}  // namespace unionroot::base

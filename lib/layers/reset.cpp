// Plans of resets as text, and how they are carried out.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/hex.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"
#include "layers/marks.h"
#include "layers/reset_plan.h"

namespace unionroot::layers {

using base::concat;
using base::UniqueFd;

namespace {

using StepKind = ResetStep::Kind;

[[noreturn]] void throw_malformed() { throw base::Error(base::ErrorCode::failed, "the plan of a reset is damaged"); }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  [[nodiscard]] bool done() const { return text_.empty(); }
  std::string next() {
    const auto end = text_.find('\0');
    if (end == std::string_view::npos) throw_malformed();
    std::string part(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return part;
  }
  template <typename Number>
  Number number() {
    const auto part = next();
    Number value{};
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size()) throw_malformed();
    return value;
  }

 private:
  std::string_view text_;
};

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  if (hex.size() % 2 != 0) throw_malformed();
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto byte = base::byte_of_hex(std::string_view(hex).substr(i, 2));
    if (!byte) throw_malformed();
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

// nullopt-like -1: it is not there any more. Each component by itself: a path may be longer than PATH_MAX.
UniqueFd open_folder(int upper, const std::string& path) {
  UniqueFd folder(base::check(::openat(upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the upper layer"));
  for (const auto& name : base::split(path, '/')) {
    UniqueFd next(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
      base::throw_errno("opening a folder of the upper layer", base::printable(name));
    if (!next) return {};
    folder = std::move(next);
  }
  return folder;
}

void set_times(int folder, const Facts& facts) {
  const timespec times[2] = {{0, UTIME_OMIT},
                             {static_cast<time_t>(facts.seconds), static_cast<long>(facts.nanoseconds)}};
  base::check(::futimens(folder, times), "setting the time of a folder");
}

void remove(int upper, const std::string& path) {
  const auto folder = open_folder(upper, std::string(base::parent_path(path)));
  const std::string name(base::file_name(path));
  if (folder && kernel::exists_at(folder.get(), name)) kernel::remove_tree(folder.get(), name);
}

void forget_origin(int upper, const ResetStep& step) {
  const auto folder = open_folder(upper, std::string(base::parent_path(step.path)));
  if (!folder) return;
  const auto place = concat("/proc/self/fd/", folder.get(), "/", base::file_name(step.path));
  for (const auto& [name, value] : step.attributes)
    if (::lremovexattr(place.c_str(), name.c_str()) != 0 && errno != ENODATA && errno != ENOENT)
      base::throw_errno("removing the attribute", base::printable(name));
}

void restore(int upper, const ResetStep& step, const Options& options) {
  const auto folder = open_folder(upper, step.path);
  if (!folder) return;
  base::fault_point("restore a folder");
  base::check(::fchown(folder.get(), step.facts.uid, step.facts.gid), "setting the owner of a folder");
  base::check(::fchmod(folder.get(), step.facts.mode & 07777), "setting the mode of a folder");
  if (step.has_attributes) {
    struct stat status {};
    base::check(::fstat(folder.get(), &status), "looking at a folder");
    for (const auto& name : read_marks(folder.get(), status, options).others)
      if (!step.attributes.contains(name) && ::fremovexattr(folder.get(), name.c_str()) != 0 && errno != ENODATA)
        base::throw_errno("removing the attribute", base::printable(name));
    for (const auto& [name, value] : step.attributes)
      base::check(::fsetxattr(folder.get(), name.c_str(), value.data(), value.size(), 0), "setting the attribute",
                  base::printable(name));
  }
  set_times(folder.get(), step.facts);
  base::fault_point("restore a folder done");
}

void set_time(int upper, const ResetStep& step) {
  const auto folder = open_folder(upper, step.path);
  if (!folder) return;
  base::fault_point("set a folder's time");
  set_times(folder.get(), step.facts);
}

}  // namespace

std::string as_text(const ResetPlan& plan) {
  std::string text;
  const auto put = [&text](const auto& part) {
    text += concat(part);
    text += '\0';
  };
  for (const auto& step : plan) {
    put(std::string(1, static_cast<char>(step.kind)));
    put(step.path);
    put(step.facts.mode);
    put(step.facts.uid);
    put(step.facts.gid);
    put(step.facts.seconds);
    put(step.facts.nanoseconds);
    put(step.has_attributes ? 1 : 0);
    put(step.attributes.size());
    for (const auto& [name, value] : step.attributes) {
      put(name);
      put(base::to_hex(std::string_view(value)));
    }
  }
  put(".");
  return text;
}

ResetPlan reset_plan_of(std::string_view text) {
  ResetPlan plan;
  Reader reader(text);
  while (true) {
    const auto kind = reader.next();
    if (kind == ".") break;
    if (kind.size() != 1 || std::string_view("rstoa").find(kind.front()) == std::string_view::npos) throw_malformed();
    ResetStep step;
    step.kind = static_cast<StepKind>(kind.front());
    step.path = reader.next();
    step.facts.mode = reader.number<std::uint32_t>();
    step.facts.uid = reader.number<std::uint32_t>();
    step.facts.gid = reader.number<std::uint32_t>();
    step.facts.seconds = reader.number<std::int64_t>();
    step.facts.nanoseconds = reader.number<std::int64_t>();
    step.has_attributes = reader.number<int>() != 0;
    for (auto left = reader.number<std::size_t>(); left > 0; --left) {
      const auto name = reader.next();
      step.attributes.emplace(name, bytes_of(reader.next()));
    }
    plan.push_back(std::move(step));
  }
  if (!reader.done()) throw_malformed();
  return plan;
}

void carry_out(const ResetPlan& plan, int upper, const Options& options) {
  for (const auto& step : plan) {
    if (step.kind == StepKind::strange) forget_origin(upper, step);
    if (step.kind == StepKind::remove) remove(upper, step.path);
  }
  // A folder's time changes with what is in it.
  for (const auto& step : plan) {
    if (step.kind == StepKind::restore) restore(upper, step, options);
    if (step.kind == StepKind::time) set_time(upper, step);
  }
}

}  // namespace unionroot::layers

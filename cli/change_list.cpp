#include "cli/change_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::cli {

namespace {

constexpr std::size_t texts_of_change = 7;
using Texts = std::array<std::string, texts_of_change>;

// Splits the received bytes into changes.
class Reader {
 public:
  explicit Reader(const std::function<void(const ListedChange&)>& take) : take_(take) {}

  void add(std::string_view bytes) {
    while (!bytes.empty() && !is_whole_) {
      const auto end = bytes.find('\0');
      texts_[next_] += bytes.substr(0, end);
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      if (++next_ < texts_of_change) continue;
      next_ = 0;
      finish();
      for (auto& text : texts_) text.clear();
    }
  }

  [[nodiscard]] bool is_whole() const { return is_whole_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  void finish() {
    if (texts_[0] == "!") throw base::Error(base::ErrorCode::failed, base::concat("listing the changes: ", texts_[1]));
    if (texts_[0] == ".") {
      is_whole_ = true;
      return;
    }
    ++count_;
    const char kind = texts_[0].empty() ? '?' : texts_[0].front();
    take_({kind, "/" + texts_[1], kind == 'R' ? "/" + texts_[2] : "", texts_[3], texts_[4], texts_[5], texts_[6]});
  }

  const std::function<void(const ListedChange&)>& take_;
  Texts texts_;
  std::size_t next_ = 0, count_ = 0;
  bool is_whole_ = false;
};

}  // namespace

std::size_t read_changes(int pipe, const std::function<void(const ListedChange&)>& take) {
  Reader reader(take);
  std::array<char, 65536> buffer;
  while (!reader.is_whole()) {
    const auto count = ::read(pipe, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_errno("reading the list of changes");
    if (count == 0)
      throw base::Error(base::ErrorCode::failed, "the list of changes was broken off",
                        "the session was ended, the daemon was stopped, or its program failed: ask again");
    reader.add({buffer.data(), static_cast<std::size_t>(count)});
  }
  return reader.count();
}

std::size_t list_changes(Manager& manager, const std::string& session, const std::vector<std::string>& paths,
                         const std::function<void(const ListedChange&)>& take) {
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
  const base::UniqueFd reading(ends[0]);
  base::UniqueFd writing(ends[1]);
  bus::Options options;
  if (!paths.empty()) options.emplace_back("paths", bus::ByteLists{paths});
  manager.call("Diff", bus::Body().text(session).options(options).descriptor(0),
               base::concat("listing the changes of ", session), {writing.get()});
  writing.reset();
  return read_changes(reading.get(), take);
}

}  // namespace unionroot::cli

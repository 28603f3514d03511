#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/output.h"

namespace unionroot::cli {

namespace {

// The line is cut to the terminal's width, since a line that wraps cannot be taken back.
std::string fitting(std::string line) {
  winsize size{};
  const std::size_t columns = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80u;
  while (display_width(line) >= columns) line.pop_back();
  return line;
}

void show(const std::string& text) {
  // A progress line that cannot be written is no reason to fail.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

}  // namespace

Progress::Progress(std::string doing)
    : doing_(std::move(doing)), start_(std::chrono::steady_clock::now()), terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::tick() {
  using namespace std::chrono;
  if (!terminal_) return;
  const auto passed = duration_cast<seconds>(steady_clock::now() - start_);
  if (passed < seconds(1) || passed == shown_) return;
  shown_ = passed;
  show("\r" + fitting(base::concat(safe(doing_), " ... ", passed.count(), " s")) + "\033[K");
}

void Progress::clear() noexcept {
  if (shown_.count() == 0) return;
  shown_ = std::chrono::seconds(0);
  static constexpr char erase[] = "\r\033[K";
  if (::write(STDERR_FILENO, erase, sizeof erase - 1) < 0) terminal_ = false;
}

}  // namespace unionroot::cli

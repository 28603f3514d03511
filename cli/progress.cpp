#include "cli/progress.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "cli/output.h"

namespace unionroot::cli {

namespace {

constexpr char erase[] = "\r\033[K";
constexpr int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// A failed write of the progress line is ignored.
void show(const char* text, std::size_t size) noexcept {
  if (::write(STDERR_FILENO, text, size) < 0) return;
}

// The default action is in place again (SA_RESETHAND), so raise(3) ends the process.
extern "C" void erase_and_end(int number) {
  const int saved = errno;
  show(erase, sizeof erase - 1);
  ::raise(number);
  errno = saved;
}

void erase_if_ended(bool wanted) noexcept {
  for (const int number : ending) {
    struct sigaction current {};
    ::sigaction(number, nullptr, &current);
    struct sigaction next {};
    ::sigemptyset(&next.sa_mask);
    if (wanted && current.sa_handler == SIG_DFL) {
      next.sa_handler = erase_and_end;
      next.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    } else if (!wanted && current.sa_handler == erase_and_end) {
      next.sa_handler = SIG_DFL;
    } else {
      continue;  // ignored (nohup), or another handler
    }
    ::sigaction(number, &next, nullptr);
  }
}

std::size_t columns_of_terminal() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80u;
}

std::string first_columns(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  while (at < text.size() && columns > 0) {
    at += std::max<std::size_t>(base::utf8_length(text.substr(at)), 1);
    --columns;
  }
  return std::string(text.substr(0, at));
}

// Cuts the middle: the end of a path and the start of a sentence say most.
std::string shortened(const std::string& text, std::size_t columns) {
  const auto width = display_width(text);
  if (width <= columns) return text;
  if (columns < 8) return first_columns(text, columns);
  const auto head = (columns - 3) / 3;
  const auto left_out = width - (columns - 3 - head);
  return first_columns(text, head) + "..." + text.substr(first_columns(text, left_out).size());
}

struct Unit {
  std::uint64_t size;
  const char* name;
};

Unit unit_of(std::uint64_t bytes) {
  static constexpr std::uint64_t one = 1;
  static constexpr Unit units[] = {{one << 40, "TiB"}, {one << 30, "GiB"}, {one << 20, "MiB"}, {one << 10, "KiB"}};
  for (const auto& unit : units)
    if (bytes >= unit.size) return unit;
  return {1, "B"};
}

// "45", or "4.5" if precise.
std::string in_units(std::uint64_t bytes, const Unit& unit, bool precise) {
  const auto whole = bytes / unit.size;
  if (!precise || unit.size == 1) return std::to_string(whole);
  return base::concat(whole, '.', bytes % unit.size * 10 / unit.size);
}

std::string bytes_of(const Advance& advance) {
  const auto most = std::max(advance.done, advance.total);
  const auto unit = unit_of(most);
  const bool precise = most < unit.size * 10;
  const auto done = in_units(advance.done, unit, precise);
  if (advance.total == 0) return base::concat(done, ' ', unit.name);
  return base::concat(done, " of ", in_units(advance.total, unit, precise), ' ', unit.name);
}

std::string bar(double part, std::size_t width) {
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
  std::string inside(filled, '=');
  if (filled < width) inside += '>';
  inside.resize(width, ' ');
  return '[' + inside + ']';
}

// Joins both. The first is shortened so that the second fits.
std::string joined(const std::string& what, const std::string& tail, std::size_t columns) {
  constexpr std::size_t least = 8;
  const auto room = columns > display_width(tail) + 1 ? columns - display_width(tail) - 1 : 0;
  return room < least ? first_columns(tail, columns) : base::concat(shortened(what, room), ' ', tail);
}

}  // namespace

std::string progress_line(const Advance& advance, std::chrono::seconds passed, std::size_t columns) {
  const auto what = safe(advance.what);
  if (advance.done == 0 && advance.total == 0) return joined(what, base::concat("... ", passed.count(), " s"), columns);
  if (advance.total == 0) return joined(what, base::concat("... ", bytes_of(advance)), columns);

  const double part = std::min(1.0, static_cast<double>(advance.done) / static_cast<double>(advance.total));
  const auto tail = base::concat(static_cast<unsigned>(part * 100), "% ", bytes_of(advance));
  constexpr std::size_t least_bar = 10, widest_bar = 30, least_what = 16, around_bar = 3;
  const auto beside_bar = display_width(tail) + 1 + around_bar;
  if (columns < beside_bar + least_bar + least_what) return joined(what, tail, columns);
  const auto room = columns - beside_bar;
  const auto what_width = std::min(display_width(what), room - least_bar);
  return base::concat(shortened(what, what_width), ' ', bar(part, std::min(room - what_width, widest_bar)), ' ', tail);
}

Progress::Progress(std::string doing)
    : advance_{std::move(doing)}, start_(std::chrono::steady_clock::now()), terminal_(progress_is_shown()) {}

void Progress::tick() {
  using namespace std::chrono;
  if (!terminal_) return;
  const auto now = steady_clock::now();
  if (now - start_ < seconds(1) || now - drawn_ < milliseconds(100)) return;
  // One column stays free: terminals differ after the last one.
  auto line = progress_line(advance_, duration_cast<seconds>(now - start_), columns_of_terminal() - 1);
  if (line == line_) return;
  if (line_.empty()) erase_if_ended(true);
  line_ = std::move(line);
  drawn_ = now;
  const auto drawing = base::concat("\r", line_, "\033[K");
  show(drawing.data(), drawing.size());
}

void Progress::advance(Advance advance) {
  advance_ = std::move(advance);
  tick();
}

void Progress::clear() noexcept {
  if (line_.empty()) return;
  line_.clear();
  show(erase, sizeof erase - 1);
  erase_if_ended(false);
}

bool progress_is_shown() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace unionroot::cli

#include "terminal/pty_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/fault_point.h"
#include "terminal/raw_terminal.h"
#include "terminal/signals.h"

namespace unionroot::terminal {

using launch::control::Type;

namespace {

// Bytes that were read from one side and not yet written to the other.
class Buffer {
 public:
  [[nodiscard]] bool empty() const { return start_ == end_; }
  // False at the end of the input, or after an error.
  bool fill(int from) {
    const ssize_t size = ::read(from, data_.data(), data_.size());
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    start_ = 0;
    end_ = static_cast<std::size_t>(size);
    return size > 0;
  }
  // False after an error of the output.
  bool flush(int to) {
    const ssize_t size = ::write(to, data_.data() + start_, end_ - start_);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    start_ += static_cast<std::size_t>(size);
    return true;
  }
  // The buffer must be empty.
  void put(std::string_view text) {
    std::copy(text.begin(), text.end(), data_.begin());
    start_ = 0;
    end_ = text.size();
  }
  [[nodiscard]] char last() const { return data_[end_ - 1]; }

 private:
  std::array<char, 4096> data_{};
  std::size_t start_ = 0;
  std::size_t end_ = 0;
};

constexpr int look_again_after = 50;          // milliseconds: read a terminal again that no process had open
constexpr int look_for_terminal_after = 200;  // milliseconds: look whether we are in the foreground; no signal tells

class PtyRelay {
 public:
  explicit PtyRelay(ControlChannel& control) : control_(control) {}

  void run() {
    for (bool open = true; open && !control_.outcome();) open = step();
    drain();
  }

 private:
  enum Place { at_control, at_signals, at_input, at_output, at_master, places };

  // Waits once and handles what happened. False at the end of the control socket.
  bool step() {
    std::array<pollfd, places> watched{};
    watched[at_control] = {control_.descriptor(), POLLIN, 0};
    watched[at_signals] = {signals_.descriptor(), POLLIN, 0};
    const bool reads = foreground_ && master_ && input_open_ && to_master_.empty();
    watched[at_input] = {reads ? STDIN_FILENO : -1, POLLIN, 0};
    watched[at_output] = {to_output_.empty() ? -1 : STDOUT_FILENO, POLLOUT, 0};
    short on_master = 0;
    if (to_output_.empty() && master_open_) on_master |= POLLIN;
    if (!to_master_.empty()) on_master |= POLLOUT;
    watched[at_master] = {master_ && on_master != 0 ? master_.get() : -1, on_master, 0};
    const int ready = ::poll(watched.data(), watched.size(), limit());
    if (ready < 0 && errno != EINTR) base::throw_errno("waiting for the terminal");
    base::fault_point("in the relay of a terminal");
    if (!foreground_) enter();
    if (ready == 0) master_open_ = true;
    if (ready <= 0) return true;
    if (watched[at_signals].revents != 0) handle_signals();
    if (watched[at_input].revents != 0 && foreground_) read_input();
    if (watched[at_output].revents != 0) write_output();
    if (watched[at_master].revents != 0) use_master(watched[at_master].revents);
    if (watched[at_control].revents == 0) return true;
    if (!control_.receive()) return false;
    if (!master_) take_master();
    if (control_.has_warning()) show_warning();
    if (control_.take_stop()) stop_too();
    return true;
  }

  [[nodiscard]] int limit() const {
    if (master_ && !master_open_) return look_again_after;
    return foreground_ ? -1 : look_for_terminal_after;
  }

  void enter() {
    foreground_ = raw_.enter();
    if (foreground_) send_window_size();
  }

  // In raw mode a line of the warning would not return to the first column.
  void show_warning() {
    raw_.restore();
    control_.show_warning();
    enter();
  }

  // The command has stopped, mostly by Ctrl-Z. This process stops too, so that its shell notices. The shell continues
  // both.
  void stop_too() {
    drain();
    raw_.restore();
    base::fault_point("before stopping with the command");
    signals_.stop_group();
    base::fault_point("after stopping with the command");
    enter();
    control_.send(Type::signal, SIGCONT);
  }

  void take_master() {
    master_ = control_.take_master();
    if (!master_) return;
    ::fcntl(master_.get(), F_SETFL, ::fcntl(master_.get(), F_GETFL) | O_NONBLOCK);
    master_open_ = true;
  }

  void read_input() {
    if (to_master_.fill(STDIN_FILENO)) {
      if (!to_master_.empty()) line_begun_ = to_master_.last() != '\n' && to_master_.last() != '\r';
      return;
    }
    input_open_ = false;
    // Ctrl-D ends the input of a terminal. After an unfinished line, the first one only passes on that line.
    to_master_.put(line_begun_ ? "\x04\x04" : "\x04");
  }

  void write_output() {
    // Nobody reads the output any more. The hang-up of its terminal tells the command, as a broken pipe would.
    if (to_output_.flush(STDOUT_FILENO)) return;
    raw_.restore();
    signals_.act(SIGHUP);
  }

  void use_master(short events) {
    if ((events & POLLOUT) != 0 && !to_master_.empty() && !to_master_.flush(master_.get())) to_master_ = Buffer();
    // EIO: no process has the other end open. That may change: a command may open /dev/tty again.
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && to_output_.empty() && !to_output_.fill(master_.get()))
      master_open_ = false;
    if ((events & (POLLHUP | POLLERR)) != 0) to_master_ = Buffer();
  }

  void handle_signals() {
    while (const auto number = signals_.take()) {
      if (*number == SIGWINCH || *number == SIGCONT) {
        enter();
      } else if (*number == SIGTSTP) {
        // In raw mode it was not typed. The command stops first. When it reports that, this process stops.
        control_.send(Type::signal, SIGSTOP);
      } else if (*number != SIGALRM || !control_.time_is_up()) {
        raw_.restore();
        signals_.act(*number);  // ends this process
      }
    }
  }

  void send_window_size() {
    const WindowSize size = window_size();
    control_.send(Type::window_size, std::uint32_t{size.rows} << 16 | size.columns);
  }

  // Writes what the command wrote before it ended. The master does not block. "Nothing to read" is reliable: the kernel
  // moves written bytes to the master before it answers. A background process may write forever, so there is a limit.
  void drain() {
    constexpr int most_rounds = 4096;
    for (int round = 0; round < most_rounds; ++round) {
      while (!to_output_.empty()) {
        pollfd ready{STDOUT_FILENO, POLLOUT, 0};
        if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return;
        if (!to_output_.flush(STDOUT_FILENO)) return;
      }
      if (!master_ || !to_output_.fill(master_.get()) || to_output_.empty()) return;
    }
  }

  ControlChannel& control_;
  Signals signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, SIGALRM};
  RawTerminal raw_{STDIN_FILENO};
  bool foreground_ = raw_.enter();  // we are the terminal's foreground job
  base::UniqueFd master_;
  bool master_open_ = false;
  bool input_open_ = true;
  bool line_begun_ = false;  // the last input did not end its line
  Buffer to_master_;
  Buffer to_output_;
};

}  // namespace

void relay_terminal(ControlChannel& control) { PtyRelay(control).run(); }

}  // namespace unionroot::terminal

#include "kernel/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/spawn.h"

namespace unionroot::kernel {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::SystemError;
using base::UniqueFd;

namespace {

constexpr std::size_t most_errors = std::size_t{4} << 10;

struct Pipe {
  UniqueFd read_end, write_end;
};

// The program's end blocks as usual; our end does not.
Pipe make_pipe() {
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  base::check(::fcntl(ends[0], F_SETFL, O_NONBLOCK), "making a pipe");
  return pipe;
}

// A child. Unless it was collected, the destructor kills its process group and collects it.
class Child {
 public:
  explicit Child(Spawned process) : process_(std::move(process)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_.pid <= 0) return;
    ::kill(-process_.pid, SIGKILL);
    collect();
  }
  [[nodiscard]] int pidfd() const { return process_.pidfd.get(); }
  ProcessEnd collect() {
    int status = 0;
    while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {
    }
    process_.pid = 0;
    return process_end(status);
  }

 private:
  Spawned process_;
};

// Reads what is available, at most one full pipe. Output beyond the limit is dropped, so that the writer can go on.
void take(UniqueFd& from, std::string& into, std::size_t limit) {
  constexpr int pipe_pages = 16;  // pipe(7)
  char buffer[4096];
  for (int page = 0; from && page <= pipe_pages; ++page) {
    const auto count = ::read(from.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0)
      from.reset();
    else
      into.append(buffer, std::min(static_cast<std::size_t>(count), limit - into.size()));
  }
}

// Reads until the command itself has ended. It does not wait for the end of the pipes: a background process of the
// command may keep them open as long as it lives.
void read_until_end(const Command& command, int pidfd, Pipe& output, Pipe& errors, CommandResult& result) {
  const auto end = std::chrono::steady_clock::now() + command.limit;
  for (bool ended = false; !ended;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      throw Error(ErrorCode::timed_out, concat(command.words.front(), " took longer than ",
                                               command.limit.count() / 1000, " s and was killed"));
    if (command.cancelled && command.cancelled())
      throw Error(ErrorCode::cancelled, concat(command.words.front(), " was cancelled"));
    pollfd wanted[3] = {{pidfd, POLLIN, 0}, {output.read_end.get(), POLLIN, 0}, {errors.read_end.get(), POLLIN, 0}};
    const auto pause = std::min<std::chrono::milliseconds::rep>(left.count(), 100);
    if (::poll(wanted, 3, static_cast<int>(pause)) < 0 && errno != EINTR) base::throw_errno("waiting for a command");
    ended = wanted[0].revents != 0;
    take(output.read_end, result.output, command.most_output);
    take(errors.read_end, result.errors, most_errors);
  }
}

Spawned start(const Command& command, const std::string& program, const Pipe& output, const Pipe& errors) {
  const UniqueFd nothing(base::check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "opening", "/dev/null"));
  SpawnRequest request;
  request.path = program;
  request.arguments = command.words;
  request.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  request.descriptors = {nothing.get(), output.write_end.get(), errors.write_end.get()};
  return spawn(request);
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::string line;
  for (const auto& part : base::split(text, '\n')) line += concat(line.empty() ? "" : "; ", base::printable(part));
  return line;
}

}  // namespace

std::string find_program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    auto path = folder + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

CommandResult run_command(const Command& command) {
  const auto& name = command.words.front();
  const auto program = find_program(name);
  if (program.empty())
    throw Error(ErrorCode::not_supported, concat("the program ", name, " is not installed"),
                command.package.empty() ? "" : concat("apt-get install ", command.package));
  base::fault_point("command");
  auto output = make_pipe();
  auto errors = make_pipe();
  CommandResult result;
  Child child(start(command, program, output, errors));
  output.write_end.reset();
  errors.write_end.reset();
  read_until_end(command, child.pidfd(), output, errors, result);
  result.end = child.collect();
  result.errors = one_line(std::move(result.errors));
  base::fault_point("command done");
  return result;
}

std::string run_or_throw(const Command& command) {
  auto result = run_command(command);
  if (result.end.succeeded()) return std::move(result.output);
  throw Error(ErrorCode::failed, concat(base::printable(base::join(command.words, " ")), ' ', describe(result.end),
                                        result.errors.empty() ? "" : ": ", result.errors));
}

std::vector<std::string> split_words(const std::string& text) {
  std::string blanks = text;
  std::replace(blanks.begin(), blanks.end(), '\t', ' ');
  return base::split(blanks, ' ');
}

}  // namespace unionroot::kernel

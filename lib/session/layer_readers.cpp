#include "session/layer_readers.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/text.h"
#include "kernel/spawn.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

void LayerReaders::require_room(uid_t user) const {
  if (user == 0) return;
  const auto of_user =
      std::count_if(readers_.begin(), readers_.end(), [&](const auto& each) { return each.user == user; });
  const auto of_all = std::count_if(readers_.begin(), readers_.end(), [](const auto& each) { return each.user != 0; });
  if (static_cast<std::size_t>(of_user) >= most_per_user || static_cast<std::size_t>(of_all) >= most)
    throw Error(ErrorCode::limit_exceeded,
                concat("too many change lists are being read: ", of_user, " for this user, ", of_all, " in all"),
                concat("at most ", most_per_user, " for a user and ", most, " in all: wait until one ends"));
}

LayerReaders::Started LayerReaders::start(const std::string& session, uid_t user, const ReadRequest& request) {
  const UniqueFd program(::open(program_.c_str(), O_PATH | O_CLOEXEC));
  if (!program && errno == ENOENT)
    throw Error(ErrorCode::not_supported, concat("there is no program ", program_),
                "it belongs to unionroot: install it again");
  if (!program) base::throw_errno("opening", program_);
  const UniqueFd nothing(base::check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "opening", "/dev/null"));
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
  const UniqueFd watched(ends[0]);
  UniqueFd life(ends[1]);

  kernel::SpawnRequest spawn;
  spawn.executable = program.get();
  spawn.arguments = {"unionroot-layers", request.options, std::to_string(request.lowers.size())};
  if (!request.former.empty()) spawn.arguments.back() += concat(",", request.former.size());
  spawn.arguments.insert(spawn.arguments.end(), request.paths.begin(), request.paths.end());
  spawn.environment = {"LC_ALL=C"};
  spawn.descriptors = {
      nothing.get(), request.output, 2, watched.get(), request.beginning < 0 ? nothing.get() : request.beginning,
      request.upper};
  spawn.descriptors.insert(spawn.descriptors.end(), request.former.begin(), request.former.end());
  spawn.descriptors.insert(spawn.descriptors.end(), request.lowers.begin(), request.lowers.end());

  const std::lock_guard guard(mutex_);
  require_room(user);
  auto process = kernel::spawn(spawn);
  Started started{++last_, process.pidfd.duplicate()};
  readers_.push_back({started.number, session, user, std::move(process.pidfd), std::move(life)});
  return started;
}

void LayerReaders::end_all(const std::string& session, std::chrono::milliseconds limit) {
  std::vector<std::pair<std::uint64_t, UniqueFd>> ending;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& reader : readers_)
      if (reader.session == session) ending.emplace_back(reader.number, reader.pidfd.duplicate());
  }
  for (const auto& [number, pidfd] : ending) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  const auto end = std::chrono::steady_clock::now() + limit;
  for (const auto& [number, pidfd] : ending) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wanted{pidfd.get(), POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&wanted, 1, static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0)));
    } while (ready < 0 && errno == EINTR);
    if (ready != 1)
      throw Error(ErrorCode::timed_out, "a program that reads its layers does not end",
                  "it waits for a disk: `dmesg` may say which");
    ended(number);
  }
}

void LayerReaders::ended(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  const auto found =
      std::find_if(readers_.begin(), readers_.end(), [&](const auto& reader) { return reader.number == number; });
  if (found == readers_.end()) return;  // it was ended with its session
  siginfo_t how{};
  ::waitid(P_PIDFD, static_cast<id_t>(found->pidfd.get()), &how, WEXITED | WNOHANG);
  readers_.erase(found);
}

}  // namespace unionroot::session

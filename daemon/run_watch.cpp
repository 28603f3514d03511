#include "daemon/run_watch.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace unionroot::daemon {

namespace {

template <typename Step>
void try_to(const Step& step) {
  try {
    step();
  } catch (const base::Error& error) {
    base::log::warning(error.what());
  }
}

}  // namespace

void RunWatch::add(session::StartedRun run, base::UniqueFd pidfd, base::UniqueFd end) {
  const auto id = run.id;
  run.pidfd = run.end = -1;
  Descriptor supervisor(io_, pidfd.get());
  static_cast<void>(pidfd.release());  // the stream descriptor owns it from here on
  std::optional<Descriptor> told;
  if (end) {
    told.emplace(io_, end.get());
    static_cast<void>(end.release());
  }
  const auto [entry, added] = watched_.try_emplace(id, Watched{std::move(run), std::move(supervisor), std::move(told)});
  if (!added) return;
  auto& watched = entry->second;
  watched.supervisor.async_wait(Descriptor::wait_read, [this, id](const AsioError& error) {
    if (!error) supervisor_ended(id);
  });
  if (watched.end)
    watched.end->async_wait(Descriptor::wait_read, [this, id](const AsioError& error) {
      if (!error) command_ended(id);
    });
}

// If no processes are left, the supervisor ends right after this, and supervisor_ended() reports the end.
void RunWatch::command_ended(const std::string& id) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  auto& watched = found->second;
  try_to([&] { watched.told = launch::read_end(watched.end->native_handle()); });
  if (watched.told.left_processes) ended_(watched.run, watched.told);
}

void RunWatch::supervisor_ended(const std::string& id) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  auto& watched = found->second;
  using How = kernel::ProcessEnd::How;
  if (watched.end && watched.told.how.how == How::unknown)
    try_to([&] { watched.told = launch::read_end(watched.end->native_handle()); });
  try_to([&] { launch::reap(watched.supervisor.native_handle()); });
  const auto run = std::move(watched.run);
  launch::RunEnd end = watched.told;
  end.left_processes = false;
  watched_.erase(found);
  ended_(run, end);
}

}  // namespace unionroot::daemon

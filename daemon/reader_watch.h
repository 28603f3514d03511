// Notices when a program that reads a session's layers has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>

#include "base/unique_fd.h"
#include "daemon/asio.h"

namespace unionroot::daemon {

// Loop's thread only.
class ReaderWatch {
 public:
  using Ended = std::function<void(std::uint64_t number)>;
  ReaderWatch(asio::io_context& io, Ended ended) : io_(io), ended_(std::move(ended)) {}

  void add(std::uint64_t number, base::UniqueFd pidfd) {
    auto& watched = watched_.try_emplace(number, io_, pidfd.get()).first->second;
    static_cast<void>(pidfd.release());  // the stream descriptor owns it from here on
    watched.async_wait(asio::posix::stream_descriptor::wait_read, [this, number](const AsioError& error) {
      if (error) return;
      watched_.erase(number);
      ended_(number);
    });
  }

 private:
  asio::io_context& io_;
  Ended ended_;
  std::unordered_map<std::uint64_t, asio::posix::stream_descriptor> watched_;
};

}  // namespace unionroot::daemon

// What the requests that are not answered yet may keep in memory, for each user.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace unionroot::daemon {

// Thread-safe. The bytes are those of message_arguments.h. The message itself and copies of what it says come to some
// times as much.
class ByteBudget {
 public:
  // Requests that take less are bounded by their number, and are not counted.
  static constexpr std::size_t small_request = std::size_t{64} << 10;
  static constexpr std::size_t most_of_a_user = std::size_t{16} << 20;
  // Of callers whose uid the bus has not told yet, together.
  static constexpr std::size_t most_of_unknown = std::size_t{32} << 20;

  // One request's bytes: given back by its destructor, which may come after the budget's.
  class Share;

  // Of a caller who is not known yet. Throws Error(limit_exceeded).
  std::shared_ptr<Share> take(std::size_t bytes);

 private:
  struct Used {
    std::mutex mutex;
    std::size_t unknown = 0;
    std::unordered_map<uid_t, std::size_t> users;
  };

  std::shared_ptr<Used> used_ = std::make_shared<Used>();
};

class ByteBudget::Share {
 public:
  Share(std::shared_ptr<Used> used, std::size_t bytes);
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share();
  // From now on they count as this user's. Throws Error(limit_exceeded), but never for root. Once.
  void charge(uid_t uid);

 private:
  const std::shared_ptr<Used> used_;
  std::size_t bytes_;
  std::optional<uid_t> uid_;
};

}  // namespace unionroot::daemon

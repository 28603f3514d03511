// Limits the memory of unanswered requests, for each user.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace unionroot::daemon {

// Thread-safe. Counts the bytes of message_arguments.h. The message and the copies of its contents take several times
// as much.
class ByteBudget {
 public:
  // In bytes. Smaller requests are not counted: their number is limited.
  static constexpr std::size_t small_request = std::size_t{64} << 10;
  static constexpr std::size_t most_of_a_user = std::size_t{16} << 20;
  // Of all callers whose uid is not known yet, together.
  static constexpr std::size_t most_of_unknown = std::size_t{32} << 20;

  // The bytes of one request. The destructor releases them; it may run after the budget's.
  class Share;

  // For a caller whose uid is not known yet. Throws Error(limit_exceeded).
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
  // Counts the bytes for this user from now on. Throws Error(limit_exceeded), never for root. Call it once.
  void charge(uid_t uid);

 private:
  const std::shared_ptr<Used> used_;
  std::size_t bytes_;
  std::optional<uid_t> uid_;
};

}  // namespace unionroot::daemon

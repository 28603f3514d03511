// Who is told of what happens to sessions and commands.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "daemon/reply.h"
#include "daemon/requests/intake.h"
#include "events/event.h"

namespace unionroot::daemon {

// For the bus thread, unless said otherwise.
class Subscriptions {
 public:
  Subscriptions(Intake& intake, const Operations& operations) : intake_(intake), operations_(operations) {}
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;
  ~Subscriptions() { wanted_ = false; }

  // From now on until the client leaves the bus.
  void subscribe(const std::string& sender, const ReplyPtr<>& reply);
  void left(const std::string& client);
  // The names on the bus of those for whom it is: root is told of everybody's, others of what they asked for, and of
  // their own sessions.
  [[nodiscard]] std::vector<std::string> readers(const events::Event& event) const;
  // Whether there is one. From any thread.
  [[nodiscard]] static bool wanted() { return wanted_; }

 private:
  struct Reader {
    uid_t uid;
    std::string user;
  };
  Intake& intake_;
  const Operations& operations_;
  std::map<std::string, Reader> readers_;  // by its name on the bus
  static inline std::atomic<bool> wanted_{false};
};

}  // namespace unionroot::daemon

// Asks polkitd for permission.
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/access/consent.h"
#include "daemon/bus_loop.h"
#include "daemon/peers.h"

namespace unionroot::daemon {

// polkit is asked on the callers' own bus, and gets the caller's unique bus name, which is never reused. A pid could
// belong to another process as soon as the caller has ended (CVE-2013-4288). Bus thread only; nothing here blocks.
class Polkit {
 public:
  using Told = std::function<void(PolkitAnswer)>;

  Polkit(BusLoop& loop, Peers& peers);

  // A new unique id, for cancel().
  std::string new_id();
  // client: unique name on the bus. interactive: the user may be asked to authenticate. limit: sets the timeout of the
  // bus call; the caller of ask() enforces the limit itself. user: the user that polkitd runs as; only answers from
  // this user and root are accepted. told: called once.
  struct Asking {
    std::string id, client;
    Question question;
    bool interactive = false;
    std::chrono::seconds limit{};
    std::optional<uid_t> user;
  };
  void ask(Asking asking, Told told);
  // Cancels the question with this id.
  void cancel(const std::string& id);

 private:
  void answered(const Asking& asking, sdbus::MethodReply& reply, const Told& told);

  BusLoop& loop_;
  Peers& peers_;
  std::unique_ptr<sdbus::IProxy> authority_;
  unsigned long last_ = 0;
};

}  // namespace unionroot::daemon

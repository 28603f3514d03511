// polkitd, as the daemon asks it.
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

// It is asked on the callers' own bus: a caller is told by its name there, which nobody has after it. A pid would be
// another's as soon as the caller has ended (CVE-2013-4288). Bus thread only; nothing here waits.
class Polkit {
 public:
  using Told = std::function<void(PolkitAnswer)>;

  Polkit(BusLoop& loop, Peers& peers);

  // By this a question is cancelled. No two are alike.
  std::string new_id();
  // client: its name on the bus. interactive: somebody may be asked. limit: for the bus; who asks looks at the clock.
  // user: that polkitd runs as, beside root; an answer from anybody else is none. told: called once.
  struct Asking {
    std::string id, client;
    Question question;
    bool interactive = false;
    std::chrono::seconds limit{};
    std::optional<uid_t> user;
  };
  void ask(Asking asking, Told told);
  // Whoever is being asked is asked no more.
  void cancel(const std::string& id);

 private:
  void answered(const Asking& asking, sdbus::MethodReply& reply, const Told& told);

  BusLoop& loop_;
  Peers& peers_;
  std::unique_ptr<sdbus::IProxy> authority_;
  unsigned long last_ = 0;
};

}  // namespace unionroot::daemon

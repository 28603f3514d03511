// Checks access by the lists and by polkit.
#pragma once

#include <chrono>
#include <functional>

#include "daemon/access/polkit.h"
#include "daemon/requests/intake.h"

namespace unionroot::daemon {

// Bus thread only.
class Permission {
 public:
  // limit: time to authenticate.
  Permission(Intake& intake, Operations& operations, std::chrono::seconds limit)
      : intake_(intake), operations_(operations), polkit_(intake.loop(), intake.peers()), limit_(limit) {}

  // Calls job(consents) on a worker. The job looks up the caller and checks access. If it throws Liftable, polkit is
  // asked and the job is called again: much may have changed while the user typed a password. Other exceptions become
  // the reply. interactive: the call allows the user to be asked.
  using Job = std::function<void(const Consents&)>;
  void look_up(const PeerPtr& peer, const OwedPtr& reply, bool interactive, Job job, const Consents& consents = {});

  // Calls `work` on the bus thread if the caller may do `verb` on the session.
  void require(const PeerPtr& peer, const OwedPtr& reply, bool interactive, const session::SessionView& session,
               Operations::Verb verb, std::function<void()> work);

 private:
  // The request is parked until polkit has answered.
  void ask(const PeerPtr& peer, const OwedPtr& reply, Polkit::Asking asking, const Liftable& refusal, Job job,
           const Consents& consents);

  Intake& intake_;
  Operations& operations_;
  Polkit polkit_;
  const std::chrono::seconds limit_;
};

}  // namespace unionroot::daemon

// Whether the caller may, by the lists and by polkit.
#pragma once

#include <chrono>
#include <functional>

#include "daemon/access/polkit.h"
#include "daemon/requests/intake.h"

namespace unionroot::daemon {

// For the bus thread.
class Permission {
 public:
  // limit: for whoever is asked to authenticate.
  Permission(Intake& intake, Operations& operations, std::chrono::seconds limit)
      : intake_(intake), operations_(operations), polkit_(intake.loop(), intake.peers()), limit_(limit) {}

  // job(consents), on a worker: looks up who the caller is and what he may do. Where that is Liftable polkit is asked,
  // and then all is looked up again: much may have changed while somebody typed a password. interactive: the call lets
  // somebody be asked. What the job throws becomes the reply.
  using Job = std::function<void(const Consents&)>;
  void look_up(const PeerPtr& peer, const OwedPtr& reply, bool interactive, Job job, const Consents& consents = {});

  // Calls `work` on the bus thread once the caller is known to be allowed that.
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

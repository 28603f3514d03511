#include "daemon/access/consent.h"

#include "base/text.h"

namespace unionroot::daemon {

using base::concat;
using base::Error;
using base::ErrorCode;

Error refusal_after(const Liftable& refusal, const PolkitAnswer& answer) {
  using Kind = PolkitAnswer::Kind;
  const auto refused = [&](const std::string& why, const std::string& remedy) {
    return Error(refusal.code(), concat(refusal.what(), "; ", why), concat(remedy, "; or: ", refusal.hint()));
  };
  const auto& action = refusal.question().action;
  switch (answer.kind) {
    case Kind::permitted: break;
    case Kind::refused:
      return refused(concat("polkit does not permit it (", action, ")"),
                     "root may permit it by a rule in /etc/polkit-1/rules.d, see polkit(8)");
    case Kind::refused_or_not_authenticated:
      return refused(concat("it was not authenticated, or polkit does not permit it (", action, ")"), "try again");
    case Kind::not_authenticated: return refused("it was not authenticated", "try again");
    case Kind::nobody_asked:
      return {ErrorCode::authentication_required,
              concat(refusal.what(), "; nobody was asked, since the call does not allow that"),
              concat("do it on a terminal; or: ", refusal.hint())};
    case Kind::no_agent:
      return refused("there is no agent that could ask for it",
                     "install pkttyagent(1), which comes with polkit, and do it on a terminal");
    case Kind::not_in_time:
      return refused("nobody authenticated in time",
                     "try again; authentication-time-limit in unionroot.conf(5) says how long it may take");
    case Kind::absent:
      return refused(concat("polkit, which could permit it, is not running", answer.text.empty() ? "" : ": ",
                            base::printable(answer.text)),
                     "install polkitd, or start it: systemctl start polkit");
    case Kind::failed:
      return refused(concat("polkit could not be asked: ", base::printable(answer.text)),
                     "see its log: journalctl -u polkit");
  }
  return refused("it was not permitted", "try again");
}

}  // namespace unionroot::daemon

#include "session/network.h"

#include "base/error.h"
#include "base/text.h"
#include "kernel/network.h"

namespace unionroot::session {

void make_network(Operation& operation) {
  auto& views = operation.services().views;
  if (!operation.definition().has_own_network() || views.open_network(operation.id())) return;
  views.keep_network(operation.id(), kernel::new_network().get());
}

void drop_network(Operation& operation) {
  if (operation.definition().has_own_network()) operation.services().views.drop_network(operation.id());
}

base::UniqueFd open_network(const Services& services, const Session& session) {
  if (!session.definition->has_own_network()) return {};
  auto network = services.views.open_network(session.id());
  if (network) return network;
  throw base::Error(base::ErrorCode::failed,
                    base::concat("the network of session ", session.id(), " has gone: nothing is mounted at ",
                                 services.views.network_path(session.id())),
                    base::concat("end the session and begin another: unionroot end ", session.id()));
}

void in_network_of(Operation& operation, const std::function<void()>& action) {
  if (const auto network = open_network(operation.services(), operation.session()))
    kernel::in_network(network.get(), action);
  else
    action();
}

}  // namespace unionroot::session

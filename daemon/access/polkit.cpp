#include "daemon/access/polkit.h"

#include <cstdint>
#include <exception>
#include <map>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using Kind = PolkitAnswer::Kind;

constexpr const char* service = "org.freedesktop.PolicyKit1";
constexpr const char* interface = "org.freedesktop.PolicyKit1.Authority";
constexpr std::uint32_t allow_user_interaction = 1;

// The call's timeout is longer than the time limit by this, so polkit can answer the cancel.
constexpr std::chrono::seconds margin{10};

PolkitAnswer answer_of(const sdbus::Error& error) {
  const std::string_view name = error.getName();
  constexpr std::string_view bus_error = "org.freedesktop.DBus.Error.";
  const auto is = [&](std::string_view last) { return name == concat(bus_error, last); };
  if (is("ServiceUnknown") || is("NameHasNoOwner")) return {Kind::absent, {}};
  // Errors of the bus if it could not start polkit.
  if (name.starts_with(concat(bus_error, "Spawn.")) || name.starts_with("org.freedesktop.systemd1."))
    return {Kind::absent, error.getMessage()};
  if (is("NoReply") || is("Disconnected")) return {Kind::failed, "it ended before it answered"};
  return {Kind::failed, error.getMessage()};
}

using Result = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;

Kind kind_of(const Result& result, bool interactive) {
  if (result.get<0>()) return Kind::permitted;
  if (result.get<1>()) return interactive ? Kind::no_agent : Kind::nobody_asked;
  if (!interactive) return Kind::refused;
  return result.get<2>().contains("polkit.dismissed") ? Kind::not_authenticated : Kind::refused_or_not_authenticated;
}

}  // namespace

Polkit::Polkit(BusLoop& loop, Peers& peers)
    : loop_(loop),
      peers_(peers),
      authority_(sdbus::createProxy(loop.connection(), service, "/org/freedesktop/PolicyKit1/Authority")) {}

std::string Polkit::new_id() { return concat("unionroot-", ++last_); }

void Polkit::ask(Asking asking, Told told) {
  try {
    auto call = authority_->createMethodCall(interface, "CheckAuthorization");
    call << sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>("system-bus-name",
                                                                              {{"name", sdbus::Variant(asking.client)}})
         << asking.question.action << asking.question.details
         << (asking.interactive ? allow_user_interaction : std::uint32_t{0}) << asking.id;
    const auto until = asking.limit + margin;
    authority_->callMethod(
        call,
        [this, asking = std::move(asking), told](sdbus::MethodReply& reply, const sdbus::Error* error) {
          BusLoop::guarded([&] { error != nullptr ? told(answer_of(*error)) : answered(asking, reply, told); });
        },
        until);
    loop_.kick();
  } catch (const sdbus::Error& error) {
    told({Kind::failed, error.getMessage()});
  }
}

// Checks who sent the reply: another process may own polkit's name. The policy of the system bus prevents that; that of
// another bus may not.
void Polkit::answered(const Asking& asking, sdbus::MethodReply& reply, const Told& told) {
  PolkitAnswer answer;
  try {
    Result result;
    reply >> result;
    answer.kind = kind_of(result, asking.interactive);
  } catch (const sdbus::Error& error) {
    answer.text = concat("its answer cannot be read: ", error.getMessage());
  }
  auto known = [told, answer, user = asking.user](const PeerPtr& polkit) {
    if (polkit->uid == 0 || polkit->uid == user) return told(answer);
    told({Kind::failed, concat("who has its name on this bus is uid ", polkit->uid, ", and not the user polkitd")});
  };
  peers_.identify(reply.getSender(), std::move(known), [told](const std::exception_ptr&) {
    told({Kind::failed, "it ended before it was known who answered"});
  });
}

void Polkit::cancel(const std::string& id) {
  BusLoop::guarded([&] {
    authority_->callMethodAsync("CancelCheckAuthorization")
        .onInterface(interface)
        .withArguments(id)
        .uponReplyInvoke([id](const sdbus::Error* error) {
          // polkit has answered already, or is gone.
          if (error != nullptr) base::log::debug(concat("cancelling ", id, ": ", base::printable(error->getMessage())));
        });
  });
  loop_.kick();
}

}  // namespace unionroot::daemon

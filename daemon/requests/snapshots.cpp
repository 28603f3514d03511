// Snapshots and clones of sessions.
#include <chrono>
#include <utility>

#include "base/text.h"
#include "daemon/describe.h"
#include "daemon/requests/requests.h"

namespace unionroot::daemon {

namespace {

events::Event requested(const char* request, const std::string& session) {
  events::Event event{events::Kind::request_failed};
  event.request = request;
  event.asked = session;
  return event;
}

}  // namespace

void Requests::snapshot(const std::string& sender, const SnapshotReply& reply, SnapshotCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("snapshot", name); });
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, false, view, Operations::Verb::snapshot, [this, peer, reply, call, view] {
      auto job = [this, reply, peer, call, view] {
        reply->send({}, core_.snapshot({session::SessionId(view.record), call.name}, progress(peer, call.progress)));
      };
      intake_.submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
    });
  });
}

void Requests::snapshots(const std::string& sender, const SnapshotsReply& reply, std::string session) {
  intake_.identified(sender, reply, [this, reply, session = std::move(session)](const PeerPtr& peer) {
    const auto view = operations_.session(session);
    permission_.require(peer, reply, false, view, Operations::Verb::snapshots, [this, peer, reply, view] {
      intake_.submit(Work::query, peer, reply, [this, reply, view] {
        std::vector<Variants> described;
        for (const auto& each : core_.snapshots(session::SessionId(view.record)))
          described.push_back(
              {{"name", each.name}, {"created", each.created}, {"bytes", each.bytes}, {"at-least", !each.whole}});
        reply->send({}, std::move(described));
      });
    });
  });
}

void Requests::rollback(const std::string& sender, const EmptyReply& reply, RollbackCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("rollback", name); });
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, false, view, Operations::Verb::rollback, [this, peer, reply, call, view] {
      auto job = [this, reply, peer, call, view] {
        core_.rollback({session::SessionId(view.record), call.snapshot}, progress(peer, call.progress));
        reply->send({});
      };
      intake_.submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
    });
  });
}

void Requests::clone(const std::string& sender, const CloneReply& reply, CloneCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("clone", name); });
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, false, view, Operations::Verb::clone, [this, peer, reply, call, view] {
      auto job = [this, reply, peer, call, view] {
        const auto begun = core_.clone(
            operations_.clone(identity(*peer), view, call, intake_.cancelled(peer), progress(peer, call.progress)));
        std::vector<std::string> ids;
        ids.reserve(begun.size());
        for (const auto& each : begun) ids.push_back(each.record.id);
        // As with Begin: nobody was told of them.
        auto before = [this, peer, begun] {
          for (const auto& each : begun) peer->gone ? end_for_client_that_left(each) : callbacks_.begun(each);
          return !peer->gone;
        };
        reply->send(std::move(before), std::move(ids));
      };
      intake_.submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
    });
  });
}

}  // namespace unionroot::daemon

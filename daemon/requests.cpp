#include "daemon/requests.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "daemon/describe.h"
#include "daemon/object_paths.h"

namespace unionroot::daemon {

namespace {

CallerId identity(const Peer& peer) { return {peer.uid, peer.pid, peer.start_time}; }

// What `work` throws becomes the reply.
template <typename Reply, typename Work>
void answering(const Reply& reply, Work&& work) {
  try {
    work();
  } catch (...) {
    reply->fail(std::current_exception());
  }
}

// What root's scripts wrote is for whom they wrote it, and for root: it is in the notes, and the last lines of a script
// that failed are in the session's error.
bool may_read_words(const Peer& peer, const session::SessionView& view) {
  return peer.uid == 0 || peer.uid == view.record.owner;
}

// A stranger still sees the state.
void hide_words(Dictionary& description) { description["error"] = sdbus::Variant(std::string()); }

}  // namespace

Requests::Requests(BusLoop& loop, Operations& operations, definition::Registry& registry, const RequestLimits& limits,
                   Tellings tell)
    : loop_(loop),
      operations_(operations),
      registry_(registry),
      tell_(std::move(tell)),
      peers_(loop.connection()),
      operations_lane_(limits.operations),
      queries_(limits.queries),
      endings_(limits.endings),
      waiting_(limits.waiting) {}

std::function<bool()> Requests::cancelled(const PeerPtr& peer) const {
  return [peer, stopping = stopping_] { return peer->gone.load() || stopping->load(); };
}

session::TellProgress Requests::progress(const PeerPtr& peer, const ProgressWish& wish) {
  if (!wish) return {};
  // Posted as the reply is, and so never after it.
  return [this, peer, call = *wish](const std::string& session, const session::Progress& progress) {
    loop_.post([this, peer, call, session, progress] {
      if (!peer->gone) tell_.progress(peer->name, call, session, progress);
    });
  };
}

template <typename Reply, typename Work>
void Requests::dispatch(Lane& lane, const std::string& sender, const Reply& reply, Work work) {
  auto known = [&lane, reply, work = std::make_shared<Work>(std::move(work))](const PeerPtr& peer) {
    answering(reply,
              [&] { lane.submit(peer->uid, [reply, work, peer] { answering(reply, [&] { (*work)(peer); }); }); });
  };
  peers_.identify(sender, std::move(known), [reply](const std::exception_ptr& error) { reply->fail(error); });
}

template <typename Reply, typename Work>
void Requests::dispatch_waiting(bool waits, const std::string& sender, const Reply& reply, Work work) {
  if (!waits) {
    dispatch(operations_lane_, sender, reply, std::move(work));
    return;
  }
  auto known = [this, reply, work = std::make_shared<Work>(std::move(work))](const PeerPtr& peer) {
    answering(reply,
              [&] { waiting_.submit(peer->uid, [reply, work, peer] { answering(reply, [&] { (*work)(peer); }); }); });
  };
  peers_.identify(sender, std::move(known), [reply](const std::exception_ptr& error) { reply->fail(error); });
}

void Requests::begin(const std::string& sender, BeginReply reply, BeginCall call) {
  const bool waits = call.request.wait.has_value();
  dispatch_waiting(waits, sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    const session::SessionView view =
        operations_.begin(identity(*peer), call, cancelled(peer), progress(peer, call.progress));
    const std::string id = view.record.id;
    // A client that is not there any more, or a daemon that is about to go, cannot hand over the session: as if it
    // had never been begun.
    auto before = [this, view, peer] {
      if (peer->gone) {
        const session::SessionId session(view.record);
        // No lane takes work once these stop; but then nobody waits for this thread either.
        if (*stopping_)
          operations_.take_back(session);
        else
          in_background(peer->uid, [this, session] { operations_.take_back(session); });
        return false;
      }
      tell_.begun(view);
      return true;
    };
    reply->send(std::move(before), id, sdbus::ObjectPath(session_path(id)));
  });
}

void Requests::run(const std::string& sender, RunReply reply, RunCall call) {
  const bool waits = call.automatic.wait.has_value();
  dispatch_waiting(
      waits, sender, reply, [this, reply, call = std::make_shared<RunCall>(std::move(call))](const PeerPtr& peer) {
        auto started = operations_.run(identity(*peer), *call, cancelled(peer), progress(peer, call->progress));
        // The caller's descriptors are the command's now: a pipe must not stay open because the daemon has it too.
        for (auto& descriptor : call->standard) descriptor.reset();
        // Should the client have gone, the control socket closes with the reply that nobody gets: the supervisor ends
        // the command, and with it an automatic session.
        reply->send([peer] { return !peer->gone; }, sdbus::UnixFd(started.run.control.release(), sdbus::adopt_fd),
                    std::move(started.run.session), std::move(started.run.run),
                    {{"source", sdbus::Variant(started.source)}, {"packed", sdbus::Variant(started.packed)}});
      });
}

void Requests::end(const std::string& sender, EndReply reply, EndCall call) {
  dispatch(operations_lane_, sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    // A daemon that stops lets it come to its end, or leaves the rest to the next one.
    const auto gone = [peer] { return peer->gone.load(); };
    auto left = operations_.end(identity(*peer), call.session, call.force, gone, progress(peer, call.progress));
    for (auto& line : left) line = base::as_utf8(line);
    reply->send({}, std::move(left));
  });
}

void Requests::recover(const std::string& sender, RecoverReply reply, RecoverCall call) {
  dispatch(operations_lane_, sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    reply->send({}, operations_.recover(identity(*peer), call.session, cancelled(peer), progress(peer, call.progress)));
  });
}

void Requests::reload(const std::string& sender, EmptyReply reply) {
  dispatch(queries_, sender, reply, [this, reply](const PeerPtr& peer) {
    if (peer->uid != 0) {
      throw base::Error(base::ErrorCode::access_denied,
                        base::concat("uid ", peer->uid, " may not reload the configuration"),
                        "only root may; the daemon follows edits by itself");
    }
    registry_.reload();
    reply->send([reloaded = tell_.reloaded] {
      reloaded();
      return true;
    });
  });
}

void Requests::info(const std::string& sender, ReplyPtr<Dictionary> reply, std::string name) {
  dispatch(queries_, sender, reply, [this, reply, name = std::move(name)](const PeerPtr& peer) {
    const auto found = operations_.info(name);
    auto description = found.session ? describe_session(*found.session)
                                     : describe_chroot(*found.chroot.definition, found.chroot.source);
    if (found.session && may_read_words(*peer, *found.session)) {
      std::vector<std::string> notes;
      for (const auto& note : found.session->notes) notes.push_back(base::as_utf8(note));
      description["notes"] = sdbus::Variant(notes);
    } else if (found.session) {
      hide_words(description);
    }
    if (found.source_trouble) description["source-trouble"] = sdbus::Variant(base::as_utf8(*found.source_trouble));
    reply->send({}, description);
  });
}

void Requests::list_sessions(const std::string& sender, ReplyPtr<std::vector<Dictionary>> reply) {
  dispatch(queries_, sender, reply, [this, reply](const PeerPtr& peer) {
    std::vector<Dictionary> sessions;
    for (const auto& view : operations_.sessions()) {
      sessions.push_back(list_session(view));
      if (!may_read_words(*peer, view)) hide_words(sessions.back());
    }
    reply->send({}, std::move(sessions));
  });
}

void Requests::location(const std::string& sender, ReplyPtr<std::string> reply, std::string session) {
  dispatch(queries_, sender, reply, [this, reply, session = std::move(session)](const PeerPtr&) {
    reply->send({}, base::name_as_utf8(operations_.location(session)));
  });
}

void Requests::stop() {
  *stopping_ = true;
  waiting_.stop();
  operations_lane_.stop();
  queries_.stop();
  endings_.stop();
}

}  // namespace unionroot::daemon

#include "daemon/requests/requests.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/bus/closers.h"
#include "daemon/describe.h"
#include "daemon/object_paths.h"

namespace unionroot::daemon {

namespace {

Work work_of_end(const session::SessionView& view) {
  const bool slow = view.definition && session::ends_slowly(*view.definition, view.record.source);
  return slow ? Work::slow_end : Work::end;
}

events::Event requested(const char* request, const std::string& name) {
  events::Event event{events::Kind::request_failed};
  event.request = request;
  event.asked = name;
  return event;
}

events::Event requested_run(const RunCall& call) {
  auto event = requested("run", call.name());
  event.command = base::printable(base::join(call.request.command, " "));
  if (!call.request.user.empty()) event.becomes = events::User{std::nullopt, call.request.user};
  return event;
}

}  // namespace

Requests::Requests(BusLoop& loop, session::Sessions& core, Operations& operations, definition::Registry& registry,
                   const Limits& limits, Callbacks callbacks)
    : loop_(loop),
      core_(core),
      operations_(operations),
      registry_(registry),
      callbacks_(std::move(callbacks)),
      intake_(loop, core, limits,
              [this](const std::string& client) {
                end_unconfirmed(client);
                subscriptions_.left(client);
                runs_.left(client);
              }),
      failed_(loop, core, operations, intake_.scheduler()),
      permission_(intake_, operations, limits.authentication),
      begins_(intake_, core),
      queries_(intake_, core, operations, registry),
      runs_(intake_, permission_, core, operations),
      subscriptions_(intake_, operations) {}

session::TellProgress Requests::progress(const PeerPtr& peer, const ProgressWish& wish) {
  if (!wish) return {};
  // Posted as the reply is, and so never after it.
  return [this, peer, call = *wish](const std::string& session, const session::Progress& progress) {
    loop_.post([this, peer, call, session, progress] {
      if (!peer->gone) callbacks_.progress(peer->name, call, session, progress);
    });
  };
}

void Requests::began(const BeginReply& reply, const PeerPtr& peer, const session::SessionView& view, bool confirm) {
  // A client that is not there any more, or a daemon that is about to go, cannot hand over the session: as if it
  // had never been begun.
  auto before = [this, view, peer, confirm] {
    if (peer->gone) {
      end_for_client_that_left(view);
      return false;
    }
    if (confirm) unconfirmed_[peer->name].emplace(view.record.id, view);
    callbacks_.begun(view);
    return true;
  };
  reply->send(std::move(before), view.record.id, sdbus::ObjectPath(session_path(view.record.id)));
}

void Requests::begin(const std::string& sender, const BeginReply& reply, BeginCall call) {
  const auto share = intake_.take(call.bytes);
  reply->keep(share);
  intake_.identified(sender, reply, share, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.request.selected_name] { return requested("begin", name); });
    intake_.submit(Work::lookup, peer, reply, [this, reply, peer, call] {
      if (const auto name = operations_.used_as_it_is(identity(*peer), call)) {
        reply->send({}, *name, sdbus::ObjectPath(chroot_path(*name)));
        return;
      }
      auto request = operations_.begin(identity(*peer), call, intake_.cancelled(peer), progress(peer, call.progress));
      begins_.begin(peer, reply, std::move(request),
                    [this, reply, peer, confirm = call.confirm](Begins::PendingBegin begin) {
                      const auto view = begin->view();
                      begin.reset();  // from here on others may use the session
                      began(reply, peer, view, confirm);
                    });
    });
  });
}

void Requests::confirm(const std::string& sender, const EmptyReply& reply, std::string session) {
  intake_.identified(sender, reply, [this, reply, session = std::move(session)](const PeerPtr& peer) {
    const auto found = unconfirmed_.find(peer->name);
    if (found != unconfirmed_.end()) found->second.erase(session);
    reply->send({});
  });
}

void Requests::end_unconfirmed(const std::string& client) {
  const auto left = unconfirmed_.extract(client);
  if (!left) return;
  for (const auto& [id, view] : left.mapped()) end_for_client_that_left(view);
}

void Requests::run(const std::string& sender, const RunReply& reply, RunCall given) {
  const auto share = intake_.take(given.bytes);
  reply->keep(share);
  auto call = std::make_shared<RunCall>(std::move(given));
  intake_.identified(sender, reply, share, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [call] { return requested_run(*call); });
    Closers::instance().require_free(peer->uid);
    permission_.look_up(peer, reply, call->interactive, [this, reply, peer, call](const Consents& consents) {
      auto plan =
          operations_.run(identity(*peer), *call, consents, intake_.cancelled(peer), progress(peer, call->progress));
      auto started = [reply, peer](session::Started run) {
        // Should the client have gone, the control socket closes with the reply that nobody gets: the supervisor ends
        // the command, and with it an automatic session. The message goes then, and what the daemon has open of the
        // caller's descriptors.
        reply->send([peer] { return !peer->gone; }, sdbus::UnixFd(run.control.release(), sdbus::adopt_fd),
                    std::move(run.session), std::move(run.run));
      };
      if (!plan.begin) {
        intake_.go_on(Work::start, peer, reply,
                      [this, request = std::move(plan.run), started] { started(core_.run(request)); });
        return;
      }
      begins_.begin(peer, reply, std::move(*plan.begin),
                    [request = std::move(plan.run), started](Begins::PendingBegin begin) {
                      auto run = begin->run(request);
                      begin.reset();  // from here on others may use the session
                      started(std::move(run));
                    });
    });
  });
}

events::User Requests::who_ends(const Peer& peer, const session::SessionView& view) const {
  const auto& record = view.record;
  return {peer.uid, peer.uid == record.owner ? record.owner_name : operations_.name_of(peer.uid)};
}

void Requests::end(const std::string& sender, const EndReply& reply, EndCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("end", name); });
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, call.interactive, view, Operations::Verb::end, [this, peer, reply, call, view] {
      const session::SessionId id(view.record);
      if (call.wish.force) core_.cancel(id);
      auto job = [this, reply, peer, call, id, view] {
        std::vector<std::string> left;
        try {
          // A daemon that stops lets it come to its end, or leaves the rest to the next one.
          const auto gone = [peer] { return peer->gone.load(); };
          left = core_.end(id, call.wish, progress(peer, call.progress), gone, who_ends(*peer, view)).could_not_undo;
        } catch (const base::Error& error) {
          // It was there when this was asked for. That it has gone by now, cancelled, is what was asked for.
          if (!call.wish.force || error.code() != base::ErrorCode::no_such_session) throw;
        }
        for (auto& line : left) line = base::as_utf8(line);
        reply->send({}, std::move(left));
      };
      intake_.submit_when_free(work_of_end(view), peer, reply, view, call.wish.force, std::move(job));
    });
  });
}

void Requests::recover(const std::string& sender, const RecoverReply& reply, RecoverCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("recover", name); });
    if (call.accept_source && peer->uid != 0)
      throw base::Error(base::ErrorCode::access_denied, "only root may say that another source is to be taken",
                        "ask the administrator for `unionroot recover --accept-source`");
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, call.interactive, view, Operations::Verb::recover,
                        [this, peer, reply, call, view] {
                          auto job = [this, reply, peer, call, view] {
                            core_.recover(session::SessionId(view.record), intake_.cancelled(peer),
                                          progress(peer, call.progress), call.accept_source);
                            // False if there was nothing to do.
                            reply->send({}, view.record.state != store::SessionState::active);
                          };
                          intake_.submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
                        });
  });
}

void Requests::diff(const std::string& sender, const EmptyReply& reply, DiffCall call) {
  const auto share = intake_.take(call.bytes);
  reply->keep(share);
  intake_.identified(sender, reply, share, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("diff", name); });
    Closers::instance().require_free(peer->uid);
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, false, view, Operations::Verb::diff, [this, peer, reply, call, view] {
      intake_.submit(Work::start, peer, reply, [this, peer, reply, call, view] {
        core_.diff({session::SessionId(view.record), call.paths, call.output, peer->uid});
        reply->send({});
      });
    });
  });
}

void Requests::reset(const std::string& sender, const RecoverReply& reply, ResetCall call) {
  const auto share = intake_.take(call.bytes);
  reply->keep(share);
  intake_.identified(sender, reply, share, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.session] { return requested("reset", name); });
    const auto view = operations_.session(call.session);
    permission_.require(peer, reply, false, view, Operations::Verb::reset, [this, peer, reply, call, view] {
      auto job = [this, reply, peer, call, view] {
        reply->send({}, core_.reset({session::SessionId(view.record), call.paths, call.keep}, intake_.cancelled(peer),
                                    progress(peer, call.progress)));
      };
      intake_.submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
    });
  });
}

void Requests::apply(const std::string& sender, const ApplyReply& reply, ApplyCall call) {
  const auto share = intake_.take(call.bytes);
  reply->keep(share);
  intake_.identified(sender, reply, share, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.request.session.id] { return requested("apply", name); });
    const auto view = operations_.session(call.request.session.id);
    permission_.require(peer, reply, false, view, Operations::Verb::apply, [this, peer, reply, call, view] {
      auto job = [this, reply, peer, call, view] {
        auto request = call.request;
        request.session = session::SessionId(view.record);
        request.caller = {peer->uid, operations_.name_of(peer->uid), peer->pid, peer->start_time};
        auto result = core_.apply(request, intake_.cancelled(peer), progress(peer, call.progress));
        reply->send({}, std::move(result.id), std::move(result.lines), std::uint64_t{result.count});
      };
      intake_.submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
    });
  });
}

void Requests::undo(const std::string& sender, const UndoReply& reply, UndoCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    watch_failure(peer, reply, [name = call.name] { return requested("undo", name); });
    intake_.submit(Work::begin, peer, reply, [this, reply, peer, call] {
      const auto may_undo = [&](const session::AppliedView& one) {
        try {
          operations_.require_undo(identity(*peer), one);
          return true;
        } catch (const base::Error& error) {
          if (error.code() != base::ErrorCode::access_denied) throw;
          return false;
        }
      };
      const auto applied = core_.applied(call.name, may_undo);
      operations_.require_undo(identity(*peer), applied);
      const session::Caller caller{peer->uid, operations_.name_of(peer->uid), peer->pid, peer->start_time};
      core_.undo(applied.id, caller, progress(peer, call.progress));
      reply->send({}, applied.id, applied.session);
    });
  });
}

void Requests::take_over(const std::string& sender, const EmptyReply& reply, std::string session) {
  intake_.identified(sender, reply, [this, reply, session = std::move(session)](const PeerPtr& peer) {
    watch_failure(peer, reply, [session] { return requested("take over", session); });
    intake_.submit(Work::begin, peer, reply, [this, reply, peer, session] {
      auto request = operations_.take_over(identity(*peer), session);
      request.begin.cancelled = intake_.cancelled(peer);
      core_.take_over(std::move(request));
      reply->send({});
    });
  });
}

void Requests::reload(const std::string& sender, const EmptyReply& reply, bool interactive) {
  intake_.identified(sender, reply, [this, reply, interactive](const PeerPtr& peer) {
    watch_failure(peer, reply, [] { return requested("reload", {}); });
    permission_.look_up(peer, reply, interactive, [this, reply, peer](const Consents& consents) {
      operations_.require_reload(identity(*peer), consents);
      intake_.go_on(Work::configuration, peer, reply, [this, reply] {
        registry_.reload();
        reply->send([reloaded = callbacks_.reloaded] {
          reloaded();
          return true;
        });
      });
    });
  });
}

void Requests::remove_leftover(const std::string& sender, const EmptyReply& reply, std::string name) {
  intake_.identified(sender, reply, [this, reply, name = std::move(name)](const PeerPtr& peer) {
    require_root(*peer, "removing what is left over");
    intake_.submit(Work::slow_end, peer, reply, [this, reply, name] {
      core_.remove_leftover(*registry_.snapshot(), name);
      reply->send({});
    });
  });
}

void Requests::run_ended(const session::StartedRun& run, const launch::RunEnd& end) {
  intake_.scheduler().submit(
      run.ends_slowly ? Work::slow_end : Work::end, run.owner,
      [this, id = run.id, end] {
        // Whatever fails: who waits is told.
        std::exception_ptr failure;
        try {
          core_.run_ended(id, end);
        } catch (const std::exception& error) {
          base::log::error(base::concat("run ", id, " has ended: ", error.what()));
          failure = std::current_exception();
        }
        loop_.post([this, id, failure] { runs_.run_ended(id, failure); });
      },
      Scheduler::Queue::unlimited);
}

// Nobody is told how it goes.
std::function<void()> Requests::ending(const session::SessionView& view, std::string why) {
  return [this, why = std::move(why), id = session::SessionId(view.record)] {
    base::log::info(base::concat("ending session '", id.id, "', ", why));
    try {
      core_.end(id, {}, {}, {}, std::nullopt);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::no_such_session) return;
      base::log::warning(base::concat("ending session '", id.id, "', ", why, ": ", error.what()));
    }
  };
}

// One that is being begun, or recovered, is broken off. Where it is at an end already, that goes on.
void Requests::end_overdue(const session::SessionView& view) {
  const session::SessionId id(view.record);
  const bool begins = view.record.state == store::SessionState::beginning;
  if (begins) core_.cancel(id);
  if (core_.is_busy(id)) return;
  intake_.scheduler().submit(work_of_end(view), view.record.owner, ending(view, "whose time is over"),
                             Scheduler::Queue::unlimited);
}

void Requests::end_for_client_that_left(const session::SessionView& view) {
  auto job = ending(view, "whose client has gone before it could be told");
  // The scheduler takes no work once it stops; but then nobody waits for this thread either.
  if (intake_.is_stopping())
    job();
  else
    intake_.scheduler().submit(work_of_end(view), view.record.owner, std::move(job), Scheduler::Queue::unlimited);
}

void Requests::stop() {
  intake_.prepare_stop();
  begins_.prepare_stop();
  runs_.stop();
  intake_.stop();
  begins_.stop();
}

}  // namespace unionroot::daemon

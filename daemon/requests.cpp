#include "daemon/requests.h"

#include <algorithm>
#include <chrono>
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

CallerId identity(const Peer& peer) { return {peer.uid, peer.pid, peer.start_time}; }

// What `work` throws becomes the reply.
template <typename Reply, typename Job>
void answering(const Reply& reply, Job&& work) {
  try {
    work();
  } catch (...) {
    reply->fail(std::current_exception());
  }
}

Work work_of_end(const session::SessionView& view) {
  const bool slow = view.definition && session::ends_slowly(*view.definition, view.record.source);
  return slow ? Work::slow_end : Work::end;
}

[[noreturn]] void throw_stopping() {
  throw base::Error(base::ErrorCode::cancelled, "unionrootd is stopping", "try again in a moment");
}

constexpr std::size_t rows_a_turn = 64;

// Calls write(row) of the next rows of a list. True if there are more.
template <typename Rows, typename WriteRow>
bool write_rows(const Rows& rows, std::size_t& at, WriteRow write) {
  const std::size_t end = std::min(rows.size(), at + rows_a_turn);
  for (; at < end; ++at) write(rows[at]);
  return at < rows.size();
}

}  // namespace

Requests::Requests(BusLoop& loop, session::Sessions& core, Operations& operations, definition::Registry& registry,
                   const Limits& limits, Tellings tell)
    : loop_(loop),
      core_(core),
      operations_(operations),
      registry_(registry),
      tell_(std::move(tell)),
      peers_(loop.connection()),
      turns_(loop.io(), {[this] { loop_.kick(); }, [this] { return loop_.is_clear(); }}, {}),
      received_(loop.connection(), peers_),
      parking_(loop.io(), limits.parked_per_user),
      scheduler_(limits),
      lock_watch_(
          loop.io(), scheduler_, [this] { return core_.watch_locks(); }, [this] { parking_.look(); }),
      listing_(loop, scheduler_, core, operations) {}

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

template <typename Reply, typename Continue>
void Requests::identified(const std::string& sender, const Reply& reply, Continue work) {
  auto known = [this, reply, work = std::move(work)](const PeerPtr& peer) mutable {
    answering(reply, [&] {
      turns_.quick(peer->uid,
                   [reply, peer, work = std::move(work)]() mutable { answering(reply, [&] { work(peer); }); });
    });
  };
  peers_.identify(sender, std::move(known), [reply](const std::exception_ptr& error) { reply->fail(error); });
}

template <typename Reply, typename Continue>
void Requests::identified(const std::string& sender, const Reply& reply, std::size_t bytes, Continue work) {
  auto share = budget_.take(bytes);
  reply->keep(share);
  identified(sender, reply, [share = std::move(share), work = std::move(work)](const PeerPtr& peer) mutable {
    share->charge(peer->uid);
    work(peer);
  });
}

template <typename Reply, typename Job>
void Requests::submit(Work work, const PeerPtr& peer, const Reply& reply, Job job, Scheduler::Queue queue) {
  scheduler_.submit(
      work, peer->uid, [reply, job = std::move(job)]() mutable { answering(reply, job); }, queue);
}

template <typename Reply, typename Job>
void Requests::go_on(Work work, const PeerPtr& peer, const Reply& reply, Job job) {
  scheduler_.go_on(work, peer->uid, [reply, job = std::move(job)]() mutable { answering(reply, job); });
}

template <typename Reply, typename Continue>
void Requests::permitted(const PeerPtr& peer, const Reply& reply, const session::SessionView& session,
                         Operations::Verb verb, Continue work) {
  // Root need not be looked up, and is never kept waiting for a name service.
  if (peer->uid == 0) return work();
  submit(Work::lookup, peer, reply, [this, peer, reply, session, verb, work = std::move(work)] {
    operations_.require_session_access(identity(*peer), session, verb);
    loop_.post([reply, work] { answering(reply, work); });
  });
}

template <typename Reply, typename Job>
void Requests::submit_when_free(Work work, const PeerPtr& peer, const Reply& reply, const session::SessionView& session,
                                bool force, Job job) {
  const auto queue = force ? Scheduler::Queue::unlimited : Scheduler::Queue::limited;
  const session::SessionId id(session.record);
  if (!core_.is_busy(id)) {
    submit(work, peer, reply, std::move(job), queue);
    return;
  }
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [this, id] { return !core_.is_busy(id); };
  if (!force) request.until = Parking::Clock::now() + session::grace_period;
  request.resume = [this, work, peer, reply, id, queue, job = std::move(job)](Parking::Why why) mutable {
    answering(reply, [&] {
      if (why == Parking::Why::over) {
        const auto view = core_.find(id.id);
        throw session::busy(id.id, view ? view->record.state : store::SessionState::ending);
      }
      submit(work, peer, reply, std::move(job), queue);  // refuses if the daemon stops
    });
  };
  parking_.park(std::move(request), force ? Parking::Bound::unlimited : Parking::Bound::limited);
}

void Requests::began(const BeginReply& reply, const PeerPtr& peer, const session::SessionView& view) {
  // A client that is not there any more, or a daemon that is about to go, cannot hand over the session: as if it
  // had never been begun.
  auto before = [this, view, peer] {
    if (peer->gone) {
      end_for_client_that_left(view);
      return false;
    }
    tell_.begun(view);
    return true;
  };
  reply->send(std::move(before), view.record.id, sdbus::ObjectPath(session_path(view.record.id)));
}

template <typename Reply>
void Requests::go_on_beginning(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting, Begun begun) {
  PendingBegin done;
  {
    const std::lock_guard turn(waiting->turn);
    if (waiting->begin->go_on()) done = std::move(waiting->begin);
  }
  if (done)
    begun(std::move(done));
  else
    loop_.post([this, peer, reply, waiting = std::move(waiting), begun = std::move(begun)]() mutable {
      park_begin(peer, reply, std::move(waiting), std::move(begun));
    });
}

template <typename Reply>
void Requests::park_begin(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting, Begun begun) {
  waiting->worth_trying = false;
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [waiting] {
    return waiting->worth_trying || waiting->begin->is_over() || waiting->begin->is_cancelled();
  };
  request.resume = [this, peer, reply, waiting, begun = std::move(begun)](Parking::Why why) {
    answering(reply, [&] {
      if (why == Parking::Why::stopped) throw_stopping();
      resume_begin(peer, reply, waiting, begun);
    });
  };
  // Who has waited and lost a race is not refused.
  const bool again = std::exchange(waiting->parked_before, true);
  try {
    parking_.park(std::move(request), again ? Parking::Bound::unlimited : Parking::Bound::limited);
  } catch (...) {
    reply->fail(std::current_exception());
    scheduler_.submit(
        Work::end, peer->uid, [waiting] { waiting->drop(); }, Scheduler::Queue::unlimited);
    return;
  }
  BusLoop::guarded([&] { lock_watch_.add(waiting); });
}

template <typename Reply>
void Requests::resume_begin(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting, Begun begun) {
  if (waiting->begin->is_cancelled() || !waiting->worth_trying) {
    give_up_begin(peer, reply, std::move(waiting));
    return;
  }
  waiting->queued = true;
  auto job = [=, this] {
    if (waiting->take()) go_on_beginning(peer, reply, waiting, begun);
  };
  submit(Work::begin, peer, reply, std::move(job), Scheduler::Queue::unlimited);
  if (!waiting->queued) return;
  // A cancel is not queued.
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [waiting] { return waiting->needs_no_room(); };
  request.resume = [this, peer, reply, waiting](Parking::Why why) {
    answering(reply, [&] {
      if (!waiting->queued.exchange(false)) return;
      if (why == Parking::Why::stopped) throw_stopping();
      give_up_begin(peer, reply, waiting);
    });
  };
  parking_.park(std::move(request), Parking::Bound::unlimited);
}

template <typename Reply>
void Requests::give_up_begin(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting) {
  auto job = [waiting = std::move(waiting)] {
    PendingBegin begin;
    {
      const std::lock_guard turn(waiting->turn);
      begin = std::move(waiting->begin);
    }
    begin->give_up();
  };
  // To give up is no begin: it must not wait for those that are under way.
  submit(Work::end, peer, reply, std::move(job), Scheduler::Queue::unlimited);
}

template <typename Reply>
void Requests::begin_session(const PeerPtr& peer, const Reply& reply, session::BeginRequest request, Begun begun) {
  go_on(Work::begin, peer, reply, [=, this, request = std::move(request), begun = std::move(begun)]() mutable {
    go_on_beginning(peer, reply, waiting_begins_.add(core_.prepare(std::move(request))), std::move(begun));
  });
}

void Requests::begin(const std::string& sender, BeginReply reply, BeginCall call) {
  const auto bytes = call.bytes;
  identified(sender, reply, bytes, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    submit(Work::lookup, peer, reply, [this, reply, peer, call] {
      if (const auto name = operations_.used_as_it_is(identity(*peer), call)) {
        reply->send({}, *name, sdbus::ObjectPath(chroot_path(*name)));
        return;
      }
      auto request = operations_.begin(identity(*peer), call, cancelled(peer), progress(peer, call.progress));
      begin_session(peer, reply, std::move(request), [this, reply, peer](PendingBegin begin) {
        const auto view = begin->view();
        begin.reset();  // from here on others may use the session
        began(reply, peer, view);
      });
    });
  });
}

void Requests::run(const std::string& sender, RunReply reply, RunCall given) {
  const auto bytes = given.bytes;
  auto call = std::make_shared<RunCall>(std::move(given));
  identified(sender, reply, bytes, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    Closers::instance().require_free(peer->uid);
    submit(Work::lookup, peer, reply, [this, reply, peer, call] {
      auto plan = operations_.run(identity(*peer), *call, cancelled(peer), progress(peer, call->progress));
      auto started = [reply, peer](session::Started run) {
        // Should the client have gone, the control socket closes with the reply that nobody gets: the supervisor ends
        // the command, and with it an automatic session. The message goes then, and what the daemon has open of the
        // caller's descriptors.
        reply->send([peer] { return !peer->gone; }, sdbus::UnixFd(run.control.release(), sdbus::adopt_fd),
                    std::move(run.session), std::move(run.run));
      };
      if (!plan.begin) {
        go_on(Work::start, peer, reply,
              [this, request = std::move(plan.run), started] { started(core_.run(request)); });
        return;
      }
      begin_session(peer, reply, std::move(*plan.begin), [request = std::move(plan.run), started](PendingBegin begin) {
        auto run = begin->run(request);
        begin.reset();  // from here on others may use the session
        started(std::move(run));
      });
    });
  });
}

void Requests::end(const std::string& sender, EndReply reply, EndCall call) {
  identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    const auto view = operations_.session(call.session);
    permitted(peer, reply, view, Operations::Verb::end, [this, peer, reply, call, view] {
      const session::SessionId id(view.record);
      if (call.force) core_.cancel(id);
      auto job = [this, reply, peer, call, id] {
        std::vector<std::string> left;
        try {
          // A daemon that stops lets it come to its end, or leaves the rest to the next one.
          const auto gone = [peer] { return peer->gone.load(); };
          left = core_.end(id, call.force, progress(peer, call.progress), gone).could_not_undo;
        } catch (const base::Error& error) {
          // It was there when this was asked for. That it has gone by now, cancelled, is what was asked for.
          if (!call.force || error.code() != base::ErrorCode::no_such_session) throw;
        }
        for (auto& line : left) line = base::as_utf8(line);
        reply->send({}, std::move(left));
      };
      submit_when_free(work_of_end(view), peer, reply, view, call.force, std::move(job));
    });
  });
}

void Requests::recover(const std::string& sender, RecoverReply reply, RecoverCall call) {
  identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    const auto view = operations_.session(call.session);
    permitted(peer, reply, view, Operations::Verb::recover, [this, peer, reply, call, view] {
      auto job = [this, reply, peer, call, view] {
        core_.recover(session::SessionId(view.record), cancelled(peer), progress(peer, call.progress));
        // False if there was nothing to do.
        reply->send({}, view.record.state != store::SessionState::active);
      };
      submit_when_free(Work::begin, peer, reply, view, false, std::move(job));
    });
  });
}

void Requests::reload(const std::string& sender, EmptyReply reply) {
  identified(sender, reply, [this, reply](const PeerPtr& peer) {
    if (peer->uid != 0) {
      throw base::Error(base::ErrorCode::access_denied,
                        base::concat("uid ", peer->uid, " may not reload the configuration"),
                        "only root may; the daemon follows edits by itself");
    }
    submit(Work::configuration, peer, reply, [this, reply] {
      registry_.reload();
      reply->send([reloaded = tell_.reloaded] {
        reloaded();
        return true;
      });
    });
  });
}

// Looks at disks.
Dictionary Requests::describe(const Peer& peer, const std::string& name) const {
  const auto found = operations_.info(identity(peer), name);
  const auto sight = [&] {
    return operations_.owner_or_root(identity(peer))(*found.session) ? Sight::all : Sight::others;
  };
  auto description = found.session ? describe_session(*found.session, sight())
                                   : describe_chroot(*found.chroot.definition, found.chroot.source);
  if (found.source_trouble) description["source-trouble"] = base::as_utf8(*found.source_trouble);
  return description;
}

void Requests::info(const std::string& sender, const AnswerPtr& answer, std::string name) {
  identified(sender, answer, [this, answer, name = std::move(name)](const PeerPtr& peer) {
    scheduler_.submit(Work::query, peer->uid, [this, answer, peer, name] {
      Dictionary info;
      std::exception_ptr error;
      try {
        info = describe(*peer, name);
      } catch (...) {
        error = std::current_exception();
      }
      auto tell = [answer, info = std::move(info), error] {
        answering(answer, [&] {
          if (error) std::rethrow_exception(error);
          write(*answer, info);
          answer->send();
        });
      };
      loop_.post([this, answer, peer, tell = std::move(tell)]() mutable {
        answering(answer, [&] { turns_.quick(peer->uid, std::move(tell)); });
      });
    });
  });
}

void Requests::answer_in_turn(const std::string& sender, const AnswerPtr& answer, Write write) {
  auto job = [answer, write = std::move(write)](const PeerPtr& peer) {
    try {
      return write(*peer);
    } catch (...) {
      answer->fail(std::current_exception());
      return Turns::Next::done;
    }
  };
  auto known = [this, answer, job = std::move(job)](const PeerPtr& peer) {
    const auto wanted = [answer, peer] {
      if (peer->gone) answer->let_go();
      return !peer->gone;
    };
    answering(answer, [&] { turns_.longer(peer->uid, {[peer, job] { return job(peer); }, wanted}); });
  };
  peers_.identify(sender, std::move(known), [answer](const std::exception_ptr& error) { answer->fail(error); });
}

void Requests::list_sessions(const std::string& sender, const AnswerPtr& answer) {
  struct State {
    bool asked = false;
    Listing::Rows rows;
    std::exception_ptr error;
    std::size_t at = 0;
  };
  answer_in_turn(sender, answer, [this, answer, state = std::make_shared<State>()](const Peer& peer) {
    if (!std::exchange(state->asked, true)) {
      listing_.look([this, state, uid = peer.uid](const Listing::Rows& rows, const std::exception_ptr& error) {
        state->rows = rows;
        state->error = error;
        turns_.go_on(uid);
      });
      return Turns::Next::later;
    }
    if (state->error) std::rethrow_exception(state->error);
    if (state->at == 0) answer->open_array("a{sv}");
    const auto write = [&](const Listing::Row& row) {
      const bool all = peer.uid == 0 || (peer.uid == row.view.record.owner && row.owner_is_known);
      list_session(*answer, row.view, all ? Sight::all : Sight::others);
    };
    if (write_rows(*state->rows, state->at, write)) return Turns::Next::again;
    answer->close();
    answer->send();
    return Turns::Next::done;
  });
}

void Requests::list_chroots(const std::string& sender, const AnswerPtr& answer) {
  struct State {
    std::shared_ptr<const definition::Snapshot> snapshot;
    std::size_t at = 0;
  };
  answer_in_turn(sender, answer, [this, answer, state = std::make_shared<State>()](const Peer&) {
    if (!state->snapshot) {
      state->snapshot = registry_.snapshot();
      answer->open_array("a{sv}");
    }
    const auto write = [&](const auto& definition) { list_chroot(*answer, *definition); };
    if (write_rows(state->snapshot->chroots, state->at, write)) return Turns::Next::again;
    answer->close();
    answer->send();
    return Turns::Next::done;
  });
}

void Requests::location(const std::string& sender, ReplyPtr<std::string> reply, std::string session) {
  identified(sender, reply, [this, reply, session = std::move(session)](const PeerPtr& peer) {
    submit(Work::list, peer, reply,
           [this, reply, session] { reply->send({}, base::name_as_utf8(operations_.location(session))); });
  });
}

void Requests::run_ended(const session::StartedRun& run, const launch::RunEnd& end) {
  scheduler_.submit(
      run.ends_slowly ? Work::slow_end : Work::end, run.owner, [this, id = run.id, end] { core_.run_ended(id, end); },
      Scheduler::Queue::unlimited);
}

// Nobody is told how it goes.
std::function<void()> Requests::ending(const session::SessionView& view, std::string why) {
  return [this, why = std::move(why), id = session::SessionId(view.record)] {
    base::log::info(base::concat("ending session '", id.id, "', ", why));
    try {
      core_.end(id, false, {}, {});
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
  scheduler_.submit(work_of_end(view), view.record.owner, ending(view, "whose time is over"),
                    Scheduler::Queue::unlimited);
}

void Requests::end_for_client_that_left(const session::SessionView& view) {
  auto job = ending(view, "whose client has gone before it could be told");
  // The scheduler takes no work once it stops; but then nobody waits for this thread either.
  if (*stopping_)
    job();
  else
    scheduler_.submit(work_of_end(view), view.record.owner, std::move(job), Scheduler::Queue::unlimited);
}

void Requests::stop() {
  *stopping_ = true;
  turns_.stop();
  lock_watch_.stop();
  scheduler_.stop();
  parking_.stop();
  waiting_begins_.drop_all();
}

}  // namespace unionroot::daemon

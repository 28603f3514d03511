#include "daemon/requests/runs.h"

#include <fcntl.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// Of one user who is not root. Each costs a message that is kept.
constexpr std::ptrdiff_t most_waiting = 512;

[[noreturn]] void throw_ended(const std::string& run) {
  throw Error(ErrorCode::no_such_run, concat("run ", base::printable(run), " has ended"),
              "`unionroot history` says how");
}

sdbus::UnixFd given(base::UniqueFd descriptor) { return {descriptor.release(), sdbus::adopt_fd}; }

// Readable at once.
base::UniqueFd at_end() {
  return base::UniqueFd(base::check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "opening", "/dev/null"));
}

}  // namespace

void Runs::list(const std::string& sender, const ReplyPtr<std::vector<Variants>>& reply) {
  intake_.identified(sender, reply, [this, reply](const PeerPtr& peer) {
    intake_.submit(Work::query, peer, reply, [this, reply, peer] {
      const auto sees = operations_.sees_run(identity(*peer));
      std::vector<Variants> described;
      for (const auto& session : core_.sessions())
        for (const auto& run : session.runs)
          if (sees(session, run)) described.push_back(describe_run(session, run));
      intake_.back_in_turn(
          peer, reply, [reply, described = std::move(described)]() mutable { reply->send({}, std::move(described)); });
    });
  });
}

void Runs::left(const std::string& client) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second->peer->name == client; });
}

void Runs::forget(const WaitingPtr& waiting) {
  const auto [begin, end] = waiting_.equal_range(waiting->run);
  const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second == waiting; });
  if (found != end) waiting_.erase(found);
}

void Runs::wait(const std::string& sender, const WaitReply& reply, std::string run) {
  intake_.identified(sender, reply, [this, reply, run = std::move(run)](const PeerPtr& peer) {
    if (peer->gone) return;  // left() was called already
    const auto waits = std::count_if(waiting_.begin(), waiting_.end(),
                                     [&](const auto& entry) { return entry.second->peer->uid == peer->uid; });
    // The looks of clients that have left count too.
    const auto looks = looks_.find(peer->uid);
    const auto of_user = looks == looks_.end() ? waits : std::max(waits, static_cast<std::ptrdiff_t>(looks->second));
    if (peer->uid != 0 && of_user >= most_waiting)
      throw Error(ErrorCode::limit_exceeded, concat("uid ", peer->uid, " waits for ", of_user, " commands already"),
                  "wait for fewer at once");
    const auto waiting = std::make_shared<Waiting>(Waiting{peer, reply, run});
    // Before it is looked whether the run has ended: so its end is not missed.
    waiting_.emplace(run, waiting);
    look(waiting, std::nullopt);
  });
}

// nullopt: its command runs.
Runs::Past Runs::look_up(const Waiting& waiting) const {
  const auto found = operations_.find_run(identity(*waiting.peer), waiting.run);
  if (found.past) return found.past;
  if (!found.running()->left_processes) return std::nullopt;
  auto past = core_.past_run(waiting.run);
  if (!past) throw_ended(waiting.run);
  return past;
}

// Answers if the command has ended, or nothing is known of it. known: how it has ended.
void Runs::look(const WaitingPtr& waiting, const Past& known) {
  const auto uid = waiting->peer->uid;
  const auto job = [this, waiting, uid, known] {
    Past past = known;
    std::exception_ptr error;
    if (!waiting->peer->gone) try {
        if (past)
          operations_.require_knows(identity(*waiting->peer), *past);
        else
          past = look_up(*waiting);
      } catch (...) {
        error = std::current_exception();
      }
    intake_.loop().post([this, waiting, uid, past, error, is_last = known.has_value()] {
      const auto looks = looks_.find(uid);
      if (looks != looks_.end() && --looks->second == 0) looks_.erase(looks);
      if (waiting->peer->gone) return forget(waiting);
      if (error && !is_last) return not_found(waiting, error);
      if (error) waiting->reply->fail(error);
      if (!error && past) waiting->reply->send({}, describe_past_run(*past));
      if (error || past) forget(waiting);
    });
  };
  intake_.scheduler().submit(Work::query, uid, job, Scheduler::Queue::unlimited);
  ++looks_[uid];
}

// It may have left its session meanwhile, and the history may not have it: the disk is full, or none is kept.
void Runs::not_found(const WaitingPtr& waiting, const std::exception_ptr& error) {
  if (waiting->has_ended) return;  // another look answers
  if (const auto told = told_.find(waiting->run); told != told_.end()) {
    waiting->has_ended = true;
    return look(waiting, told->second);
  }
  waiting->reply->fail(error);
  forget(waiting);
}

void Runs::told(const store::PastRun& past) {
  // Of one that ended while no daemon ran, run_ended does not follow.
  constexpr std::size_t most_told = 4096;
  if (told_.size() >= most_told) told_.erase(told_.begin());
  auto kept = past;
  kept.run.command = base::printable(past.run.command, 1024);
  told_.insert_or_assign(past.run.id, std::move(kept));
}

void Runs::run_ended(const std::string& run, const std::exception_ptr& failure) {
  const auto [begin, end] = waiting_.equal_range(run);
  std::vector<WaitingPtr> all;
  for (auto entry = begin; entry != end; ++entry) all.push_back(entry->second);
  const auto told = told_.extract(run);
  for (const auto& waiting : all) {
    if (told.empty() && failure) {
      waiting->reply->fail(failure);
      forget(waiting);
      continue;
    }
    waiting->has_ended = !told.empty();
    look(waiting, told.empty() ? Past() : Past(told.mapped()));
  }
}

void Runs::output(const std::string& sender, const OutputReply& reply, std::string run) {
  intake_.identified(sender, reply, [this, reply, run = std::move(run)](const PeerPtr& peer) {
    intake_.submit(Work::query, peer, reply, [this, reply, peer, run] {
      const auto found = operations_.find_run(identity(*peer), run);
      const auto& record = found.past ? found.past->run : *found.running();
      if (!found.is_callers)
        throw Error(ErrorCode::access_denied,
                    concat("what run ", run, " writes is for ", base::printable(record.caller_name),
                           " alone, who asked for it"),
                    "ask that user, or root");
      auto output = core_.output(run, record.caller);
      if (!output.file)
        throw Error(ErrorCode::not_supported, concat("the output of run ", run, " is not kept"),
                    "that of detached commands is (`unionroot run --detach`), until it is old or takes up too much: "
                    "detached-output-per-user in unionroot.conf(5)");
      auto supervisor = output.supervisor ? std::move(output.supervisor) : at_end();
      reply->send([peer] { return !peer->gone; }, given(std::move(output.file)), given(std::move(supervisor)));
    });
  });
}

// A run's id is taken before a session of that name: nobody chooses the former.
Runs::Target Runs::target_of(const Peer& peer, const std::string& name) const {
  const auto qualified = base::parse_qualified_name(name);
  if (qualified.space != base::Namespace::none && qualified.space != base::Namespace::session)
    throw Error(ErrorCode::invalid_argument, concat("'", base::printable(name), "' is neither a run nor a session"),
                "give the id of one, or session:ID");
  const auto session = core_.find(qualified.name);
  if (qualified.space == base::Namespace::none) try {
      const auto found = operations_.find_run(identity(peer), name);
      if (!found.session) throw_ended(name);
      Target target{{name}, std::nullopt};
      if (!found.is_callers) target.permitted_by = found.session;
      return target;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::no_such_run || !session) throw;
    }
  Target target;
  target.permitted_by = operations_.session(qualified.name);
  for (const auto& run : target.permitted_by->runs) target.runs.push_back(run.id);
  return target;
}

void Runs::kill(const std::string& sender, const KillReply& reply, KillCall call) {
  intake_.identified(sender, reply, [this, reply, call = std::move(call)](const PeerPtr& peer) {
    // In a class of its own, and without a limit of what is queued: as an end by force.
    const auto submit = [this, reply, peer](const Scheduler::Job& job) {
      const auto wanted = [peer, job] {
        if (!peer->gone) job();
      };
      intake_.submit(Work::signal, peer, reply, wanted, Scheduler::Queue::unlimited);
    };
    submit([this, reply, peer, call, submit] {
      const auto target = target_of(*peer, call.name);
      const auto act = [this, reply, call, target, submit] {
        submit([this, reply, call, target] {
          std::size_t processes = 0;
          for (const auto& run : target.runs) processes += core_.signal_run(run, call.signal);
          reply->send({}, static_cast<std::uint32_t>(processes));
        });
      };
      intake_.loop().post([this, reply, peer, call, target, act] {
        answering(reply, [&] {
          if (!target.permitted_by) return act();
          permission_.require(peer, reply, call.interactive, *target.permitted_by, Operations::Verb::kill, act);
        });
      });
    });
  });
}

}  // namespace unionroot::daemon

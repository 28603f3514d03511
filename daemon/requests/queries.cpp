#include "daemon/requests/queries.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

#include "base/text.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t rows_a_turn = 64;

// Calls write(row) of the next rows of a list. True if there are more.
template <typename Rows, typename WriteRow>
bool write_rows(const Rows& rows, std::size_t& at, WriteRow write) {
  const std::size_t end = std::min(rows.size(), at + rows_a_turn);
  for (; at < end; ++at) write(rows[at]);
  return at < rows.size();
}

Variants described_leftover(const session::Leftover& leftover) {
  Variants described{
      {"kind", std::string(session::to_string(leftover.kind))}, {"name", base::name_as_utf8(leftover.name)},
      {"session", base::name_as_utf8(leftover.session)},        {"created", leftover.created},
      {"origin", base::name_as_utf8(leftover.origin)},          {"at-least", leftover.at_least},
  };
  if (leftover.bytes) described.emplace("bytes", *leftover.bytes);
  return described;
}

Variants described_use(const session::UpperUse& use) {
  Variants described{
      {"session", base::name_as_utf8(use.session)},
      {"chroot", base::name_as_utf8(use.chroot)},
      {"owner", base::name_as_utf8(use.owner)},
      {"bytes", use.bytes},
      {"files", use.inodes},
      {"at-least", !use.whole},
  };
  if (use.limit) described.emplace("limit", *use.limit);
  return described;
}

}  // namespace

Dictionary Queries::describe(const Peer& peer, const std::string& name) const {
  const auto found = operations_.info(identity(peer), name);
  const auto sight = [&] {
    return operations_.owner_or_root(identity(peer))(*found.session) ? Sight::all : Sight::others;
  };
  auto description = found.session ? describe_session(*found.session, sight())
                                   : describe_chroot(*found.chroot.definition, found.chroot.source);
  if (found.source_trouble) description["source-trouble"] = base::as_utf8(*found.source_trouble);
  return description;
}

void Queries::info(const std::string& sender, const AnswerPtr& answer, std::string name) {
  intake_.identified(sender, answer, [this, answer, name = std::move(name)](const PeerPtr& peer) {
    intake_.scheduler().submit(Work::query, peer->uid, [this, answer, peer, name] {
      Dictionary info;
      std::exception_ptr error;
      try {
        info = describe(*peer, name);
      } catch (...) {
        error = std::current_exception();
      }
      // Also an error: an answer is the bus thread's alone.
      intake_.back_in_turn(peer, answer, [answer, info = std::move(info), error] {
        if (error) std::rethrow_exception(error);
        write(*answer, info);
        answer->send();
      });
    });
  });
}

void Queries::list_sessions(const std::string& sender, const AnswerPtr& answer) {
  struct State {
    bool asked = false;
    Listing::Rows rows;
    std::exception_ptr error;
    std::size_t at = 0;
  };
  intake_.answer_in_turn(sender, answer, [this, answer, state = std::make_shared<State>()](const Peer& peer) {
    if (!std::exchange(state->asked, true)) {
      listing_.look([this, state, uid = peer.uid](const Listing::Rows& rows, const std::exception_ptr& error) {
        state->rows = rows;
        state->error = error;
        intake_.go_on_answering(uid);
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

void Queries::list_chroots(const std::string& sender, const AnswerPtr& answer) {
  struct State {
    std::shared_ptr<const definition::Snapshot> snapshot;
    std::size_t at = 0;
  };
  intake_.answer_in_turn(sender, answer, [this, answer, state = std::make_shared<State>()](const Peer&) {
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

void Queries::list_broken(const std::string& sender, const AnswerPtr& answer) {
  intake_.answer_in_turn(sender, answer, [this, answer](const Peer&) {
    const auto snapshot = registry_.snapshot();
    answer->open_array("a{sv}");
    for (const auto* problem : snapshot->broken()) daemon::list_broken(*answer, *problem);
    answer->close();
    answer->send();
    return Turns::Next::done;
  });
}

void Queries::usable_chroots(const std::string& sender, const NamesReply& reply) {
  intake_.identified(sender, reply, [this, reply](const PeerPtr& peer) {
    intake_.submit(Work::lookup, peer, reply, [this, reply, peer] {
      auto usable = operations_.usable_chroots(identity(*peer));
      reply->send({}, std::move(usable.chroots), std::move(usable.sources));
    });
  });
}

void Queries::schroot_warnings(const std::string& sender, const AnswerPtr& answer) {
  intake_.answer_in_turn(sender, answer, [this, answer](const Peer&) {
    answer->put(registry_.snapshot()->schroot_warnings);
    answer->send();
    return Turns::Next::done;
  });
}

void Queries::list_leftovers(const std::string& sender, const LeftoversReply& reply) {
  intake_.identified(sender, reply, [this, reply](const PeerPtr& peer) {
    require_root(*peer, "listing what is left over");
    intake_.submit(Work::query, peer, reply, [this, reply] {
      auto leftovers = core_.leftovers(*registry_.snapshot());
      std::vector<Variants> described;
      for (const auto& leftover : leftovers.found) described.push_back(described_leftover(leftover));
      for (auto& problem : leftovers.problems) problem = base::as_utf8(problem);
      reply->send({}, std::move(described), std::move(leftovers.problems));
    });
  });
}

void Queries::usage(const std::string& sender, const ReplyPtr<std::vector<Variants>>& reply) {
  intake_.identified(sender, reply, [this, reply](const PeerPtr& peer) {
    intake_.submit(Work::query, peer, reply, [this, reply, peer] {
      std::vector<Variants> described;
      for (const auto& use : core_.usage(operations_.owner_or_root(identity(*peer))))
        described.push_back(described_use(use));
      intake_.back_in_turn(
          peer, reply, [reply, described = std::move(described)]() mutable { reply->send({}, std::move(described)); });
    });
  });
}

void Queries::history(const std::string& sender, const ReplyPtr<std::vector<Variants>>& reply,
                      store::HistoryWish wish) {
  intake_.identified(sender, reply, [this, reply, wish = std::move(wish)](const PeerPtr& peer) mutable {
    intake_.submit(Work::query, peer, reply, [this, reply, peer, wish = std::move(wish)]() mutable {
      wish.of = operations_.reader_of_history(identity(*peer));
      std::vector<Variants> described;
      for (const auto& past : core_.history(wish)) described.push_back(describe_past_run(past));
      intake_.back_in_turn(
          peer, reply, [reply, described = std::move(described)]() mutable { reply->send({}, std::move(described)); });
    });
  });
}

void Queries::location(const std::string& sender, const ReplyPtr<std::string>& reply, std::string session) {
  intake_.identified(sender, reply, [this, reply, session = std::move(session)](const PeerPtr& peer) {
    intake_.submit(Work::list, peer, reply,
                   [this, reply, session] { reply->send({}, base::name_as_utf8(operations_.location(session))); });
  });
}

}  // namespace unionroot::daemon

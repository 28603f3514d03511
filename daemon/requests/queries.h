// What is asked about sessions and chroots, and changes nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/describe.h"
#include "daemon/describe_run.h"
#include "daemon/listing.h"
#include "daemon/reply.h"
#include "daemon/requests/intake.h"

namespace unionroot::daemon {

// For the bus thread. Each answers through its reply, at once or later.
class Queries {
 public:
  Queries(Intake& intake, const session::Sessions& core, const Operations& operations,
          const definition::Registry& registry)
      : intake_(intake),
        core_(core),
        operations_(operations),
        registry_(registry),
        listing_(intake.loop(), intake.scheduler(), core, operations) {}

  void list_sessions(const std::string& sender, const AnswerPtr& answer);
  void list_chroots(const std::string& sender, const AnswerPtr& answer);
  void list_broken(const std::string& sender, const AnswerPtr& answer);
  using NamesReply = ReplyPtr<std::vector<std::string>, std::vector<std::string>>;
  void usable_chroots(const std::string& sender, const NamesReply& reply);
  void schroot_warnings(const std::string& sender, const AnswerPtr& answer);
  void info(const std::string& sender, const AnswerPtr& answer, std::string name);
  // For root alone.
  using LeftoversReply = ReplyPtr<std::vector<Variants>, std::vector<std::string>>;
  void list_leftovers(const std::string& sender, const LeftoversReply& reply);
  // For root: of all sessions. For others: of their own.
  void usage(const std::string& sender, const ReplyPtr<std::vector<Variants>>& reply);
  // For root: of all users. For others: what they asked for, and what was run in their sessions.
  void history(const std::string& sender, const ReplyPtr<std::vector<Variants>>& reply, store::HistoryWish wish);
  void location(const std::string& sender, const ReplyPtr<std::string>& reply, std::string session);

 private:
  // Looks at disks.
  [[nodiscard]] Dictionary describe(const Peer& peer, const std::string& name) const;

  Intake& intake_;
  const session::Sessions& core_;
  const Operations& operations_;
  const definition::Registry& registry_;
  Listing listing_;
};

}  // namespace unionroot::daemon

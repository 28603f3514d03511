// Refusals that polkit may lift, and polkit's answers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace unionroot::daemon {

// The actions of etc/polkit/org.unionroot1.policy.
namespace action {
inline constexpr const char* run_as_root = "org.unionroot1.run-as-root";
inline constexpr const char* run_as_user = "org.unionroot1.run-as-user";
inline constexpr const char* run_in_session = "org.unionroot1.run-in-session";
inline constexpr const char* end_session = "org.unionroot1.end-session";
inline constexpr const char* recover_session = "org.unionroot1.recover-session";
inline constexpr const char* reload = "org.unionroot1.reload";
}  // namespace action

struct Question {
  std::string action;
  // Details for polkit's rules and for the message that it shows. Printable text only.
  std::map<std::string, std::string> details;
  std::int64_t begun = 0;  // when the session was created, in microseconds: another one may have its name
  bool operator==(const Question&) const = default;
};

// What polkit has permitted for one request.
class Consents {
 public:
  void add(Question question) { given_.push_back(std::move(question)); }
  [[nodiscard]] bool has(const Question& question) const {
    return std::find(given_.begin(), given_.end(), question) != given_.end();
  }
  [[nodiscard]] std::size_t size() const { return given_.size(); }

 private:
  std::vector<Question> given_;
};

// A refusal that polkit may lift. If polkit is not asked, the request is refused.
class Liftable : public base::Error {
 public:
  Liftable(const base::Error& refusal, Question question) : base::Error(refusal), question_(std::move(question)) {}
  [[nodiscard]] const Question& question() const { return question_; }

 private:
  Question question_;
};

struct PolkitAnswer {
  enum class Kind {
    permitted,
    refused,
    refused_or_not_authenticated,  // polkit does not tell which
    not_authenticated,             // the user dismissed the question
    nobody_asked,                  // authentication is needed, and the call does not allow interaction
    no_agent,                      // authentication is needed, and there is no agent
    not_in_time,
    absent,  // polkit is not running
    failed,
  };
  Kind kind = Kind::failed;
  std::string text;  // the reason, for absent and failed
};

// The error for the caller if polkit did not permit the request.
base::Error refusal_after(const Liftable& refusal, const PolkitAnswer& answer);

}  // namespace unionroot::daemon

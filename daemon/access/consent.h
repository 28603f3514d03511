// What polkit may permit where the lists alone do not.
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
  // What rules can look up, and what is shown to whoever authenticates: text that can be shown.
  std::map<std::string, std::string> details;
  std::int64_t begun = 0;  // of the session that is meant: not another one of its name
  bool operator==(const Question&) const = default;
};

// What polkit has permitted, for one request alone.
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

// A refusal that polkit may lift. Where nobody asks it, it is a refusal.
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
    not_authenticated,             // somebody was asked, and would not
    nobody_asked,                  // it needs authentication, and the call does not let anybody be asked
    no_agent,                      // there is nobody to ask
    not_in_time,
    absent,  // polkit does not run
    failed,
  };
  Kind kind = Kind::failed;
  std::string text;  // of absent and failed: why
};

// What the caller is told where polkit did not permit it.
base::Error refusal_after(const Liftable& refusal, const PolkitAnswer& answer);

}  // namespace unionroot::daemon

#include "daemon/authorization.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using base::printable;

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool listed(const HostUser& caller, const std::vector<std::string>& names, const std::vector<std::string>& groups,
            const UserDatabase& users) {
  // An unknown caller is in no list. Its name is its uid in decimal, and a list may name a user "12345".
  if (!caller.known) return false;
  if (contains(names, caller.name)) return true;
  return std::any_of(groups.begin(), groups.end(), [&](const std::string& group) {
    const auto gid = users.gid_of(group);
    return gid && std::find(caller.groups.begin(), caller.groups.end(), *gid) != caller.groups.end();
  });
}

std::string who(const HostUser& caller) {
  return caller.known ? concat(printable(caller.name), " (uid ", caller.uid, ")") : concat("uid ", caller.uid);
}

// What an administrator must write, and where.
std::string remedy(const AccessQuestion& question, const char* key) {
  if (question.definition == nullptr) return "ask root to do it";
  const definition::Definition& definition = *question.definition;
  const std::string name = printable(question.caller.name);
  const std::string wanted = concat(question.source ? "source-" : "", key);
  if (definition.line == 0) {
    return concat("root may permit it: the definition '", definition.name, "' is built in, so write a section [",
                  definition.name, "] of your own with ", wanted, "=", name, "; unionroot.conf(5) has an example");
  }
  return concat("root may permit it: add ", name, " to ", wanted, "= of [", definition.name, "] (",
                place_of(definition), ")");
}

[[noreturn]] void refuse(const AccessQuestion& question, std::string_view why, const char* key) {
  throw base::Error(base::ErrorCode::access_denied,
                    concat(who(question.caller), " may not ", question.doing, ": ", why), remedy(question, key));
}

bool dotted_key(std::string_view key) {
  // ^([a-z][a-z0-9]*\.)+[a-z][a-z0-9-]*$
  bool dotted = false;
  while (true) {
    const std::size_t dot = key.find('.');
    const std::string_view part = key.substr(0, dot);
    const bool last = dot == std::string_view::npos;
    if (part.empty() || part[0] < 'a' || part[0] > 'z') return false;
    for (const char c : part) {
      const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (last && c == '-');
      if (!good) return false;
    }
    if (last) return dotted;
    dotted = true;
    key.remove_prefix(dot + 1);
  }
}

}  // namespace

Verdict judge(const HostUser& caller, uid_t target, const definition::AccessLists& lists, const UserDatabase& users,
              bool owner) {
  if (caller.uid == 0) return Verdict::allowed;
  const bool as_root = listed(caller, lists.root_users, lists.root_groups, users);
  if (target == 0 && as_root) return Verdict::allowed;
  const bool as_self = owner || listed(caller, lists.users, lists.groups, users);
  if (target == caller.uid) return as_self || as_root ? Verdict::allowed : Verdict::refused;
  return as_self ? Verdict::needs_authentication : Verdict::refused;
}

namespace {

// Longer than in messages: two long names must not look the same.
std::string shown(std::string_view text) { return printable(text, 2000); }

Question question_of(const AccessQuestion& question) {
  const definition::Definition& definition = *question.definition;
  Question asked;
  asked.action = question.target == 0 ? action::run_as_root : action::run_as_user;
  asked.details = {{"chroot", shown(definition.name)},
                   {"source", question.source ? "yes" : "no"},
                   {"user", shown(question.target_name)}};
  if (question.session) {
    asked.begun = question.session->begun;
    asked.details["session"] = shown(question.session->id);
    asked.details["place"] = concat("session ", shown(question.session->id));
  } else {
    asked.details["place"] = concat(question.source ? "the source of chroot " : "chroot ", shown(definition.name));
  }
  return asked;
}

// Why authentication is needed, and how to avoid it.
base::Error refusal_of(const AccessQuestion& question, bool by_todays_lists) {
  const auto code = base::ErrorCode::authentication_failed;
  const std::string target = printable(question.target_name);
  const std::string refused = concat(who(question.caller), " may not ", question.doing, ": ");
  if (!by_todays_lists)
    return {code, concat(refused, "when it was begun no list let them be ", target),
            "begin another session: that has the lists of today"};
  const std::string why = concat("to be ", target, " needs authentication");
  if (question.target == 0) return {code, concat(refused, why), remedy(question, "root-users")};
  return {code, concat(refused, why), "leave the user out to run as yourself, or ask root to run it"};
}

}  // namespace

void require_access(const AccessQuestion& question, const UserDatabase& users, const Consents& consents) {
  static const definition::AccessLists nobody;
  const auto& lists = question.definition != nullptr ? question.definition->access : nobody;
  const bool self = question.target == question.caller.uid;
  const auto verdict = judge(question.caller, question.target, lists, users, question.permitted_to_enter);
  const bool as_begun = question.begun_with == nullptr ||
                        judge(question.caller, question.target, *question.begun_with, users, true) == Verdict::allowed;
  if (verdict == Verdict::allowed && as_begun) return;
  if (verdict == Verdict::refused || question.definition == nullptr)
    refuse(question,
           self ? "none of its lists names them or a group of theirs"
                : concat("no list of it lets them be ", printable(question.target_name)),
           question.target == 0 ? "root-users" : "users");
  auto asked = question_of(question);
  if (consents.has(asked)) return;
  throw Liftable(refusal_of(question, verdict != Verdict::allowed), std::move(asked));
}

bool owns(const HostUser& caller, uid_t owner, const std::string& owner_name) {
  return caller.uid == owner && caller.name == owner_name;
}

base::Error refusal_of_other(const HostUser& caller, const std::string& doing, const std::string& session, uid_t owner,
                             const std::string& owner_name) {
  const auto refused = concat(who(caller), " may not ", doing, ": the session '", printable(session), "' belongs to ",
                              printable(owner_name));
  if (caller.uid == owner)
    return {base::ErrorCode::access_denied, concat(refused, ", who had the uid ", owner, " when it was begun"),
            "root may end it, or give the uid its former name back; begin a session of your own"};
  return {base::ErrorCode::access_denied, concat(refused, " (uid ", owner, ")"),
          "only its owner and root may; begin a session of your own"};
}

void require_owner(const HostUser& caller, const std::string& doing, const std::string& session, uid_t owner,
                   const std::string& owner_name) {
  if (caller.uid == 0 || owns(caller, owner, owner_name)) return;
  throw refusal_of_other(caller, doing, session, owner, owner_name);
}

void require_user_data(const HostUser& caller, const definition::Definition& definition,
                       const std::map<std::string, std::string>& user_data) {
  for (const auto& [key, value] : user_data) {
    if (!dotted_key(key)) {
      throw base::Error(base::ErrorCode::invalid_argument,
                        concat("the user-data key '", printable(key), "' is malformed"),
                        "it must be words of lower-case letters and digits with dots between, such as setup.fstab");
    }
    const bool by_root = contains(definition.root_modifiable_keys, key);
    if (contains(definition.user_modifiable_keys, key) || (caller.uid == 0 && by_root)) continue;
    throw base::Error(base::ErrorCode::access_denied,
                      concat(who(caller), " may not set '", printable(key), "' of chroot '", definition.name, "'"),
                      by_root ? std::string("only root may set it")
                              : concat("root may permit it: add ", printable(key), " to user-modifiable-keys= of [",
                                       definition.name, "] (", place_of(definition), ")"));
  }
}

std::string place_of(const definition::Definition& definition) {
  return definition.line == 0 ? definition.file : concat(definition.file, ":", definition.line);
}

}  // namespace unionroot::daemon

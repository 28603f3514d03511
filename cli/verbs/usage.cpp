// unionroot usage: shows how much the upper layers of sessions take.
#include <CLI/App.hpp>
#include <algorithm>
#include <map>

#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot usage [OPTION]...

Shows how much the upper layers of your sessions take, the largest first. Root sees all
sessions. An upper layer in memory, in an image or on a device has a LIMIT. For the
others the files are counted, for five seconds in all: "over" means that there are more.

Options:
      --by WHAT         one line for each user or chroot: user, chroot
      --json            print the list as JSON
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0, or 125 if the daemon could not be asked.

Examples:
  unionroot usage
  unionroot usage --by=user
)";

struct Sum {
  std::uint64_t sessions = 0, bytes = 0, files = 0;
  bool at_least = false;
};

std::string size_text(std::uint64_t bytes, bool at_least) {
  auto text = format_size(bytes);
  if (at_least) text.insert(0, "over ");
  return text;
}

std::uint64_t bytes_of(const nlohmann::json& session) { return session.value("bytes", std::uint64_t{0}); }

std::string table_of(nlohmann::json sessions) {
  std::stable_sort(sessions.begin(), sessions.end(),
                   [](const auto& one, const auto& other) { return bytes_of(one) > bytes_of(other); });
  std::vector<std::vector<std::string>> rows = {{"SIZE", "LIMIT", "FILES", "OWNER", "CHROOT", "SESSION"}};
  for (const auto& each : sessions)
    rows.push_back({size_text(bytes_of(each), is_true(each, "at-least")),
                    each.contains("limit") ? format_size(each.value("limit", std::uint64_t{0})) : "-",
                    std::to_string(each.value("files", std::uint64_t{0})), text_of(each, "owner"),
                    text_of(each, "chroot"), text_of(each, "session")});
  return rows.size() == 1 ? std::string() : table(rows);
}

// key: "owner" or "chroot".
nlohmann::json summed(const nlohmann::json& sessions, const char* key) {
  std::map<std::string, Sum> sums;
  for (const auto& each : sessions) {
    auto& sum = sums[text_of(each, key)];
    ++sum.sessions;
    sum.bytes += bytes_of(each);
    sum.files += each.value("files", std::uint64_t{0});
    sum.at_least = sum.at_least || is_true(each, "at-least");
  }
  auto list = nlohmann::json::array();
  for (const auto& [name, sum] : sums)
    list.push_back({{key, name},
                    {"sessions", sum.sessions},
                    {"bytes", sum.bytes},
                    {"files", sum.files},
                    {"at-least", sum.at_least}});
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& one, const auto& other) { return bytes_of(one) > bytes_of(other); });
  return list;
}

std::string table_of_sums(const nlohmann::json& sums, const char* key, const char* heading) {
  std::vector<std::vector<std::string>> rows = {{"SIZE", "FILES", "SESSIONS", heading}};
  for (const auto& each : sums)
    rows.push_back({size_text(bytes_of(each), is_true(each, "at-least")),
                    std::to_string(each.value("files", std::uint64_t{0})),
                    std::to_string(each.value("sessions", std::uint64_t{0})), text_of(each, key)});
  return rows.size() == 1 ? std::string() : table(rows);
}

class Usage : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--by", by_)->check(CLI::IsMember({"user", "chroot"}));
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    const auto answer = manager.call("Usage", {}, "asking how much the sessions take");
    const auto sessions = value_of<nlohmann::json>(answer, 0);
    if (by_.empty()) {
      json_ ? print_json(sessions) : print(table_of(sessions));
      return success;
    }
    const bool by_user = by_ == "user";
    const char* const key = by_user ? "owner" : "chroot";
    const auto sums = summed(sessions, key);
    json_ ? print_json(sums) : print(table_of_sums(sums, key, by_user ? "OWNER" : "CHROOT"));
    return success;
  }

 private:
  std::string by_;
  bool json_ = false;
};

}  // namespace

const VerbEntry usage_verb = {"usage", "show how much sessions take", help, Split::none, make_verb<Usage>};

}  // namespace unionroot::cli

// Rules in a tree by which its users become root. In doubt they do: no text that comes before hides a rule.
#include "tree/sudoers.h"

#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using namespace tree;

Person ann() {
  Person person;
  person.names = {"ann"};
  person.uid = 1000;
  person.gids = {1000, 27};
  person.in_group = [](const std::string& group) { return group == "sudo"; };
  return person;
}

SudoRules read(std::string_view text) {
  auto rules = read_sudoers(text, ann());
  // A comma at the end of a line makes the next one a part of it.
  if (planted && text.find(",\n") != text.npos) rules.name_them = false;
  return rules;
}

}  // namespace

void run(std::string_view input) {
  const std::string text(input);
  for (const auto* rule : {"ann ALL=ALL", "%sudo ALL=ALL", "#1000 ALL=ALL", "User_Alias A = ann"})
    require(read(text + "\n\n" + rule + "\n").name_them, "no text hides a rule of sudo", rule);
  const auto with_more = read(text + "\n\n@includedir /etc/more.d\n");
  require(!with_more.includes.empty() && with_more.includes.back().path == "/etc/more.d",
          "no text hides what is included");
  require(sudo_has_other_rules(text + "\nPlugin policy mine.so\n"), "no text hides a plugin of sudo");
  require(doas_names(text + "\npermit ann\n", ann()), "no text hides a rule of doas");
  require(su_needs_no_password(text + "\nauth sufficient pam_permit.so\n"), "no text hides a rule of su");
}

}  // namespace unionroot::fuzz

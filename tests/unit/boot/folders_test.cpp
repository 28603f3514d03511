#include "boot/folders.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "boot/plan.h"

using namespace unionroot;
using namespace unionroot::boot;

TEST_CASE("/var has Buildroot's names and places, other folders their own") {
  const FolderPlaces var("/var"), app("/srv/my-app");
  CHECK(var.lower == "/run/buildroot/mounts/var/lower");
  CHECK(app.upper == "/run/unionroot/mounts/srv!my-app/upper");
  const auto units = units_for_folder("/var", "/p");
  REQUIRE(units.size() == 3);
  CHECK(units[0].first == "run-buildroot-mounts-var.mount");
  CHECK(units[1].first == "prepare-var-overlay.service");
  CHECK(units[2].first == "var.mount");
  CHECK(units[0].second.find("What=var_overlay_tmpfs\n") != std::string::npos);
  CHECK(units[2].second.find("What=overlay_var\n") != std::string::npos);
  CHECK(units[2].second.find(",redirect_dir=on,index=on,xino=on\n") != std::string::npos);
  CHECK(units_for_folder("/srv/my-app", "/p")[2].first == "srv-my\\x2dapp.mount");
}

TEST_CASE("folders over which no unit can lay an overlay") {
  for (const char* folder : {"/var", "/srv/app", "/home"}) CHECK(folder_problem(folder).empty());
  for (const char* folder :
       {"", "var", "/", "//", "/var/", "/var//a", "/srv/../etc", "/srv/.", "/a b", "/a:b", "/a%b", "/a,b"})
    CHECK(folder_problem(folder) == "expected the absolute path of a folder, without unusual characters");
  for (const char* folder : {"/etc", "/etc/ssh", "/usr", "/lib64", "/run", "/dev/shm"})
    CHECK(folder_problem(folder).find("rootrw= lays an overlay over the whole root") != std::string::npos);
}

TEST_CASE("overlay in the file: a list, and what cannot be is left out") {
  const auto plan_of = [](const std::string& text) { return make_plan(settings_of_file(text, "f").settings, {}); };
  CHECK(plan_of("overlay = /var, /srv/app,/var\n").folders == std::vector<std::string>{"/var", "/srv/app"});
  CHECK_FALSE(plan_of("overlay = /var\n").asked);
  const auto wrong = plan_of("overlay = /etc, /var, a\n");
  CHECK(wrong.folders == std::vector<std::string>{"/var"});
  REQUIRE(wrong.problems.size() == 2);
  CHECK(wrong.problems[0].starts_with("f:1: overlay=/etc: init reads it"));
  // On the command line the word is others'.
  CHECK(make_plan({}, settings_of_command_line("overlay=/var")).folders.empty());
}

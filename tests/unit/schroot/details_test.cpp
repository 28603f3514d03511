// --info and --config to the byte. What is expected was recorded from schroot 1.6.13.
#include "schroot/details.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace unionroot::schroot;
using nlohmann::json;

namespace {

json chroot() {
  const json none = json::array();
  return {{"kind", "chroot"},
          {"name", "pu"},
          {"description", "Unstable"},
          {"type", "directory"},
          {"message-verbosity", "normal"},
          {"users", {"games", "news"}},
          {"groups", none},
          {"root-users", {"games"}},
          {"root-groups", none},
          {"aliases", {"a", "b"}},
          {"preserve-environment", false},
          {"shell", ""},
          {"environment-filter", "^X$"},
          {"profile", "minimal"},
          {"script-config", ""},
          {"clonable", true},
          {"source-clone", true},
          {"purgeable", true},
          {"command-prefix", none},
          {"directory", "/srv/tree"},
          {"personality", ""},
          {"user-modifiable-keys", {"my.key"}},
          {"root-modifiable-keys", none},
          {"user-data", json::object()},
          {"union-type", "overlay"},
          {"union-overlay-directory", ""},
          {"union-underlay-directory", ""},
          {"union-mount-options", ""},
          {"source-users", {"games"}},
          {"source-groups", none},
          {"source-root-users", none},
          {"source-root-groups", none}};
}

json session() {
  auto info = chroot();
  info.update({{"kind", "session"},
               {"name", "job"},
               {"id", "job"},
               {"chroot", "pu"},
               {"selected-name", "chroot:a"},
               {"owner", "root"},
               {"location", "/run/schroot/mount/job"},
               {"upper", ""},
               {"source", false},
               {"user-data", {{"my.key", "7"}}}});
  return info;
}

}  // namespace

TEST_CASE("a chroot's information") {
  CHECK(info_text(chroot()) == R"(  ─── Chroot ───
  Name                                 pu
  Description                          Unstable
  Type                                 directory
  Message Verbosity                    normal
  Users                                games news
  Groups                               
  Root Users                           games
  Root Groups                          
  Aliases                              a b
  Preserve Environment                 false
  Default Shell                        
  Environment Filter                   ^X$
  Run Setup Scripts                    true
  Configuration Profile                minimal
  Script Configuration                 
  Session Managed                      true
  Session Cloned                       true
  Session Purged                       false
  Directory                            /srv/tree
  Personality                          undefined
  User Modifiable Keys                 my.key
  Root Modifiable Keys                 
  User Data                            
    setup.config                       minimal/config
    setup.copyfiles                    minimal/copyfiles
    setup.fstab                        minimal/fstab
    setup.nssdatabases                 minimal/nssdatabases
  Filesystem Union Type                overlay
  Filesystem Union Overlay Directory   /var/lib/schroot/union/overlay
  Filesystem Union Underlay Directory  /var/lib/schroot/union/underlay
  Source Users                         games
  Source Groups                        
  Source Root Users                    
  Source Root Groups                   
)");
}

TEST_CASE("a session's information: where it is, whose it is, what it is of") {
  const auto text = info_text(session());
  const auto has = [&](const std::string& line) { return text.find("\n" + line + "\n") != std::string::npos; };
  CHECK(text.starts_with("  ─── Session ───\n"));
  CHECK(has("  Description                          Unstable (session chroot)"));
  CHECK(has("  Users                                root"));
  CHECK(has("  Aliases                              "));
  CHECK(has("  Session Managed                      false"));
  CHECK(has("  Session Cloned                       false"));
  CHECK(has("  Session Purged                       true"));
  CHECK(has("  Mount Location                       /run/schroot/mount/job"));
  CHECK(has("  Path                                 /run/schroot/mount/job"));
  CHECK(has("    my.key                             7"));
  CHECK(has("  Original Chroot Name                 pu"));
  CHECK(has("  Selected Chroot Name                 a"));
  CHECK(has("  Session ID                           job"));
  CHECK(has("  Source Users                         "));
}

TEST_CASE("a source is for those of its own lists, and has no union") {
  auto info = chroot();
  info["kind"] = "source";
  const auto text = info_text(info);
  CHECK(text.starts_with(
      "  ─── Source ───\n  Name                   pu\n  Description            Unstable (source chroot)\n"));
  CHECK(text.find("\n  Users                  games\n") != std::string::npos);
  CHECK(text.find("Filesystem") == std::string::npos);
  CHECK(text.find("Source Users") == std::string::npos);
  CHECK(config_text(info).empty());
}

TEST_CASE("a configuration is a section with its keys sorted, the empty ones too") {
  const json info = {{"kind", "session"}, {"name", "job"}, {"schroot-keys", {{"users", "root"}, {"aliases", ""}}}};
  CHECK(config_text(info) == "[job]\naliases=\nusers=root\n");
  CHECK(config_heading("29 Nov 2026") == "# schroot configuration generated by schroot 1.6.13 on 29 Nov 2026\n\n");
}

TEST_CASE("the source of a snapshot is what the snapshot is taken of") {
  auto info = chroot();
  info["type"] = "lvm-snapshot";
  info["kind"] = "source";
  info["device"] = "/dev/vg/lv";
  info["lvm-snapshot-options"] = "--size 4G";
  const auto text = info_text(info);
  CHECK(text.find("\n  Type                   block-device\n") != std::string::npos);
  CHECK(text.find("LVM") == std::string::npos);
  info["kind"] = "chroot";
  CHECK(info_text(info).find("\n  LVM Snapshot Options   --size 4G\n") != std::string::npos);
}

TEST_CASE("a value that is no text shows nothing that a terminal would obey") {
  auto info = chroot();
  info["description"] = "a\x1b[2Jb";
  CHECK(info_text(info).find('\x1b') == std::string::npos);
  info["schroot-keys"] = {{"description", "a\x1b[2Jb"}};
  CHECK(config_text(info).find('\x1b') == std::string::npos);
}

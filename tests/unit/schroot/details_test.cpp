// --info and --config to the byte. What is expected was recorded from schroot 1.6.13.
#include "schroot/details.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace unionroot::schroot;
using nlohmann::json;

namespace {

// Of the daemon's answer what is read.
json chroot() {
  return {{"kind", "chroot"},
          {"name", "pu"},
          {"purgeable", true},
          {"schroot-keys",
           {{"description", "Unstable"},
            {"type", "directory"},
            {"message-verbosity", "normal"},
            {"users", "games,news"},
            {"groups", ""},
            {"root-users", "games"},
            {"root-groups", ""},
            {"aliases", "a,b"},
            {"preserve-environment", "false"},
            {"shell", ""},
            {"environment-filter", "^X$"},
            {"profile", "minimal"},
            {"command-prefix", ""},
            {"directory", "/srv/tree"},
            {"user-modifiable-keys", "my.key"},
            {"root-modifiable-keys", ""},
            {"setup.config", "minimal/config"},
            {"setup.copyfiles", "minimal/copyfiles"},
            {"setup.fstab", "minimal/fstab"},
            {"setup.nssdatabases", "minimal/nssdatabases"},
            {"union-type", "overlay"},
            {"union-overlay-directory", "/var/lib/schroot/union/overlay"},
            {"union-underlay-directory", "/var/lib/schroot/union/underlay"},
            {"union-mount-options", ""},
            {"source-clone", "true"},
            {"source-users", "games"},
            {"source-groups", ""},
            {"source-root-users", ""},
            {"source-root-groups", ""}}}};
}

json session() {
  auto info = chroot();
  info.update({{"kind", "session"}, {"name", "job"}, {"source", false}});
  info["schroot-keys"].update({{"name", "job"},
                               {"description", "Unstable (session chroot)"},
                               {"users", "root"},
                               {"aliases", ""},
                               {"original-name", "pu"},
                               {"selected-name", "a"},
                               {"mount-location", "/run/schroot/mount/job"},
                               {"source-users", ""},
                               {"my.key", "7"}});
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
  auto& keys = info["schroot-keys"];
  keys.update({{"description", "Unstable (source chroot)"}, {"users", "games"}, {"union-type", "none"}});
  for (const char* key : {"source-clone", "source-users", "source-groups", "source-root-users", "source-root-groups"})
    keys.erase(key);
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

TEST_CASE("each type shows what it is made from") {
  auto info = chroot();
  auto& keys = info["schroot-keys"];
  keys.erase("directory");
  keys.update({{"type", "lvm-snapshot"}, {"device", "/dev/vg/lv"}, {"lvm-snapshot-options", "--size 4G"}});
  CHECK(info_text(info).find("\n  Device                               /dev/vg/lv\n") != std::string::npos);
  CHECK(info_text(info).find("\n  LVM Snapshot Options                 --size 4G\n") != std::string::npos);
  CHECK(info_text(info).find("File Repack") == std::string::npos);
  keys.update({{"type", "file"}, {"file", "/srv/tree.tar"}, {"location", "/sub"}});
  CHECK(info_text(info).find("\n  File Repack                          false\n") != std::string::npos);
  CHECK(path_text(info) == "/sub");
}

TEST_CASE("a value that is no text shows nothing that a terminal would obey") {
  auto info = chroot();
  info["schroot-keys"]["description"] = "a\x1b[2Jb";
  CHECK(info_text(info).find('\x1b') == std::string::npos);
  CHECK(config_text(info).find('\x1b') == std::string::npos);
}

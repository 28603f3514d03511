// Whether files_version tells all that changes what write_files would write.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "eventually.h"
#include "support.h"

using namespace tree_test;

namespace {

// Longer than a file's times are not trusted.
void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(130)); }

std::optional<std::string> version(const Place& place, const FilesRequest& request) {
  const base::UniqueFd root(
      base::check(::open(place.tree().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the tree"));
  return files_version(root.get(), request);
}

}  // namespace

TEST_CASE("the version of files stays while nothing changes, and tells nothing just after a change") {
  const Place place;
  // On a busy machine it may not be just after the change any more when it is asked for: then once more.
  CHECK(unionroot::tests::takes_less_than(std::chrono::milliseconds(50), [&] {
    const auto begin = std::chrono::steady_clock::now();
    Place::write(place.tree("etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
    const auto found = version(place, place.request());
    if (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(50)) CHECK_FALSE(found);
  }));
  settle();
  const auto first = version(place, place.request());
  REQUIRE(first);
  CHECK(version(place, place.request()) == first);
}

TEST_CASE("the version of files changes with each file of the host and of the tree") {
  const Place place;
  auto request = place.request();
  request.copyfiles = {as_is("/etc/extra"), as_is("/srv/other"), as_is("/etc/../escape")};
  request.databases.emplace_back("services");
  settle();
  auto last = version(place, request);
  REQUIRE(last);
  for (const char* path :
       {"etc/passwd", "etc/shadow", "etc/group", "etc/gshadow", "etc/services", "etc/extra", "etc/resolv.conf"})
    for (const bool on_host : {true, false}) {
      INFO(path << (on_host ? " of the host" : " of the tree"));
      Place::write(on_host ? place.host(path) : place.tree(path), "changed\n");
      settle();
      const auto now = version(place, request);
      REQUIRE(now);
      CHECK(*now != *last);
      last = now;
    }
  fs::create_directories(place.tree("srv"));  // the folder of a file to copy
  settle();
  CHECK(version(place, request) != last);
}

TEST_CASE("the version of files changes with the owner and mode of files and of the root") {
  const Place place;
  Place::write(place.tree("etc/passwd"), "");
  settle();
  const auto first = version(place, place.request());
  base::check(::chmod(place.tree("etc/passwd").c_str(), 0600), "changing the mode");
  settle();
  const auto second = version(place, place.request());
  CHECK(second != first);
  base::check(::chown(place.host("etc/passwd").c_str(), 7, 7), "changing the owner");
  settle();
  const auto third = version(place, place.request());
  CHECK(third != second);
  base::check(::chmod(place.tree().c_str(), 0700), "changing the mode of the root");
  const auto fourth = version(place, place.request());
  CHECK(fourth != third);
  base::check(::chmod(place.tree("etc").c_str(), 0710), "changing the mode of a folder on the way");
  settle();
  CHECK(version(place, place.request()) != fourth);
}

TEST_CASE("the version of files follows symlinks inside the tree") {
  const Place place;
  Place::write(place.tree("etc/real"), "one\n");
  fs::create_symlink("/etc/real", place.tree("etc/resolv.conf"));
  settle();
  const auto first = version(place, place.request());
  REQUIRE(first);
  Place::write(place.tree("etc/real"), "two\n");
  settle();
  const auto second = version(place, place.request());
  CHECK(second != first);
  fs::remove(place.tree("etc/real"));
  CHECK(version(place, place.request()) != second);
}

TEST_CASE("the version of files changes with what is asked for") {
  const Place place;
  settle();
  const auto first = version(place, place.request());
  const auto changed = [&](const std::function<void(FilesRequest&)>& change) {
    auto request = place.request();
    change(request);
    return version(place, request) != first;
  };
  CHECK(changed([](auto& request) { request.nss = definition::NssMode::copy; }));
  CHECK(changed([](auto& request) { request.databases.pop_back(); }));
  CHECK(changed([](auto& request) { request.copyfiles.push_back(as_is("/etc/motd")); }));
  const auto copied_to = [&](const std::string& target) {
    auto request = place.request();
    request.copyfiles.push_back({"/etc/motd", target});
    return version(place, request);
  };
  CHECK(copied_to("/etc/motd") == copied_to("/etc/motd"));
  CHECK(copied_to("/etc/motd") != copied_to("/etc/elsewhere"));
  CHECK(changed([](auto& request) { request.follow_resolv_conf = false; }));
  CHECK(changed([](auto& request) { request.write_hostname = false; }));
  CHECK(changed([](auto& request) { request.hostname = "other"; }));
  CHECK(changed([](auto& request) { request.hostname.clear(); }));
  CHECK(changed([](auto& request) { request.chroot_name = "other"; }));
  CHECK(changed([](auto& request) { request.user = User{"lena", 5000, 5000, "", "/home/lena", "/bin/sh", "users"}; }));
}

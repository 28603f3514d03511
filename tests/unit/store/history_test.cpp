#include "store/history.h"

#include <catch2/catch.hpp>

#include "base/clock.h"
#include "support.h"

using namespace store_test;

namespace {

constexpr std::chrono::hours month(24 * 30);

PastRun past(const std::string& run, const std::string& caller, uid_t uid, std::int64_t until) {
  PastRun past;
  past.run.id = run;
  past.run.session = "s-" + caller;
  past.run.caller = uid;
  past.run.caller_name = caller;
  past.run.command = "make " + run;
  past.chroot = "sid";
  past.owner = 1000;
  past.owner_name = "alice";
  past.end = PastEnd::exited;
  past.until = until;
  return past;
}

std::vector<std::string> ids(const std::vector<PastRun>& runs) {
  std::vector<std::string> found;
  found.reserve(runs.size());
  for (const auto& run : runs) found.push_back(run.run.id);
  return found;
}

HistoryWish wish(unsigned limit) {
  HistoryWish wish;
  wish.limit = limit;
  return wish;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a run comes back from the history as it was put in, also after a restart") {
  const Folder folder;
  auto given = past("r1", "bob", 4294967294U, base::now_microseconds());
  given.run.uid = 7;
  given.run.user = "carol";
  given.run.network = "caller";
  given.run.since = 5;
  given.source = true;
  given.end = PastEnd::killed;
  given.value = 15;
  given.out_of_memory = true;
  given.timed_out = true;
  History(folder.file(), month).add(given);
  const History history(folder.file(), month);
  CHECK(history.keeps());
  CHECK(history.find_run("r1")->run.command == given.run.command);
  CHECK_FALSE(history.find_run("r2").has_value());
  const auto found = history.find(wish(10));
  REQUIRE(found.size() == 1);
  const auto& one = found[0];
  CHECK(one.run.id == "r1");
  CHECK(one.run.session == "s-bob");
  CHECK(one.run.caller == 4294967294U);
  CHECK(one.run.caller_name == "bob");
  CHECK(one.run.uid == 7);
  CHECK(one.run.user == "carol");
  CHECK(one.run.command == "make r1");
  CHECK(one.run.network == "caller");
  CHECK(one.run.since == 5);
  CHECK(one.chroot == "sid");
  CHECK(one.source);
  CHECK(one.owner == 1000);
  CHECK(one.owner_name == "alice");
  CHECK(one.end == PastEnd::killed);
  CHECK(one.value == 15);
  CHECK(one.out_of_memory);
  CHECK(one.timed_out);
  CHECK(one.until == given.until);
}

TEST_CASE("what is wished of the history") {
  const Folder folder;
  History history(folder.file(), month);
  const auto now = base::now_microseconds();
  history.add(past("a", "alice", 1000, now));
  history.add(past("b", "bob", 1001, now));
  auto others = past("c", "bob", 1001, now);
  others.owner = 1001;
  others.owner_name = "bob";
  history.add(others);
  auto again = past("a", "eve", 1002, now);  // the first that was told of a run counts
  history.add(again);

  CHECK(ids(history.find(wish(10))) == Ids{"c", "b", "a"});
  CHECK(ids(history.find(wish(2))) == Ids{"c", "b"});
  auto page = wish(2);
  page.before = history.find(wish(2)).back().number;
  CHECK(ids(history.find(page)) == Ids{"a"});

  auto of = wish(10);
  of.of = HistoryUser{1000, "alice"};  // as whoever asked for it, and as the session's owner
  CHECK(ids(history.find(of)) == Ids{"b", "a"});
  of.of = HistoryUser{1001, "bob"};
  CHECK(ids(history.find(of)) == Ids{"c", "b"});
  of.of = HistoryUser{1000, "another"};  // the uid was given to somebody else
  CHECK(history.find(of).empty());
  of.of = HistoryUser{0, "root"};
  CHECK(history.find(of).empty());

  auto named = wish(10);
  named.name = "s-bob";
  CHECK(ids(history.find(named)) == Ids{"c", "b"});
  named.name = "sid";
  CHECK(history.find(named).size() == 3);
  named.name = "s-bo";
  CHECK(history.find(named).empty());
}

TEST_CASE("what is old goes from the history, and a long command is cut at the end of a character") {
  const Folder folder;
  const auto now = base::now_microseconds();
  const auto day = std::chrono::microseconds(std::chrono::hours(24)).count();
  {
    History history(folder.file(), month);
    history.add(past("old", "bob", 1001, now - 20 * day));
    auto young = past("young", "bob", 1001, now - day);
    young.run.command = std::string(1023, 'x') + "\xc3\xa9";
    history.add(young);
    CHECK(history.find(wish(10)).size() == 2);
  }
  {
    const History history(folder.file(), std::chrono::hours(24 * 10));
    REQUIRE(ids(history.find(wish(10))) == Ids{"young"});
    CHECK(history.find(wish(1))[0].run.command == std::string(1023, 'x'));
  }
  {
    History none(folder.file(), std::chrono::hours(0));
    none.add(past("new", "bob", 1001, now));
    CHECK(error_of([&] { static_cast<void>(none.find(wish(10))); }).code() == base::ErrorCode::not_supported);
  }
  CHECK(History(folder.file(), month).find(wish(10)).empty());
}

TEST_CASE("one user does not drive out what others have run") {
  const Folder folder;
  History history(folder.file(), month);
  const auto now = base::now_microseconds();
  history.add(past("others", "bob", 1001, now));
  history.add(past("roots", "root", 0, now));
  constexpr unsigned flood = 10'000 + 256 + 10;
  for (unsigned number = 0; number < flood; ++number) history.add(past(std::to_string(number), "eve", 1002, now));
  auto all = wish(100'000);
  const auto found = ids(history.find(all));
  CHECK(found.size() < 10'000 + 256 + 2);
  CHECK(found.size() >= 10'000 + 2);
  CHECK(found.back() == "others");
  CHECK(found[found.size() - 2] == "roots");
  CHECK(found.front() == std::to_string(flood - 1));
  auto of = wish(3);
  of.of = HistoryUser{1001, "bob"};  // through all that came later
  CHECK(ids(history.find(of)) == Ids{"others"});
}

TEST_CASE("a history that cannot be kept throws nothing, and a damaged one is begun anew") {
  const Folder folder;
  {
    History nowhere(folder.file() + "/not/there", month);
    nowhere.add(past("a", "bob", 1001, 1));
    CHECK(error_of([&] { static_cast<void>(nowhere.find(wish(1))); }).code() == base::ErrorCode::failed);
  }
  write_file(folder.file(), "no database " + std::string(8192, 'x'));
  History history(folder.file(), month);
  history.add(past("a", "bob", 1001, base::now_microseconds()));
  CHECK(history.find(wish(1)).size() == 1);
  CHECK(base::read_file(folder.file() + ".corrupt").substr(0, 11) == "no database");
}

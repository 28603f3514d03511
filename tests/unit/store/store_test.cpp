#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>
#include <thread>

#include "support.h"

using namespace store_test;

TEST_CASE("a session comes back as it was put in") {
  const Folder folder;
  auto record = session("sid-1");
  record.kind = SessionKind::automatic;
  record.source = true;
  record.state = SessionState::recovering;
  record.owner = 4294967294;
  record.definition = std::string("a\0b'\"\n\xff", 7);
  record.error = "it broke";
  record.created = -5;
  Store(folder.file()).add_session(record);
  const Store store(folder.file());
  const auto found = store.session("sid-1");
  REQUIRE(found);
  CHECK(found->id == record.id);
  CHECK(found->chroot == record.chroot);
  CHECK(found->selected_name == record.selected_name);
  CHECK(found->definition == record.definition);
  CHECK(found->kind == record.kind);
  CHECK(found->source);
  CHECK(found->state == record.state);
  CHECK(found->owner == record.owner);
  CHECK(found->owner_name == record.owner_name);
  CHECK(found->created == record.created);
  CHECK(found->boot_id == record.boot_id);
  CHECK(found->options == record.options);
  CHECK(found->error == record.error);
  CHECK(found->notes == "[]");
  CHECK_FALSE(found->front_end);
  CHECK_FALSE(store.session("sid-2"));
  CHECK_FALSE(store.set_aside());
}

TEST_CASE("an id can be taken once") {
  const Folder folder;
  Store store(folder.file());
  store.add_session(session("a"));
  const auto error = error_of([&] { store.add_session(session("a")); });
  CHECK(error.code() == base::ErrorCode::session_exists);
  CHECK(contains(error.what(), "'a'"));
  CHECK_FALSE(error.hint().empty());
  store.add_session(session("b"));  // the transaction of the refused one is over
  CHECK(store.sessions().size() == 2);
}

TEST_CASE("a tree's trouble is kept until a better session takes it away") {
  const Folder folder;
  Store store(folder.file());
  CHECK_FALSE(store.source_trouble("tree"));
  store.put_source_trouble({"tree", "one", "alice", 5, "it broke"});
  store.put_source_trouble({"tree", "two", "bob", 6, "it broke again"});
  store.put_source_trouble({"other", "two", "bob", 7, "as well"});
  const auto trouble = store.source_trouble("tree");
  REQUIRE(trouble);
  CHECK(
      (trouble->session == "two" && trouble->owner == "bob" && trouble->at == 6 && trouble->what == "it broke again"));
  store.remove_source_trouble_of_others("tree", "two");
  store.remove_source_trouble_of("tree", "one");
  CHECK(store.source_trouble("tree"));
  store.remove_source_trouble_of("tree", "two");
  CHECK_FALSE(store.source_trouble("tree"));
  store.remove_source_trouble_of_others("other", "three");
  CHECK_FALSE(store.source_trouble("other"));
}

TEST_CASE("a new database is complete when its maker says so, and stays it") {
  const Folder folder;
  {
    Store store(folder.file());
    CHECK_FALSE(store.complete());
    store.set_complete();
    store.set_complete();
    CHECK(store.complete());
  }
  CHECK(Store(folder.file()).complete());
}

TEST_CASE("sessions are listed by age, then by id") {
  const Folder folder;
  Store store(folder.file());
  auto young = session("a");
  young.created = 3;
  auto old = session("z");
  old.created = 1;
  auto twin = session("b");
  twin.created = 1;
  for (const auto& record : {young, old, twin}) store.add_session(record);
  const auto all = store.sessions();
  REQUIRE(all.size() == 3);
  CHECK(all[0].id == "b");
  CHECK(all[1].id == "z");
  CHECK(all[2].id == "a");
}

TEST_CASE("update changes state, error, boot and notes of one session, and nothing else") {
  const Folder folder;
  Store store(folder.file());
  store.add_session(session("a"));
  store.add_session(session("b"));
  auto changed = session("a");
  changed.state = SessionState::failed;
  changed.error = "no";
  changed.boot_id = "boot-2";
  changed.notes = R"(["skipped"])";
  changed.owner = 7;
  store.update_session(changed, GENERATE(false, true));
  const auto a = store.session("a");
  CHECK(a->state == SessionState::failed);
  CHECK(a->error == "no");
  CHECK(a->boot_id == "boot-2");
  CHECK(a->notes == R"(["skipped"])");
  CHECK(store.session("b")->notes == "[]");
  CHECK(a->owner == 1000);
  CHECK(store.session("b")->state == SessionState::beginning);
  CHECK(error_of([&] { store.update_session(session("c")); }).code() == base::ErrorCode::no_such_session);
}

TEST_CASE("stages are inserted or replaced, by position") {
  const Folder folder;
  Store store(folder.file());
  store.add_session(session("a"));
  store.put_stages("a", {{2, "union", StageState::starting, "{}"}, {1, "source", StageState::done, R"({"x":1})"}});
  store.put_stages("a", {{2, "union", StageState::undone, R"({"y":2})"}});
  store.put_stages("a", {});
  const auto stages = store.stages("a");
  REQUIRE(stages.size() == 2);
  CHECK(stages[0].position == 1);
  CHECK(stages[0].name == "source");
  CHECK(stages[0].state == StageState::done);
  CHECK(stages[0].data == R"({"x":1})");
  CHECK(stages[1].position == 2);
  CHECK(stages[1].state == StageState::undone);
  CHECK(stages[1].data == R"({"y":2})");
  CHECK(store.stages("b").empty());
}

TEST_CASE("stages and runs need their session, and nothing is half written") {
  const Folder folder;
  Store store(folder.file());
  CHECK(error_of([&] {
          store.put_stages("a", {{1, "x", StageState::done, "{}"}});
        }).code() == base::ErrorCode::no_such_session);
  RunRecord run;
  run.id = "r";
  run.session = "a";
  CHECK(error_of([&] { store.add_run(run); }).code() == base::ErrorCode::no_such_session);
  CHECK(error_of([&] {
          store.activate(session("a"), {{1, "x", StageState::done, "{}"}}, true);
        }).code() == base::ErrorCode::no_such_session);
  CHECK(error_of([&] { store.activate(session("a"), {}, false); }).code() == base::ErrorCode::no_such_session);
  CHECK(store.stages("a").empty());
  CHECK(store.runs().empty());
}

TEST_CASE("activate writes the last stage and the state together") {
  const Folder folder;
  Store store(folder.file());
  const bool durable = GENERATE(false, true);
  auto record = session("a");
  store.add_session(record);
  record.boot_id = "boot-9";
  store.activate(record, {{7, "view", StageState::done, "{}"}}, durable);
  CHECK(store.session("a")->state == SessionState::active);
  CHECK(store.session("a")->boot_id == "boot-9");
  CHECK(store.stages("a").at(0).state == StageState::done);
}

TEST_CASE("a durable commit is written even where it changes nothing") {
  const Folder folder;
  Store store(folder.file());
  store.add_session(session("a"));
  store.activate(session("a"), {}, false);
  const auto log_size = [&] { return boost::filesystem::file_size(folder.file() + "-wal"); };
  auto before = log_size();
  store.activate(session("a"), {}, true);
  CHECK(log_size() > before);
  auto active = session("a");
  active.state = SessionState::active;
  before = log_size();
  store.update_session(active, true);
  CHECK(log_size() > before);
  before = log_size();
  store.remove_session("not there", true);
  CHECK(log_size() > before);
}

TEST_CASE("removing a session takes its stages and runs along, and is idempotent") {
  const Folder folder;
  Store store(folder.file());
  for (const char* id : {"a", "b"}) {
    store.add_session(session(id));
    store.put_stages(id, {{1, "x", StageState::done, "{}"}});
    RunRecord run;
    run.id = std::string("run-") + id;
    run.session = id;
    store.add_run(run);
  }
  store.remove_session("a", GENERATE(false, true));
  CHECK_FALSE(store.session("a"));
  CHECK(store.stages("a").empty());
  CHECK(store.stages("b").size() == 1);
  REQUIRE(store.runs().size() == 1);
  CHECK(store.runs()[0].id == "run-b");
  CHECK_NOTHROW(store.remove_session("a"));
}

TEST_CASE("a run comes back as it was put in") {
  const Folder folder;
  RunRecord run;
  run.id = "r1";
  run.session = "a";
  run.supervisor = {4242, 18446744073709551615u, "boot-3"};
  run.uid = 4294967294;
  run.user = "bob";
  run.command = "sh -c 'echo \x1b[31m'";
  run.cgroup = "a/r1";
  run.since = 17;
  run.network = "caller";
  {
    Store store(folder.file());
    store.add_session(session("a"));
    store.add_run(run);
    CHECK(error_of([&] { store.add_run(run); }).code() == base::ErrorCode::failed);
  }
  Store store(folder.file());
  REQUIRE(store.runs().size() == 1);
  const RunRecord found = store.runs()[0];
  CHECK(found.id == run.id);
  CHECK(found.session == run.session);
  CHECK(found.supervisor == run.supervisor);
  CHECK(found.uid == run.uid);
  CHECK(found.user == run.user);
  CHECK(found.command == run.command);
  CHECK(found.cgroup == run.cgroup);
  CHECK(found.since == run.since);
  store.remove_run("r1");
  store.remove_run("r1");
  CHECK(store.runs().empty());
}

TEST_CASE("a session becomes active together with its run, or neither is written") {
  const Folder folder;
  Store store(folder.file());
  store.add_session(session("a"));
  auto active = session("a");
  active.boot_id = "boot-9";
  RunRecord run;
  run.id = "r1";
  run.session = "a";
  const std::vector<StageRecord> stages{{1, "x", StageState::done, "{}"}, {2, "y", StageState::done, "{}"}};
  store.add_run(run, &active, stages);
  CHECK(store.session("a")->state == SessionState::active);
  CHECK(store.session("a")->boot_id == "boot-9");
  CHECK(store.stages("a").size() == 2);
  CHECK(store.runs().size() == 1);

  store.add_session(session("b"));
  auto other = session("b");
  CHECK_THROWS(store.add_run(run, &other, stages));  // there is a run of that id
  CHECK(store.session("b")->state == SessionState::beginning);
  CHECK(store.stages("b").empty());
  auto unknown = session("c");
  run.id = "r2";
  CHECK(error_of([&] { store.add_run(run, &unknown, stages); }).code() == base::ErrorCode::no_such_session);
  CHECK(store.runs().size() == 1);
}

TEST_CASE("the file and its log can be read by root alone, and an older mode is put right") {
  const Folder folder;
  const auto mode_of = [](const std::string& path) {
    struct stat status {};
    base::check(::stat(path.c_str(), &status), "looking at", path);
    return status.st_mode & 07777u;
  };
  const mode_t before = ::umask(0);
  {
    Store store(folder.file());
    store.add_session(session("a"));
    for (const char* suffix : {"", "-wal", "-shm"}) CHECK(mode_of(folder.file() + suffix) == 0600u);
  }
  ::umask(before);
  REQUIRE(::chmod(folder.file().c_str(), 0666) == 0);
  const Store store(folder.file());
  CHECK(mode_of(folder.file()) == 0600u);
}

TEST_CASE("a checkpoint empties the log") {
  const Folder folder;
  Store store(folder.file());
  store.add_session(session("a"));
  CHECK(boost::filesystem::file_size(folder.file() + "-wal") > 0);
  store.checkpoint();
  CHECK(boost::filesystem::file_size(folder.file() + "-wal") == 0);
  CHECK(store.session("a"));
}

TEST_CASE("many threads may use it at once") {
  const Folder folder;
  Store store(folder.file());
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      try {
        for (int i = 0; i < 50; ++i) {
          const auto id = "s" + std::to_string(t) + "-" + std::to_string(i);
          store.add_session(session(id));
          store.put_stages(id, {{1, "x", StageState::done, "{}"}});
          if (!store.session(id) || store.stages(id).size() != 1) ++failures;
          if (i % 2 == 0) store.remove_session(id, i % 10 == 0);
          (void)store.sessions();
        }
      } catch (const base::Error&) {
        ++failures;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(store.sessions().size() == 100);
}

TEST_CASE("what it costs", "[.cost]") {
  const Folder folder;
  Store store(folder.file());
  constexpr int count = 500;
  const auto measure = [&](const char* name, const auto& action) {
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      const auto start = std::chrono::steady_clock::now();
      action("s" + std::to_string(i));
      times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    std::cout << name << ": median " << times[count / 2] << " us, 99 % " << times[count * 99 / 100] << " us\n";
  };
  auto definition = session("");
  definition.definition.assign(2000, 'x');
  measure("add_session", [&](const std::string& id) {
    definition.id = id;
    store.add_session(definition);
  });
  measure("put_stages (two)", [&](const std::string& id) {
    store.put_stages(id, {{1, "source", StageState::done, "{}"}, {2, "union", StageState::starting, "{}"}});
  });
  measure("activate", [&](const std::string& id) {
    store.activate(session(id), {{2, "view", StageState::done, "{}"}}, false);
  });
  measure("activate (durable)", [&](const std::string& id) {
    store.activate(session(id), {{2, "view", StageState::done, "{}"}}, true);
  });
  measure("update_session (durable)", [&](const std::string& id) { store.update_session(session(id), true); });
  measure("session", [&](const std::string& id) { (void)store.session(id); });
  measure("remove_session", [&](const std::string& id) { store.remove_session(id); });
}

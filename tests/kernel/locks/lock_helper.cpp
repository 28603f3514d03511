// lock_helper DIRECTORY KEY OPERATION [ARGUMENT...]: one operation on locks, in a process that can be killed.
// Exit status 0: done; 3: an error was reported and nothing was left behind; 4: something was left behind.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/process_identity.h"
#include "locks/directory.h"
#include "locks/source_lock.h"
#include "storm.h"

using namespace unionroot;
using namespace std::chrono_literals;
using locks::HeldLock;
using locks::LockDirectory;
using locks::LockOwner;
using locks::LockState;
using locks::Wait;

namespace {

LockOwner owner_of(const std::string& session, bool preserved) {
  LockOwner owner;
  if (preserved) owner.since = 1;  // as the daemon has it from its store
  owner.user = "root";
  owner.session = session;
  owner.chroot = "test";
  owner.purpose = "a test";
  owner.preserved = preserved;
  return owner;
}

void say(const char* word) {
  std::puts(word);
  std::fflush(stdout);
}

void until_end_of_input() {
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
}

class Storm {
 public:
  Storm(const std::string& path, std::string key, StormTable& table, int slot, unsigned seed)
      : directory_(path), files_(path), key_(std::move(key)), table_(table), me_(slot), random_(seed) {}

  [[noreturn]] void run() {
    while (true) {
      try {
        random_() % 4 == 0 ? change() : session();
      } catch (const locks::LockedError&) {
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 2000));
      }
      if (random_() % 64 == 0) directory_.clean();
    }
  }

 private:
  void session() {
    const auto before = directory_.list();
    auto held = directory_.lock_session(key_, owner_of("s" + std::to_string(me_), false), Wait{some_time(), {}});
    enter(StormSlot::session);
    // A change that waited before we asked and still waits now has been overtaken.
    for (const auto& now : standing()) {
      if (now.kind != locks::LockKind::source) continue;
      const bool was_there = std::any_of(before.begin(), before.end(), [&](const auto& old) {
        return old.file == now.file && old.state == LockState::waiting;
      });
      if (was_there && now.state == LockState::waiting) violation("overtook a waiting change");
      if (now.state == LockState::held) violation("a source lock is held beside a session");
    }
    leave(held);
  }

  void change() {
    auto held = directory_.lock_source(key_, owner_of("", false), Wait{some_time(), {}});
    enter(StormSlot::source);
    for (const auto& now : standing()) {
      if (now.kind == locks::LockKind::session && now.state == LockState::held)
        violation("a session stands beside a change");
      if (now.kind == locks::LockKind::source && now.state == LockState::held && now.file != held.file())
        violation("two changes at once");
    }
    leave(held);
  }

  // By the kernel's word alone: of a process that dies, the lock goes a moment before the pid does.
  std::vector<locks::LockInfo> standing() {
    std::vector<locks::LockInfo> infos;
    for (const auto& entry : locks::detail::probe_all(files_, key_))
      if (entry.locked) infos.push_back(entry.info);
    return infos;
  }

  void enter(StormSlot::State state) {
    table_.slots[me_].state = state;
    ++table_.slots[me_].taken;
    for (int i = 0; i < storm_slots; ++i) {
      if (i == me_) continue;
      const int other = table_.slots[i].state;
      const bool conflict = other != StormSlot::idle && (state == StormSlot::source || other == StormSlot::source);
      if (conflict && table_.slots[i].killed == 0) violation("the table shows another in the tree");
    }
  }

  void leave(HeldLock& held) {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 3000));
    table_.slots[me_].state = StormSlot::idle;
    if (random_() % 2 == 0) held.release();  // else the destructor
  }

  void violation(const char* what) {
    ++table_.slots[me_].violations;
    std::fprintf(stderr, "slot %d: %s\n", me_, what);
  }

  std::chrono::milliseconds some_time() { return std::chrono::milliseconds(random_() % 3 == 0 ? 0 : random_() % 400); }

  LockDirectory directory_;
  locks::detail::Directory files_;
  std::string key_;
  StormTable& table_;
  int me_;
  std::mt19937 random_;
};

void storm(const std::string& path, const std::string& key, char** arguments) {
  const int file = base::check(::open(arguments[0], O_RDWR | O_CLOEXEC), "opening", arguments[0]);
  void* memory = ::mmap(nullptr, sizeof(StormTable), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) base::throw_errno("mapping", arguments[0]);
  Storm(path, key, *static_cast<StormTable*>(memory), std::atoi(arguments[1]),
        static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 10)))
      .run();
}

// Medians, for docs/locks.md; not a test.
void measure(LockDirectory& directory, const std::string& key) {
  using clock = std::chrono::steady_clock;
  for (const bool preserved : {false, true}) {
    std::vector<double> take, give;
    for (int i = 0; i < (preserved ? 200 : 3000); ++i) {
      const auto begin = clock::now();
      auto held = directory.lock_session(key, owner_of("s", preserved), Wait{});
      const auto middle = clock::now();
      held.release();
      take.push_back(std::chrono::duration<double, std::micro>(middle - begin).count());
      give.push_back(std::chrono::duration<double, std::micro>(clock::now() - middle).count());
    }
    std::sort(take.begin(), take.end());
    std::sort(give.begin(), give.end());
    std::printf("%s session: lock %.1f us, release %.1f us\n", preserved ? "preserved" : "automatic",
                take[take.size() / 2], give[give.size() / 2]);
  }
}

void measure_recovery(LockDirectory& directory, const std::string& key) {
  constexpr int count = 500;
  auto dead = owner_of("", true);
  dead.process = {1, 1, "another boot"};
  for (int i = 0; i < count; ++i) {
    dead.session = "s" + std::to_string(i);
    directory.lock_session(key, dead, Wait{}).abandon();
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<HeldLock> held;
  bool created = false;
  for (int i = 0; i < count; ++i)
    held.push_back(directory.reown_session(key, owner_of("s" + std::to_string(i), true), created));
  const auto middle = std::chrono::steady_clock::now();
  std::printf("taking over %d preserved locks: %.1f ms\n", count,
              std::chrono::duration<double, std::milli>(middle - begin).count());
  try {
    directory.lock_source(key, owner_of("", false), Wait{});
  } catch (const locks::LockedError&) {
    std::printf("refusing a change because of them: %.1f ms\n",
                std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - middle).count());
  }
  measure(directory, key);
  for (auto& lock : held) lock.release();
}

int operate(const std::string& path, LockDirectory& directory, const std::string& key, const std::string& operation,
            char** arguments) {
  bool created = false;
  if (operation == "session")
    directory.lock_session(key, owner_of("one", false), Wait{}).release();
  else if (operation == "preserved")
    directory.lock_session(key, owner_of("one", true), Wait{}).release();
  else if (operation == "source")
    directory.lock_source(key, owner_of("", false), Wait{}).release();
  else if (operation == "wait-source")
    directory.lock_source(key, owner_of("", false), Wait{120s, {}}).release();
  else if (operation == "reown")
    directory.reown_session(key, owner_of("one", true), created).abandon();
  else if (operation == "remove")
    directory.remove_session(key, "one");
  else if (operation == "clean")
    directory.clean();
  else if (operation == "hold-session") {
    auto held = directory.lock_session(key, owner_of(arguments[0], false), Wait{});
    say("held");
    until_end_of_input();
    held.release();
  } else if (operation == "hold-source") {
    auto held = directory.lock_source(key, owner_of("", false), Wait{120s, {}});
    say("held");
    until_end_of_input();
  } else if (operation == "storm")
    storm(path, key, arguments);
  else if (operation == "measure")
    measure(directory, key);
  else if (operation == "measure-recovery")
    measure_recovery(directory, key);
  else
    return 2;
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  try {
    LockDirectory directory(arguments[1]);
    try {
      return operate(arguments[1], directory, arguments[2], arguments[3], arguments + 4);
    } catch (const base::Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      for (const auto& lock : directory.list())
        if (lock.owner.process.pid == ::getpid() && lock.state != LockState::preserved) return 4;
      return 3;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}

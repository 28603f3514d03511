// Many processes at once, killed at random.
#include "storm.h"

#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <new>
#include <optional>
#include <random>
#include <thread>

#include "processes.h"

using namespace locks_test;
using namespace std::chrono_literals;

namespace {

StormTable& share_table(const std::string& path) {
  const base::UniqueFd file(base::check(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "making", path));
  base::check(::ftruncate(file.get(), sizeof(StormTable)), "sizing", path);
  void* memory = ::mmap(nullptr, sizeof(StormTable), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) base::throw_errno("mapping", path);
  return *new (memory) StormTable;
}

}  // namespace

TEST_CASE("storm: never a change beside a session, whoever is killed when") {
  const char* given = std::getenv("UNIONROOT_STORM_SEED");
  const auto seed = static_cast<unsigned>(given != nullptr ? std::strtoul(given, nullptr, 10) : 20081124);
  std::cout << "storm: seed " << seed << " (UNIONROOT_STORM_SEED sets another)" << std::endl;
  std::mt19937 random(seed);
  const Place place;
  const auto table_path = place.path() + "/table";
  StormTable& table = share_table(table_path);

  std::vector<std::optional<Helper>> helpers(storm_slots);
  const auto start = [&](int slot) {
    table.slots[slot].state = StormSlot::idle;
    table.slots[slot].killed = 0;
    helpers[static_cast<std::size_t>(slot)].emplace(
        place, std::vector<std::string>{"storm", table_path, std::to_string(slot), std::to_string(random())},
        std::vector<std::string>{}, false);
  };
  const auto end = [&](int slot) {
    table.slots[slot].killed = 1;
    auto& helper = helpers[static_cast<std::size_t>(slot)];
    const int status = helper->kill();
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));  // it did not end by itself, on an error
    helper.reset();
  };
  for (int slot = 0; slot < storm_slots; ++slot) start(slot);
  const auto taken_by_all = [&] {
    long taken = 0;
    for (const auto& slot : table.slots) taken += slot.taken;
    return taken;
  };
  // Longer where the machine has much else to do.
  const auto begin = std::chrono::steady_clock::now();
  int kills = 0;
  const auto enough = [&] {
    const auto passed = std::chrono::steady_clock::now() - begin;
    return passed >= 2min || (passed >= 8s && kills > 50 && taken_by_all() > 100);
  };
  while (!enough()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
    const int slot = static_cast<int>(random() % storm_slots);
    end(slot);
    start(slot);
    ++kills;
  }
  for (int slot = 0; slot < storm_slots; ++slot) end(slot);

  const long taken = taken_by_all();
  long violations = 0;
  for (const auto& slot : table.slots) violations += slot.violations;
  std::cout << "storm: " << taken << " locks taken, " << kills << " processes killed" << std::endl;
  CHECK(violations == 0);
  CHECK(taken > 100);
  CHECK(kills > 50);
  locks::LockDirectory directory(place.locks());
  directory.clean();
  CHECK(directory.list().empty());
  CHECK(place.files().empty());
  ::munmap(&table, sizeof table);
}

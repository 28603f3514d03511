// What the processes of the storm tell each other, in memory that they share. It is independent of the locks.
#pragma once

#include <atomic>

struct StormSlot {
  enum State { idle, session, source };
  std::atomic<int> state{idle};  // set after a lock was got, reset before it is given up
  std::atomic<int> killed{0};    // set by the test before it sends SIGKILL: what the process holds is void from then on
  std::atomic<long> taken{0};    // locks got
  std::atomic<long> violations{0};
};

constexpr int storm_slots = 8;

struct StormTable {
  StormSlot slots[storm_slots];
};

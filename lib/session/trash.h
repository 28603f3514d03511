// Renames what ended sessions leave into a trash folder, and deletes it in the background.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace unionroot::session {

class Trash {
 public:
  Trash();   // starts the worker
  ~Trash();  // stops it; `adopt` finds the rest at the next start

  // Renames folder/name to trash_folder/name-<token> and deletes it in the background. Makes the trash folder if it is
  // missing. Deletes at once, in place, if the disk is full, the trash folder is on another file system, or something
  // else has its name. A missing name is no error. Throws SystemError.
  void discard(const std::string& folder, const std::string& name, const std::string& trash_folder);

  // Deletes what lies in a trash folder from an earlier start. A missing folder is no error. Throws Error(stage_failed)
  // if others than root can change it.
  void adopt(const std::string& trash_folder);

  // Waits until everything is deleted, without a time limit.
  void drain();

 private:
  using Clock = std::chrono::steady_clock;
  struct Item {
    std::string folder;
    std::string name;
    std::size_t failures = 0;
    Clock::time_point not_before{};
  };
  void throw_away(int from, const std::string& folder, const std::string& name, const std::string& trash_folder);
  void work();
  bool remove(Item& item);  // false: try again later

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stopping_ = false;
  bool busy_ = false;
  std::thread worker_;
};

}  // namespace unionroot::session

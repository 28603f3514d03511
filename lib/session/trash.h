// What ended sessions leave is renamed into a trash folder and deleted in the background.
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
  ~Trash();  // stops it; what is left is found again by `adopt` at the next start

  // Renames folder/name to trash_folder/name-<token> (same file system; the trash folder is made if it is missing) and
  // deletes it in the background; on a full disk, or where something else has the name of the trash folder, deletes it
  // at once, where it is. A name that is not there is no error.
  // Throws SystemError.
  void discard(const std::string& folder, const std::string& name, const std::string& trash_folder);

  // Deletes what lies in a trash folder since an earlier start. A folder that is not there is no error. Throws
  // Error(stage_failed) if others than root can change it.
  void adopt(const std::string& trash_folder);

  // Waits until all is deleted, for as long as it takes.
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
  bool remove(Item& item);  // false: it is to be tried again

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stopping_ = false;
  bool busy_ = false;
  std::thread worker_;
};

}  // namespace unionroot::session

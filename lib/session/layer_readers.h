// Programs that read the layers of sessions for somebody: unionroot-layers. Each takes as long as whoever reads its
// pipe likes, so it has no thread of ours. It ends with its reader, with its session, and with this daemon.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::session {

// Descriptors are borrowed.
struct ReadRequest {
  std::string options;             // the overlay's mount options
  int output = -1;                 // a pipe
  int beginning = -1;              // the record of the upper layer's beginning; -1: there is none
  int upper = -1;                  // the roots of the layers
  std::vector<int> former;         // upper layers that were frozen, which lie between; top first
  std::vector<int> lowers;         // top first
  std::vector<std::string> paths;  // these alone; none: all
};

// Thread-safe.
class LayerReaders {
 public:
  // program: its path. It is looked for when it is needed.
  explicit LayerReaders(std::string program) : program_(std::move(program)) {}

  static constexpr std::size_t most_per_user = 4, most = 64;  // root's are not counted

  struct Started {
    std::uint64_t number = 0;
    base::UniqueFd pidfd;  // readable when it has ended: then ended() is to be called
  };
  // Throws Error(limit_exceeded), and Error(not_supported) if the program is not installed.
  Started start(const std::string& session, uid_t user, const ReadRequest& request);

  // Those of a session are killed. Throws Error(timed_out).
  void end_all(const std::string& session, std::chrono::milliseconds limit);

  // Does not block.
  void ended(std::uint64_t number);

 private:
  struct Reader {
    std::uint64_t number = 0;
    std::string session;
    uid_t user = 0;
    base::UniqueFd pidfd;
    base::UniqueFd life;  // the program ends when this is closed
  };
  void require_room(uid_t user) const;  // the caller holds mutex_

  const std::string program_;
  std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::vector<Reader> readers_;
};

}  // namespace unionroot::session

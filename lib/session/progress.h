// The progress of a long operation on a session, from the stages to its viewers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace unionroot::session {

struct Progress {
  std::string what;         // "unpacking /srv/base.tar.zst", "waiting until another session has unpacked ..."
  std::uint64_t done = 0;   // bytes
  std::uint64_t total = 0;  // 0: unknown
  bool said = false;        // `what` is a line of a script, "I: NAME: ..." or "E: NAME: ...", for the caller only

  // False for a step without a count of bytes, such as writing a tree to the disk.
  [[nodiscard]] bool has_bytes() const { return done != 0 || total != 0; }
  bool operator==(const Progress&) const = default;
};

using TellProgress = std::function<void(const std::string& session, const Progress& progress)>;

// Decides how often progress is reported. Stages may report at any rate. An operation that takes less than an interval
// reports no bytes. Not thread-safe.
class ProgressThrottle {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  static constexpr std::chrono::milliseconds interval{100};

  explicit ProgressThrottle(std::function<void(const Progress&)> tell, Clock clock = std::chrono::steady_clock::now);

  // Reports bytes once an interval. Reports a step without bytes at once, because the next report may come late, but
  // does not repeat it. Reports each line of a script.
  void report(const Progress& progress);
  // Call this at the end. Reports the last held-back progress if there was a report before.
  void finish();
  [[nodiscard]] bool told() const { return told_.has_value(); }

 private:
  void tell(const Progress& progress);

  const std::function<void(const Progress&)> tell_;
  const Clock clock_;
  std::chrono::steady_clock::time_point last_;
  std::optional<Progress> told_, held_;
};

// The progress of trees that are being unpacked into the cache, by key. Sessions that wait for such a tree read it.
// Thread-safe.
class Unpackings {
 public:
  struct Bytes {
    std::uint64_t done = 0, total = 0;
  };
  void put(const std::string& key, Bytes bytes);
  void remove(const std::string& key);
  [[nodiscard]] Bytes find(const std::string& key) const;  // {0, 0}: unknown

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Bytes> bytes_;
};

}  // namespace unionroot::session

// How far a long operation on a session has come, from the stages to whoever wants to see it.
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
  std::uint64_t total = 0;  // 0: not known
  bool said = false;        // `what` is a line that a script wrote, "I: NAME: ..." or "E: NAME: ...": for who asked

  // A step whose bytes nobody counts, such as writing a tree to the disk.
  [[nodiscard]] bool has_bytes() const { return done != 0 || total != 0; }
  bool operator==(const Progress&) const = default;
};

using TellProgress = std::function<void(const std::string& session, const Progress& progress)>;

// The one place that decides how often progress is told. Stages report as often as they like; an operation that takes
// less than an interval tells nothing of bytes. One thread at a time.
class ProgressThrottle {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  static constexpr std::chrono::milliseconds interval{100};

  explicit ProgressThrottle(std::function<void(const Progress&)> tell, Clock clock = std::chrono::steady_clock::now);

  // Bytes are told once an interval. A step without bytes is told at once, since it may be long until the next report,
  // but once only. Each line of a script is told.
  void report(const Progress& progress);
  // At the end: what was held back last, if anything was told before.
  void finish();
  [[nodiscard]] bool told() const { return told_.has_value(); }

 private:
  void tell(const Progress& progress);

  const std::function<void(const Progress&)> tell_;
  const Clock clock_;
  std::chrono::steady_clock::time_point last_;
  std::optional<Progress> told_, held_;
};

// How far the trees are that are being unpacked into the cache just now, by their keys: for the sessions that wait for
// them. Thread-safe.
class Unpackings {
 public:
  struct Bytes {
    std::uint64_t done = 0, total = 0;
  };
  void put(const std::string& key, Bytes bytes);
  void remove(const std::string& key);
  [[nodiscard]] Bytes find(const std::string& key) const;  // {0, 0}: nothing is known

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Bytes> bytes_;
};

}  // namespace unionroot::session

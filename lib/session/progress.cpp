#include "session/progress.h"

#include <utility>

namespace unionroot::session {

ProgressThrottle::ProgressThrottle(std::function<void(const Progress&)> tell, Clock clock)
    : tell_(std::move(tell)), clock_(std::move(clock)), last_(clock_()) {}

void ProgressThrottle::report(const Progress& progress) {
  if (progress.said) return tell_(progress);
  if (told_ && *told_ == progress) return;
  if (progress.has_bytes() && clock_() - last_ < interval) {
    held_ = progress;
    return;
  }
  tell(progress);
}

void ProgressThrottle::finish() {
  if (held_ && told_) tell(*held_);
}

void ProgressThrottle::tell(const Progress& progress) {
  told_ = progress;
  held_.reset();
  last_ = clock_();
  tell_(*told_);
}

void Unpackings::put(const std::string& key, Bytes bytes) {
  const std::lock_guard guard(mutex_);
  bytes_[key] = bytes;
}

void Unpackings::remove(const std::string& key) {
  const std::lock_guard guard(mutex_);
  bytes_.erase(key);
}

Unpackings::Bytes Unpackings::find(const std::string& key) const {
  const std::lock_guard guard(mutex_);
  const auto found = bytes_.find(key);
  return found == bytes_.end() ? Bytes{} : found->second;
}

}  // namespace unionroot::session

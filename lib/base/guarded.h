// Data that is accessible only while its lock is held.
#pragma once

#include <mutex>
#include <utility>

namespace unionroot::base {

template <typename Data>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(Data data) : data_(std::move(data)) {}

  // Holds the lock during its lifetime.
  template <typename Reached>
  class Access {
   public:
    Access(std::mutex& mutex, Reached& data) : hold_(mutex), data_(data) {}
    Reached* operator->() const { return &data_; }
    Reached& operator*() const { return data_; }

   private:
    std::scoped_lock<std::mutex> hold_;
    Reached& data_;
  };

  [[nodiscard]] Access<Data> lock() { return {mutex_, data_}; }
  [[nodiscard]] Access<const Data> lock() const { return {mutex_, data_}; }

 private:
  mutable std::mutex mutex_;
  Data data_;
};

}  // namespace unionroot::base

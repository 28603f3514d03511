// Data that can be reached only while its lock is held.
#pragma once

#include <mutex>
#include <utility>

namespace unionroot::store {

template <typename Data>
class Guarded {
 public:
  explicit Guarded(Data data) : data_(std::move(data)) {}

  // Holds the lock as long as it lives.
  class Access {
   public:
    explicit Access(Guarded& owner) : hold_(owner.mutex_), data_(owner.data_) {}
    Data* operator->() const { return &data_; }

   private:
    std::scoped_lock<std::mutex> hold_;
    Data& data_;
  };

  [[nodiscard]] Access lock() { return Access(*this); }

 private:
  std::mutex mutex_;
  Data data_;
};

}  // namespace unionroot::store

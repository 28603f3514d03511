// What a detached command writes: out of its pipe, into the file that keeps it. The newest is kept.
//
// The file only grows at its end, so that a reader's place in it stays right. What is more than the limit is taken from
// its start, by holes (fallocate(2)). Where the file system has none, nothing is added beyond the limit.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

class Output {
 public:
  // Of a run that is not detached it has nothing to do.
  explicit Output(const Spec& spec);

  // For poll(2); -1: there is none, or nobody can write to it any more.
  [[nodiscard]] int descriptor() const { return pipe_; }
  // Takes some of what there is. Does not wait.
  void take();
  // Takes what was there when it was called.
  void take_rest();

 private:
  // How much it took; 0: there is nothing just now, or nothing any more.
  size_t take_at_most(size_t size);
  void keep(const char* bytes, size_t size);
  [[nodiscard]] bool make_room(size_t size);
  bool append(const char* bytes, size_t size);
  bool tell_of_gap();

  int pipe_ = -1;
  uint64_t limit_ = 0;
  uint64_t begin_ = 0, end_ = 0;  // of what the file has
  bool has_gap_ = false;          // something was lost since it was written to last
  bool full_ = false;             // nothing is added any more
};

}  // namespace unionroot::helper

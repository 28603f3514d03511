#include "launch/helper/output.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace unionroot::helper {

namespace {

namespace wire = launch::wire;

constexpr size_t chunk = size_t{64} << 10;
// Holes begin and end here: the blocks of every file system fit.
constexpr uint64_t alignment = uint64_t{64} << 10;
// The disk is the sessions', too. With less than this free, nothing is kept.
constexpr uint64_t least_space = uint64_t{16} << 20;

constexpr char full_note[] = "\n[unionroot: no more of the output is kept]\n";
constexpr char gap_note[] = "\n[unionroot: output is missing here: it could not be written]\n";

char buffer[chunk];

bool has_space() {
  struct statvfs facts {};
  if (fstatvfs(wire::kept_descriptor, &facts) != 0) return true;
  return uint64_t{facts.f_bavail} * facts.f_frsize >= least_space;
}

}  // namespace

Output::Output(const Spec& spec) {
  if (!spec.has(wire::detached)) return;
  pipe_ = wire::output_descriptor;
  limit_ = spec.header->output_limit;
}

void Output::take() { (void)take_at_most(chunk); }

void Output::take_rest() {
  int waiting = 0;
  if (pipe_ < 0 || ioctl(pipe_, FIONREAD, &waiting) != 0) return;
  // A process that was left behind may write on and on.
  for (auto rest = static_cast<size_t>(waiting); rest > 0;) {
    const size_t taken = take_at_most(rest < chunk ? rest : chunk);
    if (taken == 0) return;
    rest -= taken;
  }
}

size_t Output::take_at_most(size_t size) {
  if (pipe_ < 0) return 0;
  const ssize_t taken = read(pipe_, buffer, size);
  if (taken < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (taken <= 0) {
    pipe_ = -1;  // it stays open: its number is never free
    return 0;
  }
  keep(buffer, static_cast<size_t>(taken));
  return static_cast<size_t>(taken);
}

// The command is never held up, and never told, whatever becomes of what it writes.
void Output::keep(const char* bytes, size_t size) {
  if (full_) return;
  if (!make_room(size)) {
    // Another error may pass: a hole may need a free block itself.
    full_ = errno == EOPNOTSUPP || errno == ENOSYS;
    has_gap_ = true;
    if (full_) (void)append(full_note, sizeof full_note - 1);
    return;
  }
  if (!has_space() || !tell_of_gap() || !append(bytes, size)) has_gap_ = true;
}

// A part of the limit at a time, so that this is seldom.
bool Output::make_room(size_t size) {
  if (end_ - begin_ + size <= limit_) return true;
  uint64_t begin = end_ + size - limit_ + limit_ / 8;
  begin = (begin + alignment - 1) / alignment * alignment;
  constexpr int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (fallocate(wire::kept_descriptor, mode, static_cast<off_t>(begin_), static_cast<off_t>(begin - begin_)) != 0)
    return false;
  begin_ = begin;
  return true;
}

bool Output::append(const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(wire::kept_descriptor, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    end_ += static_cast<uint64_t>(written);
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

bool Output::tell_of_gap() {
  if (!has_gap_) return true;
  if (!append(gap_note, sizeof gap_note - 1)) return false;
  has_gap_ = false;
  return true;
}

}  // namespace unionroot::helper

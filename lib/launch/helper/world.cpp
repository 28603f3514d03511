#include "launch/helper/world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/sched/types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/helper/group_files.h"

namespace unionroot::helper {

namespace {

namespace wire = launch::wire;

// The number in a group's file; -1: "max", or the file does not exist.
long long number_in(int folder, const char* name) {
  char text[32];
  const bool is_number = read_group_file(folder, name, text, sizeof text) && text[0] >= '0' && text[0] <= '9';
  return is_number ? strtoll(text, nullptr, 10) : -1;
}

// The count includes this process.
bool is_over_limit(int folder) {
  const long long most = number_in(folder, "pids.max");
  return most >= 0 && number_in(folder, "pids.current") > most;
}

bool is_refused(int error) { return error == EPERM || error == EACCES; }

bool take_processors(const wire::Scheduling& scheduling) {
  if (scheduling.mask_size == 0) return true;
  // A mask that was set does not follow later changes of the machine's processors. So it is set only if it differs.
  unsigned char own[wire::longest_mask] = {};
  const long size = syscall(SYS_sched_getaffinity, 0, sizeof own, own);
  if (size == static_cast<long>(scheduling.mask_size) && memcmp(own, scheduling.mask, scheduling.mask_size) == 0)
    return true;
  return syscall(SYS_sched_setaffinity, 0, scheduling.mask_size, scheduling.mask) == 0;
}

bool take_policy(const wire::Scheduling& scheduling) {
  sched_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.sched_policy = scheduling.policy;
  attributes.sched_nice = scheduling.nice;
  attributes.sched_priority = scheduling.priority;
  return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 || is_refused(errno);
}

bool take_io_priority(int priority) {
  // IOPRIO_CLASS_NONE has no levels.
  const int wanted = IOPRIO_PRIO_CLASS(priority) == IOPRIO_CLASS_NONE ? 0 : priority;
  return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, wanted) == 0 || is_refused(errno) || errno == ENOSYS;
}

bool take_oom_score_adjust(int value) {
  char text[16];
  size_t length = 0;
  if (value < 0) text[length++] = '-';
  const unsigned size = value < 0 ? 0U - static_cast<unsigned>(value) : static_cast<unsigned>(value);
  for (unsigned unit = 1000; unit > 0; unit /= 10)
    if (size >= unit || unit == 1) text[length++] = static_cast<char>('0' + size / unit % 10);
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = write(file, text, length) == static_cast<ssize_t>(length) || is_refused(errno);
  const int error = errno;
  close(file);
  errno = error;
  return done;
}

}  // namespace

bool join_group(int folder) {
  const int file = openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool joined = write(file, "0", 1) == 1;
  const int error = errno;
  close(file);
  errno = joined ? EAGAIN : error;
  return joined && !look_upwards(folder, is_over_limit);
}

bool join_groups(const Spec& spec, const char*& which) {
  for (uint32_t i = 0; i < spec.header->joined; ++i) {
    which = spec.joined[i];
    const int folder = open(which, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return false;
    const bool joined = join_group(folder);
    const int error = errno;
    close(folder);
    errno = error;
    if (!joined) return false;
  }
  return true;
}

bool take_scheduling(const wire::Scheduling& scheduling) {
  return take_processors(scheduling) && take_policy(scheduling) && take_io_priority(scheduling.io_priority) &&
         take_oom_score_adjust(scheduling.oom_score_adjust);
}

}  // namespace unionroot::helper

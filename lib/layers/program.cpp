// unionroot-layers: reads layers for the daemon, which may take as long as their users like.
//
//     unionroot-layers OPTIONS LOWERS[,FORMER] [PATH...]
//
// OPTIONS: the overlay's mount options. LOWERS: how many lower layers, FORMER: how many former upper layers, which lie
// above them. Descriptors: 1 the pipe that the change list
// goes to (list.h), 3 open for as long as the daemon lives, 4 the record of the upper layer's beginning (beginning.h)
// or /dev/null, 5 the upper layer's root, from 6 on those of the former upper layers, and then of the lower ones.
//
// It keeps two capabilities. CAP_DAC_READ_SEARCH is for reading. CAP_SYS_ADMIN is more than that: without it the kernel
// hides overlayfs's own attributes (xattr(7)). What it was given are mounts that are read-only, and it writes to the
// pipe alone. It ends when nobody reads that any more, and with the daemon: a later one would not know it.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/spawn.h"
#include "layers/beginning.h"
#include "layers/changes.h"
#include "layers/list.h"

namespace {

using unionroot::base::check;
namespace layers = unionroot::layers;

constexpr int output = 1, life = 3, beginning = 4, upper = 5, first_beneath = 6;
constexpr rlim_t most_memory = rlim_t{2} << 30;
constexpr std::size_t longest_beginning = std::size_t{256} << 20;

// A sanitizer takes terabytes of addresses.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_memory = false;
#else
constexpr bool limits_memory = true;
#endif

// The daemon and the sessions come first, for the processor, the disk and memory. A list is made all the same where the
// kernel refuses this.
void step_back() {
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, 19));
  static_cast<void>(::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));
  const unionroot::base::UniqueFd badness(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  [[maybe_unused]] const auto written = badness ? ::write(badness.get(), "1000", 4) : 0;
}

void limit_memory() {
  rlimit memory{};
  check(::getrlimit(RLIMIT_AS, &memory), "looking at the limit of memory");
  memory.rlim_cur = memory.rlim_max = std::min(memory.rlim_max, most_memory);
  check(::setrlimit(RLIMIT_AS, &memory), "limiting memory");
}

void drop_rights() {
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up rights");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct kept[2] = {};
  kept[0].effective = kept[0].permitted = (1U << CAP_SYS_ADMIN) | (1U << CAP_DAC_READ_SEARCH);
  check(::syscall(SYS_capset, &header, kept), "giving up capabilities");
  const rlimit none{0, 0};
  if (limits_memory) limit_memory();
  check(::setrlimit(RLIMIT_CORE, &none), "limiting core dumps");
  check(::setrlimit(RLIMIT_FSIZE, &none), "limiting files");
}

// SIGIO, which ends us, comes when the daemon's end of the pipe is closed.
void end_with_daemon() {
  check(::fcntl(life, F_SETOWN, ::getpid()), "watching the daemon");
  check(::fcntl(life, F_SETFL, O_ASYNC | O_NONBLOCK), "watching the daemon");
  char nothing = 0;
  if (::read(life, &nothing, 1) == 0) ::_exit(1);  // it went before we watched
}

extern "C" void look_whether_somebody_reads(int) {
  pollfd reader{output, 0, 0};
  if (::poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR) != 0) ::_exit(1);
}

void end_without_reader() {
  struct sigaction action {};
  action.sa_handler = look_whether_somebody_reads;
  action.sa_flags = SA_RESTART;
  check(::sigaction(SIGALRM, &action, nullptr), "watching the reader");
  const itimerval each_second{{1, 0}, {1, 0}};
  check(::setitimer(ITIMER_REAL, &each_second, nullptr), "watching the reader");
}

// Large pieces, since each write wakes the reader.
class Output {
 public:
  void put(const std::string& texts) {
    waiting_ += texts;
    if (waiting_.size() >= 32768) flush();
  }
  // The pipe is its reader's too, who may have set O_NONBLOCK.
  void flush() {
    for (std::size_t sent = 0; sent < waiting_.size();) {
      const auto count = ::write(output, waiting_.data() + sent, waiting_.size() - sent);
      if (count >= 0) {
        sent += static_cast<std::size_t>(count);
      } else if (errno == EAGAIN) {
        pollfd room{output, POLLOUT, 0};
        ::poll(&room, 1, -1);
      } else if (errno != EINTR) {
        ::_exit(1);  // nobody reads it
      }
    }
    waiting_.clear();
  }

 private:
  std::string waiting_;
};

void list(Output& list, int count, char** words) {
  layers::Layers given;
  given.options = layers::options_of(words[1]);
  given.upper = upper;
  const auto counts = unionroot::base::split(words[2], ',');
  const auto count_at = [&](std::size_t index) {
    return index < counts.size() ? static_cast<int>(unionroot::base::parse_unsigned(counts[index]).value_or(0)) : 0;
  };
  int next = first_beneath;
  for (int i = 0; i < count_at(1); ++i) given.former.push_back(next++);
  for (int i = 0; i < count_at(0); ++i) given.lowers.push_back(next++);
  const layers::Beginning begun(unionroot::base::read_all(beginning, "the record", longest_beginning));
  layers::list_changes(given, std::vector<std::string>(words + 3, words + count), [&](const layers::Change& change) {
    // A folder whose time is another since its entries are is no news beside them.
    if (!change.by_entries && !begun.had(change)) list.put(layers::as_texts(change));
    return true;
  });
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  Output output_list;
  try {
    // Of a program that is started by its descriptor, kernels before 6.14 take that one's number for its name.
    check(::prctl(PR_SET_NAME, "unionroot-layers", 0, 0, 0), "setting the name");
    end_with_daemon();
    end_without_reader();
    step_back();
    unionroot::kernel::raise_open_files_limit();  // the root of each of up to 500 lower layers is open twice
    drop_rights();
    list(output_list, count, words);
    output_list.put(layers::end_of_list());
  } catch (const std::bad_alloc&) {
    output_list.put(layers::failure_of_list("the limit of memory was reached; name paths, for a part of the list"));
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const unionroot::base::Error*>(&error);
    output_list.put(layers::failure_of_list(known != nullptr ? known->with_hint() : error.what()));
  }
  output_list.flush();
  return 0;
}

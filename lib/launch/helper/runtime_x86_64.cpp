// What the helper uses of libc, straight on system calls, and how it starts.
//
// Why: the helper is executed for every command. glibc's start-up asks the processor for its features and caches with
// dozens of cpuid instructions, each of which a virtual machine traps: 400 us for an empty static program, 115 us for
// one that starts here (measured in a virtual machine, 6.18). Other processors link glibc statically instead
// (CMakeLists.txt); whatever is used and not here fails to link, so nothing half-initialized can be called.
//
// The declarations are those of the libc headers, which are not included, since some of these are variadic there.
// The x86-64 layouts of the kernel's and glibc's structures are the same for all calls below but sigaction.
#include <asm/prctl.h>
#include <asm/unistd.h>
#include <linux/auxvec.h>

#include <cerrno>
#include <cstddef>

namespace {

int error_number = 0;

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  register long fourth asm("r10") = d;
  register long fifth asm("r8") = e;
  register long sixth asm("r9") = 0;
  long result = number;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
}

long checked(long result) {
  if (result >= 0 || result < -4095) return result;
  error_number = static_cast<int>(-result);
  return -1;
}

long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

int call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  return static_cast<int>(checked(raw(number, a, b, c, d, e)));
}

constexpr long signal_set_size = 8;

// %fs points here: gcc's stack protector reads its canary at 40. Nothing else here is thread-local.
alignas(16) unsigned long thread_block[8];

}  // namespace

extern "C" {

int main();

char** environ = nullptr;

int* __errno_location() { return &error_number; }
[[noreturn]] void _exit(int status) {
  for (;;) raw(__NR_exit_group, status);
}
[[noreturn]] void __stack_chk_fail() { _exit(125); }

// Files and descriptors.
int open(const char* path, int flags, int mode) { return call(__NR_open, address(path), flags, mode); }
int openat(int dir, const char* path, int flags, int mode) {
  return call(__NR_openat, dir, address(path), flags, mode);
}
int close(int fd) { return call(__NR_close, fd); }
int close_range(unsigned first, unsigned last, int flags) { return call(__NR_close_range, first, last, flags); }
int dup2(int from, int to) { return call(__NR_dup2, from, to); }
int fcntl(int fd, int command, long argument) { return call(__NR_fcntl, fd, command, argument); }
int ioctl(int fd, unsigned long request, void* argument) {
  return call(__NR_ioctl, fd, static_cast<long>(request), address(argument));
}
long read(int fd, void* into, size_t size) {
  return checked(raw(__NR_read, fd, address(into), static_cast<long>(size)));
}
long write(int fd, const void* from, size_t size) {
  return checked(raw(__NR_write, fd, address(from), static_cast<long>(size)));
}
int fstat(int fd, void* status) { return call(__NR_fstat, fd, address(status)); }
int fstatfs(int fd, void* status) { return call(__NR_fstatfs, fd, address(status)); }
int fchown(int fd, unsigned uid, unsigned gid) { return call(__NR_fchown, fd, uid, gid); }
int fchmod(int fd, unsigned mode) { return call(__NR_fchmod, fd, mode); }
int faccessat(int dir, const char* path, int mode, int flags) {
  return call(__NR_faccessat2, dir, address(path), mode, flags);
}
int chdir(const char* path) { return call(__NR_chdir, address(path)); }
unsigned umask(unsigned mask) { return static_cast<unsigned>(call(__NR_umask, mask)); }
int poll(void* watched, unsigned long count, int milliseconds) {
  return call(__NR_poll, address(watched), static_cast<long>(count), milliseconds);
}
void* mmap(void* at, size_t size, int protection, int flags, int fd, long offset) {
  register long fourth asm("r10") = flags;
  register long fifth asm("r8") = fd;
  register long sixth asm("r9") = offset;
  long result = __NR_mmap;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(at), "S"(size), "d"(static_cast<long>(protection)), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return reinterpret_cast<void*>(checked(result));
}

// Sockets.
int socket(int domain, int type, int protocol) { return call(__NR_socket, domain, type, protocol); }
long sendmsg(int fd, const void* message, int flags) { return checked(raw(__NR_sendmsg, fd, address(message), flags)); }
long recv(int fd, void* into, size_t size, int flags) {
  return checked(raw(__NR_recvfrom, fd, address(into), static_cast<long>(size), flags));
}

// Processes.
int execve(const char* file, char* const* arguments, char* const* environment) {
  return call(__NR_execve, address(file), address(arguments), address(environment));
}
int kill(int pid, int number) { return call(__NR_kill, pid, number); }
int setsid() { return call(__NR_setsid); }
int setpgid(int pid, int group) { return call(__NR_setpgid, pid, group); }
int setns(int fd, int type) { return call(__NR_setns, fd, type); }
int unshare(int flags) { return call(__NR_unshare, flags); }
int sethostname(const char* name, size_t size) { return call(__NR_sethostname, address(name), size); }
int personality(unsigned long value) { return call(__NR_personality, static_cast<long>(value)); }
int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return call(__NR_prctl, option, static_cast<long>(a), static_cast<long>(b), static_cast<long>(c),
              static_cast<long>(d));
}
int getrlimit(unsigned resource, void* limit) { return call(__NR_prlimit64, 0, resource, 0, address(limit)); }
int setrlimit(unsigned resource, const void* limit) { return call(__NR_prlimit64, 0, resource, address(limit), 0); }
int waitid(unsigned type, unsigned id, void* info, int options) {
  return call(__NR_waitid, type, id, address(info), options, 0);
}
long syscall(long number, long a, long b, long c, long d, long e) { return checked(raw(number, a, b, c, d, e)); }

// Time.
int clock_gettime(int clock, void* time) { return call(__NR_clock_gettime, clock, address(time)); }
int nanosleep(const void* time, void* rest) { return call(__NR_nanosleep, address(time), address(rest)); }

// Signals. A set is one 64-bit word for the kernel; glibc's type is larger.
int __libc_current_sigrtmax() { return 64; }
int sigemptyset(unsigned long* set) { return static_cast<int>(*set = 0); }
int sigfillset(unsigned long* set) {
  *set = ~0UL;
  return 0;
}
int sigaddset(unsigned long* set, int number) {
  *set |= 1UL << (number - 1);
  return 0;
}
int sigprocmask(int how, const unsigned long* set, unsigned long* former) {
  return call(__NR_rt_sigprocmask, how, address(set), address(former), signal_set_size);
}
int signalfd(int fd, const unsigned long* set, int flags) {
  return call(__NR_signalfd4, fd, address(set), signal_set_size, flags);
}
// Only to set a disposition without a handler function, so that no restorer is needed.
int sigaction(int number, void (*const* action)(int), void*) {
  const struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  } plain{*action, 0, nullptr, 0};
  return call(__NR_rt_sigaction, number, address(&plain), 0, signal_set_size);
}

// Memory and text.
void* memcpy(void* to, const void* from, size_t size) {
  void* const result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return result;
}
void* memset(void* to, int value, size_t size) {
  void* const result = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return result;
}
void* memchr(const void* in, int value, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(in);
  for (size_t i = 0; i < size; ++i)
    if (bytes[i] == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(bytes + i);
  return nullptr;
}
size_t strnlen(const char* text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length] != '\0') ++length;
  return length;
}
size_t strlen(const char* text) { return strnlen(text, ~size_t{0}); }
char* strchr(const char* text, int wanted) {
  for (;; ++text) {
    if (*text == static_cast<char>(wanted)) return const_cast<char*>(text);
    if (*text == '\0') return nullptr;
  }
}
size_t strcspn(const char* text, const char* stops) {
  size_t length = 0;
  while (text[length] != '\0' && strchr(stops, text[length]) == nullptr) ++length;
  return length;
}
int strncmp(const char* a, const char* b, size_t limit) {
  for (size_t i = 0; i < limit; ++i) {
    if (a[i] != b[i]) return static_cast<unsigned char>(a[i]) - static_cast<unsigned char>(b[i]);
    if (a[i] == '\0') return 0;
  }
  return 0;
}

// The texts of glibc, for what the calls above can fail with.
const char* strerrordesc_np(int number) {
  switch (number) {
    case EPERM: return "Operation not permitted";
    case ENOENT: return "No such file or directory";
    case ESRCH: return "No such process";
    case EINTR: return "Interrupted system call";
    case EIO: return "Input/output error";
    case ENXIO: return "No such device or address";
    case E2BIG: return "Argument list too long";
    case ENOEXEC: return "Exec format error";
    case EBADF: return "Bad file descriptor";
    case EAGAIN: return "Resource temporarily unavailable";
    case ENOMEM: return "Cannot allocate memory";
    case EACCES: return "Permission denied";
    case EFAULT: return "Bad address";
    case EBUSY: return "Device or resource busy";
    case ENODEV: return "No such device";
    case ENOTDIR: return "Not a directory";
    case EISDIR: return "Is a directory";
    case EINVAL: return "Invalid argument";
    case ENFILE: return "Too many open files in system";
    case EMFILE: return "Too many open files";
    case ENOTTY: return "Inappropriate ioctl for device";
    case ETXTBSY: return "Text file busy";
    case ENOSPC: return "No space left on device";
    case EROFS: return "Read-only file system";
    case ENAMETOOLONG: return "File name too long";
    case ENOSYS: return "Function not implemented";
    case ELOOP: return "Too many levels of symbolic links";
    case ELIBBAD: return "Accessing a corrupted shared library";
    case EOPNOTSUPP: return "Operation not supported";
    case ETIMEDOUT: return "Connection timed out";
    case ESTALE: return "Stale file handle";
    case EUSERS: return "Too many users";
    case EDQUOT: return "Disk quota exceeded";
    case EXDEV: return "Invalid cross-device link";
    default: return nullptr;
  }
}

// The kernel's stack at the start: the number of arguments, these, NULL, the environment, NULL, then pairs of
// auxiliary values, one of which points to random bytes for the canary.
[[noreturn, gnu::used]] void runtime_start(const unsigned long* stack) {
  const unsigned long* word = stack + 1 + stack[0] + 1;
  environ = reinterpret_cast<char**>(const_cast<unsigned long*>(word));
  while (*word != 0) ++word;
  for (++word; word[0] != AT_NULL; word += 2)
    if (word[0] == AT_RANDOM) thread_block[5] = *reinterpret_cast<const unsigned long*>(word[1]) & ~0xffUL;
  thread_block[0] = reinterpret_cast<unsigned long>(thread_block);
  raw(__NR_arch_prctl, ARCH_SET_FS, address(thread_block));
  _exit(main());
}

}  // extern "C"

asm(".globl _start\n"
    ".type _start, @function\n"
    "_start:\n"
    "  xorl %ebp, %ebp\n"
    "  movq %rsp, %rdi\n"
    "  andq $-16, %rsp\n"
    "  call runtime_start\n"
    "  hlt\n");

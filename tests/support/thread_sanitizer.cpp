// Linked in where the thread sanitizer is. gcc 12's does not know pthread_rwlock_clockrdlock(3) and _clockwrlock(3), by
// which libstdc++ waits for a std::shared_timed_mutex on the steady clock: what such a lock guards would look
// unguarded. Here they are made of functions that it does know. Should somebody set the machine's clock meanwhile, they
// wait for longer or shorter.
//
// Its clone(2) believes that the child has memory of its own, and has it stop looking: where the memory is shared, as
// with vfork(2), it is the parent in which it then sees no lock any more. Here it does not hear of the child.
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <time.h>

namespace {

timespec on_real_time(clockid_t clock, const timespec& when) {
  timespec now{}, real{};
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &real);
  real.tv_sec += when.tv_sec - now.tv_sec;
  real.tv_nsec += when.tv_nsec - now.tv_nsec;
  constexpr long second = 1'000'000'000;
  if (real.tv_nsec < 0) {
    real.tv_nsec += second;
    --real.tv_sec;
  } else if (real.tv_nsec >= second) {
    real.tv_nsec -= second;
    ++real.tv_sec;
  }
  return real;
}

}  // namespace

extern "C" int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* when) {
  const timespec real = on_real_time(clock, *when);
  return pthread_rwlock_timedrdlock(lock, &real);
}

extern "C" int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* when) {
  const timespec real = on_real_time(clock, *when);
  return pthread_rwlock_timedwrlock(lock, &real);
}

extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);  // the C library's own

extern "C" int clone(int (*function)(void*), void* stack, int flags, void* argument, ...) noexcept {
  va_list more;
  va_start(more, argument);
  void* const parent = va_arg(more, void*);
  void* const storage = va_arg(more, void*);
  void* const child = va_arg(more, void*);
  va_end(more);
  return __clone(function, stack, flags, argument, parent, storage, child);
}

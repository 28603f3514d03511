#include "launch/helper/spec_reader.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace unionroot::helper {

using launch::wire::Header;
using launch::wire::Limit;

namespace {

// Walks the strings at the end of the file.
class Strings {
 public:
  Strings(char* start, char* end) : next_(start), end_(end) {}
  // nullptr once the file is over.
  char* next() {
    if (next_ == nullptr || next_ >= end_) return next_ = nullptr;
    char* const found = next_;
    char* const zero = static_cast<char*>(memchr(found, '\0', static_cast<size_t>(end_ - found)));
    if (zero == nullptr) return next_ = nullptr;
    next_ = zero + 1;
    return found;
  }
  template <typename Pointer>
  bool fill(Pointer* into, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      into[i] = next();
      if (into[i] == nullptr) return false;
    }
    return true;
  }
  [[nodiscard]] bool at_end() const { return next_ == end_; }

 private:
  char* next_;
  char* end_;
};

void* map(size_t size, int descriptor) {
  void* const mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                            descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE, descriptor, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

}  // namespace

bool read_spec(int descriptor, Spec& spec) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || status.st_size < static_cast<off_t>(sizeof(Header))) return false;
  const auto size = static_cast<size_t>(status.st_size);
  char* const base = static_cast<char*>(map(size, descriptor));
  if (base == nullptr) return false;
  const auto* const header = reinterpret_cast<const Header*>(base);
  if (header->magic != launch::wire::magic || header->size != size || header->arguments == 0) return false;
  const size_t fixed = sizeof(Header) + header->limits * sizeof(Limit) + header->groups * sizeof(uint32_t);
  // Each string takes a byte at least, so that the counts cannot exceed the size.
  if (fixed > size || size_t{header->arguments} + header->environment + header->directories > size - fixed)
    return false;
  const size_t slots = 3 + size_t{header->arguments} + header->environment + header->directories;
  auto** const pointers = static_cast<char**>(map(slots * sizeof(char*), -1));
  if (pointers == nullptr) return false;

  spec.header = header;
  spec.limits = reinterpret_cast<const Limit*>(base + sizeof(Header));
  spec.groups = reinterpret_cast<const uint32_t*>(base + sizeof(Header) + header->limits * sizeof(Limit));
  spec.arguments = pointers + 1;
  spec.environment = spec.arguments + header->arguments + 1;
  spec.directories = const_cast<const char**>(spec.environment + header->environment + 1);
  Strings strings(base + fixed, base + size);
  spec.session = strings.next();
  spec.run = strings.next();
  spec.host_name = strings.next();
  spec.file = strings.next();
  return spec.file != nullptr && strings.fill(spec.arguments, header->arguments) &&
         strings.fill(spec.environment, header->environment) && strings.fill(spec.directories, header->directories) &&
         strings.at_end();
}

}  // namespace unionroot::helper

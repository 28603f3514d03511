#include "launch/helper/spec_reader.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace unionroot::helper {

using launch::wire::Header;
using launch::wire::Limit;
using launch::wire::Scheduling;

namespace {

// Reads the strings at the end of the file.
class Strings {
 public:
  Strings(char* start, char* end) : next_(start), end_(end) {}
  // nullptr: there are no more strings.
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
  const bool has_scheduling = (header->flags & launch::wire::has_scheduling) != 0;
  const size_t before_groups =
      sizeof(Header) + header->limits * sizeof(Limit) + (has_scheduling ? sizeof(Scheduling) : 0);
  const size_t fixed = before_groups + header->groups * sizeof(uint32_t);
  // Each string takes at least one byte, so this limits the counts.
  const size_t strings = size_t{header->arguments} + header->environment + header->directories + header->joined;
  if (fixed > size || strings > size - fixed) return false;
  const size_t slots = 3 + strings;
  auto** const pointers = static_cast<char**>(map(slots * sizeof(char*), -1));
  if (pointers == nullptr) return false;

  spec.header = header;
  spec.limits = reinterpret_cast<const Limit*>(base + sizeof(Header));
  if (has_scheduling) spec.scheduling = reinterpret_cast<const Scheduling*>(base + before_groups - sizeof(Scheduling));
  if (spec.scheduling != nullptr && spec.scheduling->mask_size > launch::wire::longest_mask) return false;
  spec.groups = reinterpret_cast<const uint32_t*>(base + before_groups);
  spec.arguments = pointers + 1;
  spec.environment = spec.arguments + header->arguments + 1;
  spec.directories = const_cast<const char**>(spec.environment + header->environment + 1);
  spec.joined = spec.directories + header->directories;
  Strings rest(base + fixed, base + size);
  spec.session = rest.next();
  spec.run = rest.next();
  spec.host_name = rest.next();
  spec.place = rest.next();
  spec.file = rest.next();
  return spec.file != nullptr && rest.fill(spec.arguments, header->arguments) &&
         rest.fill(spec.environment, header->environment) && rest.fill(spec.directories, header->directories) &&
         rest.fill(spec.joined, header->joined) && rest.at_end();
}

}  // namespace unionroot::helper

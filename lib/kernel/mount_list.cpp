#include "kernel/mount_list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/text.h"

namespace unionroot::kernel {

namespace {

// linux/mount.h and asm/unistd.h of Linux 6.13. The headers of older systems lack them. The numbers are the same on
// every architecture.
constexpr long statmount_number = 457;
constexpr long listmount_number = 458;
constexpr unsigned statx_unique_mount_id = 0x4000;
constexpr std::uint64_t all_of_namespace = ~std::uint64_t{0};
constexpr std::uint64_t sb_basic = 0x1, mnt_basic = 0x2, mnt_root = 0x8, mnt_point = 0x10, fs_type = 0x20,
                        sb_source = 0x200;
constexpr std::uint64_t wanted = sb_basic | mnt_basic | mnt_root | mnt_point | fs_type | sb_source;

struct Request {
  std::uint32_t size = sizeof(Request);
  std::uint32_t spare = 0;
  std::uint64_t id = 0;
  std::uint64_t parameter = 0;
};

// struct statmount. Texts are offsets into what follows it.
struct Answer {
  std::uint32_t size, options;
  std::uint64_t mask;
  std::uint32_t device_major, device_minor;
  std::uint64_t magic;
  std::uint32_t super_flags, type;
  std::uint64_t id, parent;
  std::uint32_t reused_id, reused_parent;
  std::uint64_t attributes, propagation, peer_group, master, propagate_from;
  std::uint32_t root, target;
  std::uint64_t name_space;
  std::uint32_t subtype, source;
  std::array<std::uint64_t, 48> later;
};
static_assert(sizeof(Answer) == 512);

constexpr std::size_t first_size = 4096, most_size = std::size_t{1} << 20;  // bytes

class Texts {
 public:
  explicit Texts(const std::vector<char>& buffer) : buffer_(buffer) {}

  [[nodiscard]] std::string at(std::uint32_t offset) const {
    const auto begin = sizeof(Answer) + offset;
    if (begin >= buffer_.size()) return {};
    return {buffer_.data() + begin, ::strnlen(buffer_.data() + begin, buffer_.size() - begin)};
  }

 private:
  const std::vector<char>& buffer_;
};

// statx(2) with the unique id, which FUSE may refuse even to root.
std::optional<std::uint64_t> unique_id_of(int descriptor) {
  struct statx facts {};
  if (::statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, statx_unique_mount_id, &facts) != 0 ||
      (facts.stx_mask & statx_unique_mount_id) == 0)
    return std::nullopt;
  return facts.stx_mnt_id;
}

}  // namespace

std::optional<std::vector<std::uint64_t>> list_mounts() {
  std::vector<std::uint64_t> ids;
  std::array<std::uint64_t, 512> some{};
  for (;;) {
    const Request request{.id = all_of_namespace, .parameter = ids.empty() ? 0 : ids.back()};
    const auto count = ::syscall(listmount_number, &request, some.data(), some.size(), 0);
    if (count < 0) return std::nullopt;
    ids.insert(ids.end(), some.begin(), some.begin() + count);
    if (static_cast<std::size_t>(count) < some.size()) return ids;
  }
}

MountAnswer look_at_mount(std::uint64_t unique_id, Mount& mount) {
  const Request request{.id = unique_id, .parameter = wanted};
  std::vector<char> buffer(first_size);
  // EOVERFLOW: the texts are longer than the buffer.
  while (::syscall(statmount_number, &request, buffer.data(), buffer.size(), 0) != 0) {
    if (errno == ENOENT) return MountAnswer::gone;
    if (errno != EOVERFLOW || buffer.size() >= most_size) return MountAnswer::not_told;
    buffer.assign(buffer.size() * 2, 0);
  }
  Answer answer{};
  std::memcpy(&answer, buffer.data(), sizeof answer);
  if ((answer.mask & wanted) != wanted) return MountAnswer::not_told;
  const Texts texts(buffer);
  mount = {.id = answer.reused_id,
           .parent = answer.reused_parent,
           .device = base::concat(answer.device_major, ":", answer.device_minor),
           .root = texts.at(answer.root),
           .target = texts.at(answer.target),
           .type = texts.at(answer.type),
           .source = texts.at(answer.source)};
  return MountAnswer::found;
}

std::optional<Mount> mount_of(int descriptor) {
  if (const auto unique = unique_id_of(descriptor)) {
    Mount mount;
    switch (look_at_mount(*unique, mount)) {
      case MountAnswer::found: return mount;
      case MountAnswer::gone: return std::nullopt;
      case MountAnswer::not_told: break;
    }
  }
  const auto id = try_mount_id(descriptor);
  if (!id) return std::nullopt;
  return read_mount(*id);
}

}  // namespace unionroot::kernel

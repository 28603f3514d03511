// The launch spec: what the launcher writes, the helper reads. First byte of the input: even: a spec is made of the
// rest; odd: the rest is the file, with the right magic number and size.
#include <sys/mman.h>

#include <cstring>
#include <memory>

#include "base/text.h"
#include "fuzz.h"
#include "input.h"
#include "launch/helper/spec_reader.h"
#include "launch/spec_file.h"

namespace {

// What the helper maps. It would stay mapped as long as the process lives; and a sanitizer sees no reading beyond the
// end of a page.
std::vector<std::unique_ptr<char[]>> mapped;
std::string_view file;

}  // namespace

// spec_reader.cpp is compiled with this name in the place of mmap(2).
extern "C" void* unionroot_fuzz_mmap(void* /*address*/, size_t size, int /*protection*/, int /*flags*/, int descriptor,
                                     off_t /*offset*/) {
  mapped.emplace_back(new char[size]());
  if (descriptor >= 0) std::memcpy(mapped.back().get(), file.data(), size);
  return mapped.back().get();
}

namespace unionroot::fuzz {

namespace {

using launch::LaunchSpec;

bool read(std::string_view bytes, helper::Spec& spec) {
  mapped.clear();
  file = bytes;
  const auto descriptor = launch::sealed_file(std::string(bytes));
  return helper::read_spec(descriptor.get(), spec);
}

std::string written(const LaunchSpec& spec) {
  auto bytes = launch::serialize(spec, {.cgroup = true});
  if (planted && spec.environment.size() > 2 && spec.groups.empty())
    bytes[bytes.find('\0', sizeof(launch::wire::Header))] = 'x';
  return bytes;
}

LaunchSpec spec_of(Input& input) {
  LaunchSpec spec;
  spec.session = input.word();
  spec.run = input.word();
  spec.host_name = input.word();
  spec.login_shell = input.number() % 2 == 1;
  spec.uid = input.number<std::uint32_t>();
  spec.gid = input.number<std::uint32_t>();
  for (auto count = input.number() % 8; count > 0; --count) spec.groups.push_back(input.number<std::uint32_t>());
  for (auto count = input.number() % 4; count > 0; --count)
    spec.limits.emplace_back(input.number(), rlimit{input.number<std::uint64_t>(), input.number<std::uint64_t>()});
  for (auto* const list : {&spec.arguments, &spec.environment, &spec.directories, &spec.joined_groups})
    for (auto count = input.number() % 8; count > 0; --count) list->push_back(input.word());
  if (input.number() % 2 == 1) {
    auto& scheduling = spec.scheduling.emplace();
    scheduling.nice = input.number<std::int8_t>();
    scheduling.processors = input.word();
  }
  return spec;
}

void check_list(const std::vector<std::string>& expected, const char* const* found, std::uint32_t count) {
  require(count == expected.size(), "the helper knows how many there are");
  for (std::uint32_t i = 0; i < count; ++i)
    require(expected[i] == found[i], "the helper reads what was written", found[i]);
}

void check_written(Input input) {
  const auto wanted = spec_of(input);
  std::string bytes;
  try {
    bytes = written(wanted);
  } catch (const base::Error& refusal) {
    return require_showable(refusal);
  }
  helper::Spec spec;
  require(read(bytes, spec), "the helper can read what was written");
  require(spec.session == wanted.session && spec.run == wanted.run && spec.host_name == wanted.host_name &&
              spec.place == wanted.place,
          "the helper knows names");
  require(spec.file == wanted.arguments.at(0), "the helper knows the file", spec.file);
  require(spec.header->uid == wanted.uid && spec.header->gid == wanted.gid, "the helper knows the user");
  require(std::equal(wanted.groups.begin(), wanted.groups.end(), spec.groups, spec.groups + spec.header->groups),
          "the helper knows groups");
  require(spec.header->limits == wanted.limits.size(), "the helper knows limits");
  for (std::size_t i = 0; i < wanted.limits.size(); ++i)
    require(spec.limits[i].soft == wanted.limits[i].second.rlim_cur &&
                spec.limits[i].hard == wanted.limits[i].second.rlim_max,
            "a limit is read as it was written");
  auto arguments = wanted.arguments;
  if (wanted.login_shell) arguments[0] = spec.arguments[0];
  check_list(arguments, spec.arguments, spec.header->arguments);
  check_list(wanted.environment, spec.environment, spec.header->environment);
  check_list(wanted.directories, spec.directories, spec.header->directories);
  check_list(wanted.joined_groups, spec.joined, spec.header->joined);
  require((spec.scheduling != nullptr) == wanted.scheduling.has_value(),
          "the helper knows whether there are priorities");
  if (wanted.scheduling)
    require(spec.scheduling->nice == wanted.scheduling->nice &&
                std::string_view(reinterpret_cast<const char*>(spec.scheduling->mask), spec.scheduling->mask_size) ==
                    wanted.scheduling->processors.substr(0, launch::wire::longest_mask),
            "priorities are read as they were written");
  require(spec.arguments[spec.header->arguments] == nullptr && spec.environment[spec.header->environment] == nullptr,
          "a list has its end");
}

// Whatever is in the file, what is read of it lies in it.
void check_raw(std::string_view input) {
  std::string bytes(input);
  const std::uint32_t right[] = {launch::wire::magic, static_cast<std::uint32_t>(bytes.size())};
  std::memcpy(bytes.data(), right, std::min(sizeof right, bytes.size()));
  helper::Spec spec;
  if (!read(bytes, spec)) return;
  std::size_t all = std::strlen(spec.session) + std::strlen(spec.run) + std::strlen(spec.host_name) +
                    std::strlen(spec.place) + std::strlen(spec.file) + 5;
  for (std::uint32_t i = 0; i < spec.header->arguments; ++i) all += std::strlen(spec.arguments[i]) + 1;
  for (std::uint32_t i = 0; i < spec.header->environment; ++i) all += std::strlen(spec.environment[i]) + 1;
  for (std::uint32_t i = 0; i < spec.header->directories; ++i) all += std::strlen(spec.directories[i]) + 1;
  for (std::uint32_t i = 0; i < spec.header->joined; ++i) all += std::strlen(spec.joined[i]) + 1;
  std::uint64_t sum = 0;
  if (spec.scheduling != nullptr)
    for (std::uint32_t i = 0; i < spec.scheduling->mask_size; ++i) sum += spec.scheduling->mask[i];
  for (std::uint32_t i = 0; i < spec.header->groups; ++i) sum += spec.groups[i];
  for (std::uint32_t i = 0; i < spec.header->limits; ++i) sum += spec.limits[i].soft;
  const auto fixed = sizeof(launch::wire::Header) + spec.header->limits * sizeof(launch::wire::Limit) +
                     (spec.scheduling != nullptr ? sizeof(launch::wire::Scheduling) : 0) + spec.header->groups * 4;
  require(fixed + all == bytes.size() && (sum == 0 || fixed != 0), "all of the file is read, and nothing more");
}

}  // namespace

void run(std::string_view input) {
  Input bytes(input);
  if (bytes.number() % 2 == 0)
    check_written(bytes);
  else
    check_raw(bytes.rest());
}

}  // namespace unionroot::fuzz

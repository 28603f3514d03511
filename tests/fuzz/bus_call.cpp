// The bodies of calls, as the daemon reads them. First byte of the input: the method; odd: the rest is the body as it
// comes over the bus; even: the client encodes a body from it, and the daemon must read the same.
#include <fcntl.h>

#include "base/text.h"
#include "bus_values.h"
#include "daemon/calls.h"
#include "fuzz.h"
#include "raw_bus.h"

namespace unionroot::fuzz {

namespace {

using namespace cli::bus;

enum Method { begin, run_command, end, recover };
constexpr const char* signatures[] = {"sa{sv}", "sasa{sv}hhh", "sa{sv}", "sa{sv}"};
constexpr std::size_t most_bytes = daemon::most_bytes_of_a_call;

daemon::BeginCall read_begin(const sdbus::Message& message) {
  auto call = daemon::read_begin(message);
  if (planted && call.request.wait && call.request.options.size() > 1)
    call.request.options.erase(call.request.options.begin());
  return call;
}

void check_word(const std::string& text, std::size_t longest) {
  require(text.size() <= longest, "the limit of a text is kept", text);
  require(text.find('\0') == text.npos, "a text has no NUL", text);
}

void check_words(const std::vector<std::string>& words) {
  std::size_t bytes = 0;
  for (const auto& word : words) {
    check_word(word, most_bytes);
    bytes += word.size() + daemon::bytes_of_a_string;
  }
  require(bytes <= most_bytes, "the limit of a call is kept");
}

void check_begin(const daemon::BeginCall& call) {
  check_word(call.request.name, 256);
  require(call.request.options.size() <= 64, "the limit of pairs is kept");
  for (const auto& [key, value] : call.request.options) {
    check_word(key, 4096);
    check_word(value, 4096);
  }
}

void check_run(const daemon::RunCall& call) {
  check_word(call.request.user, 256);
  check_word(call.request.directory, 4096);
  check_word(call.request.callers_directory, 4096);
  check_word(call.request.shell, 4096);
  check_words(call.request.command);
  check_words(call.request.environment);
  check_words(call.request.set_environment);
  for (const int descriptor : call.request.standard)
    require(descriptor > 2 && (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0, "a descriptor is closed by exec");
}

void read_raw(Method method, std::string_view body) {
  const RawMessage message(signatures[method], body, method == run_command ? 3 : 0);
  switch (method) {
    case begin: return check_begin(read_begin(message.get()));
    case run_command: return check_run(daemon::read_run(message.get()));
    case end: return check_word(daemon::read_end(message.get(), std::nullopt).session, most_bytes);
    case recover: return check_word(daemon::read_recover(message.get(), std::nullopt).session, most_bytes);
  }
}

// What the client means by "name" and "user-data" is what the daemon is told. A value of another type is refused.
void read_encoded(Input input) {
  static const std::vector<std::string> keys{"name", "wait", "user-data", "progress", "nothing"};
  const auto chroot = take_text(input);
  Options options;
  for (auto count = input.number() % 6; count > 0; --count) {
    auto option = take_option(input, keys);
    options.emplace_back(std::move(option.key), std::move(option.value));
  }
  const Body body = Body().text(chroot).options(options);
  const RawMessage message(body.signature().c_str(), body.bytes(), 0);
  const auto call = read_begin(message.get());
  require(call.request.selected_name == chroot, "the daemon is told the chroot", chroot);
  for (const auto& [key, value] : options) {
    require(key != "nothing", "an option that is not known is refused");
    if (const auto* const text = std::get_if<std::string>(&value))
      require(key == "name" && call.request.name == *text, "the daemon is told the name", *text);
    else if (const auto* const bytes = std::get_if<Bytes>(&value))
      require(key == "name" && call.request.name == bytes->value, "the daemon is told the name", bytes->value);
    else if (const auto* const pairs = std::get_if<std::map<std::string, std::string>>(&value))
      require(key == "user-data" && call.request.options == *pairs, "the daemon is told all pairs");
    else
      require(key == "wait" || key == "progress", "a number is no text", key);
  }
}

}  // namespace

void run(std::string_view input) {
  Input bytes(input);
  const auto first = bytes.number();
  try {
    if (first % 2 == 1)
      read_raw(static_cast<Method>(first / 2 % 4), bytes.rest());
    else
      read_encoded(bytes);
  } catch (const base::Error& refusal) {
    require(refusal.code() == base::ErrorCode::invalid_argument, "a bad call is an invalid argument", refusal.what());
    require_showable(base::Error(refusal.code(), base::as_utf8(refusal.what()), base::as_utf8(refusal.hint())));
  }
}

}  // namespace unionroot::fuzz

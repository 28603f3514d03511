#include "daemon/calls.h"

#include <chrono>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t longest_name = 256;
constexpr unsigned most_clones = 1000;  // of one call

std::optional<std::chrono::milliseconds> wait_of(const OptionValue& value) {
  const auto wait = value.integer(-1, std::numeric_limits<std::int64_t>::max() / 1'000'000);
  if (wait == 0) return std::nullopt;
  return std::chrono::milliseconds(wait);
}

std::uint32_t progress_of(const OptionValue& value) {
  return static_cast<std::uint32_t>(value.integer(0, std::numeric_limits<std::uint32_t>::max()));
}

unsigned short size_of(const OptionValue& value) { return static_cast<unsigned short>(value.integer(0, 65535)); }

// The command comes as an argument of the method, or as an option of that name, which may be bytes.
void choose_command(std::vector<std::string> argument, std::optional<std::vector<std::string>> option,
                    session::RunRequest& request) {
  if (option && !argument.empty())
    throw base::Error(base::ErrorCode::invalid_argument,
                      "Run: the command is there twice, as the argument `arguments` and as the option of that name",
                      "leave one of them empty");
  request.command = option ? std::move(*option) : std::move(argument);
}

std::chrono::milliseconds limit_of(const OptionValue& value) {
  constexpr std::int64_t longest = std::int64_t{10} * 365 * 86'400'000;
  return std::chrono::milliseconds(value.integer(0, longest));
}

// Of who goes on without a client: it has no terminal, and the supervisor keeps its time.
void require_detachable(const session::RunRequest& request, bool has_limit) {
  const auto refuse = [](const char* what, const char* hint) {
    throw base::Error(base::ErrorCode::invalid_argument, base::concat("Run: ", what), hint);
  };
  if (request.detached && request.terminal)
    refuse("a detached command has no terminal", "leave out `terminal` or `detach`");
  if (!request.detached && has_limit)
    refuse("`timeout` and `kill-after` are of detached commands alone", "else the client ends the command in time");
}

// method: its name, for messages.
void require_few(const char* method, const char* what, const std::vector<std::string>& texts) {
  constexpr std::size_t most = 1000, most_bytes = std::size_t{64} << 10;
  std::size_t bytes = 0;
  for (const auto& text : texts) bytes += text.size();
  if (texts.size() <= most && bytes <= most_bytes) return;
  throw base::Error(base::ErrorCode::invalid_argument,
                    base::concat(method, ": ", texts.size(), " ", what, " of ", bytes, " bytes; at most ", most, " of ",
                                 most_bytes, " bytes are taken"),
                    "name a folder that they are in");
}

// Relative to the session's root, without "." and "..".
std::vector<std::string> paths_within(const char* method, const std::vector<std::string>& given) {
  std::vector<std::string> paths;
  for (const auto& path : given) {
    std::vector<std::string> parts;
    for (auto& part : base::split(path, '/')) {
      if (part == "..")
        throw base::Error(base::ErrorCode::invalid_argument,
                          base::concat(method, ": the path ", base::printable(path), " has '..' in it"),
                          "write it out, from the session's root on");
      if (part != ".") parts.push_back(std::move(part));
    }
    paths.push_back(base::join(parts, "/"));
  }
  require_few(method, "paths", paths);
  return paths;
}

std::vector<std::string> patterns(const char* method, const std::vector<std::string>& given,
                                  const char* what = "kept") {
  require_few(method, "patterns", given);
  for (const auto& pattern : given)
    if (pattern.empty() || pattern == "/")
      throw base::Error(base::ErrorCode::invalid_argument,
                        base::concat(method, ": ", "'", pattern, "'", " is no pattern of what is ", what),
                        "give a name or a path, in which * and ? may stand");
  return given;
}

}  // namespace

BeginCall read_begin(const sdbus::Message& message) {
  Arguments arguments("Begin", message);
  BeginCall call;
  auto& request = call.request;
  request.selected_name = arguments.text(longest_path);
  arguments.options({{"name", [&](const auto& value) { request.name = value.text(longest_name); }},
                     {"front-end", [&](const auto& value) { request.front_end = value.boolean(); }},
                     {"wait", [&](const auto& value) { request.wait = wait_of(value); }},
                     {"yield", [&](const auto& value) { request.yields = value.boolean(); }},
                     {"user-data", [&](const auto& value) { request.options = value.pairs(); }},
                     {"confirm", [&](const auto& value) { call.confirm = value.boolean(); }},
                     {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  call.bytes = arguments.bytes();
  return call;
}

RunCall read_run(const sdbus::Message& message) {
  Arguments arguments("Run", message);
  RunCall call;
  auto& request = call.request;
  call.automatic.selected_name = arguments.text(longest_path);
  auto words = arguments.texts();
  std::optional<std::vector<std::string>> words_option;
  bool detached = false;
  std::optional<std::chrono::milliseconds> timeout, grace;
  arguments.options(
      {{"user", [&](const auto& value) { request.user = value.text(longest_name); }},
       {"directory", [&](const auto& value) { request.directory = value.text(longest_path); }},
       {"caller-directory", [&](const auto& value) { request.callers_directory = value.text(longest_path); }},
       {"preserve-environment", [&](const auto& value) { request.preserve_environment = value.boolean(); }},
       {"environment", [&](const auto& value) { request.environment = value.texts(); }},
       {"set-environment", [&](const auto& value) { request.set_environment = value.texts(); }},
       {"shell", [&](const auto& value) { request.shell = value.text(longest_path); }},
       {"terminal", [&](const auto& value) { request.terminal = value.boolean(); }},
       {"rows", [&](const auto& value) { request.rows = size_of(value); }},
       {"columns", [&](const auto& value) { request.columns = size_of(value); }},
       {"detach", [&](const auto& value) { detached = value.boolean(); }},
       {"timeout", [&](const auto& value) { timeout = limit_of(value); }},
       {"kill-after", [&](const auto& value) { grace = limit_of(value); }},
       {"term", [&](const auto& value) { request.terminal_type = value.text(longest_name); }},
       {"wait", [&](const auto& value) { call.automatic.wait = wait_of(value); }},
       {"yield", [&](const auto& value) { call.automatic.yields = value.boolean(); }},
       {"front-end", [&](const auto& value) { call.automatic.front_end = request.front_end = value.boolean(); }},
       {"user-data", [&](const auto& value) { call.automatic.options = value.pairs(); }},
       {"arguments", [&](const auto& value) { words_option = value.texts(); }},
       {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  choose_command(std::move(words), std::move(words_option), request);
  constexpr std::chrono::seconds usual_grace{10};
  if (detached) request.detached = {timeout.value_or(std::chrono::milliseconds::zero()), grace.value_or(usual_grace)};
  require_detachable(request, timeout || grace);
  for (int& descriptor : request.standard) descriptor = arguments.descriptor();
  call.interactive = arguments.interactive();
  call.bytes = arguments.bytes();
  return call;
}

EndCall read_end(const sdbus::Message& message, const std::optional<std::string>& session) {
  Arguments arguments("End", message);
  EndCall call;
  call.interactive = arguments.interactive();
  call.session = session ? *session : arguments.text(longest_path);
  arguments.options({{"force", [&](const auto& value) { call.wish.force = value.boolean(); }},
                     {"discard", [&](const auto& value) { call.wish.discard = value.boolean(); }},
                     {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  return call;
}

RecoverCall read_recover(const sdbus::Message& message, const std::optional<std::string>& session) {
  Arguments arguments("Recover", message);
  RecoverCall call;
  call.interactive = arguments.interactive();
  call.session = session ? *session : arguments.text(longest_path);
  arguments.options({{"accept-source", [&](const auto& value) { call.accept_source = value.boolean(); }},
                     {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  return call;
}

DiffCall read_diff(const sdbus::Message& message) {
  Arguments arguments("Diff", message);
  DiffCall call;
  call.session = arguments.text(longest_path);
  arguments.options({{"paths", [&](const auto& value) { call.paths = paths_within("Diff", value.texts()); }}});
  call.output = arguments.descriptor();
  call.bytes = arguments.bytes();
  return call;
}

store::HistoryWish read_history(const sdbus::Message& message) {
  // The answer is sent as a whole, and others wait for that long.
  constexpr unsigned most = 256;
  Arguments arguments("History", message);
  store::HistoryWish wish;
  wish.limit = most;
  const auto number = [](const OptionValue& value) {
    return value.integer(1, std::numeric_limits<std::int64_t>::max());
  };
  arguments.options(
      {{"name", [&](const auto& value) { wish.name = value.text(longest_path); }},
       {"before", [&](const auto& value) { wish.before = static_cast<std::uint64_t>(number(value)); }},
       {"limit", [&](const auto& value) { wish.limit = static_cast<unsigned>(value.integer(1, most)); }}});
  return wish;
}

ResetCall read_reset(const sdbus::Message& message) {
  Arguments arguments("Reset", message);
  ResetCall call;
  call.session = arguments.text(longest_path);
  arguments.options({{"paths", [&](const auto& value) { call.paths = paths_within("Reset", value.texts()); }},
                     {"keep", [&](const auto& value) { call.keep = patterns("Reset", value.texts()); }},
                     {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  call.bytes = arguments.bytes();
  return call;
}

SnapshotCall read_snapshot(const sdbus::Message& message) {
  Arguments arguments("Snapshot", message);
  SnapshotCall call;
  call.session = arguments.text(longest_path);
  arguments.options({{"name", [&](const auto& value) { call.name = value.text(longest_name); }},
                     {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  return call;
}

RollbackCall read_rollback(const sdbus::Message& message) {
  Arguments arguments("Rollback", message);
  RollbackCall call;
  call.session = arguments.text(longest_path);
  call.snapshot = arguments.text(longest_name);
  arguments.options({{"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  return call;
}

CloneCall read_clone(const sdbus::Message& message) {
  Arguments arguments("Clone", message);
  CloneCall call;
  call.session = arguments.text(longest_path);
  arguments.options(
      {{"snapshot", [&](const auto& value) { call.snapshot = value.text(longest_name); }},
       {"name", [&](const auto& value) { call.name = value.text(longest_name); }},
       {"count", [&](const auto& value) { call.count = static_cast<unsigned>(value.integer(1, most_clones)); }},
       {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  return call;
}

KillCall read_kill(const sdbus::Message& message) {
  constexpr int last_standard = 31, first_real_time = 34, last_real_time = 64;
  Arguments arguments("Kill", message);
  KillCall call;
  call.interactive = arguments.interactive();
  call.name = arguments.text(longest_path);
  arguments.options(
      {{"signal", [&](const auto& value) { call.signal = static_cast<int>(value.integer(1, last_real_time)); }}});
  if (call.signal > last_standard && call.signal < first_real_time)
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("Kill: ", call.signal, " is no signal that can be sent"),
                      "signals are 1 to 31 and 34 to 64: signal(7)");
  return call;
}

ApplyCall read_apply(const sdbus::Message& message) {
  Arguments arguments("Apply", message);
  ApplyCall call;
  auto& request = call.request;
  request.session.id = arguments.text(longest_path);
  const auto paths = [](const OptionValue& value) { return paths_within("Apply", value.texts()); };
  arguments.options(
      {{"paths", [&](const auto& value) { request.paths = paths(value); }},
       {"exact", [&](const auto& value) { request.exact = value.boolean(); }},
       {"exclude", [&](const auto& value) { request.exclude = patterns("Apply", value.texts(), "left out"); }},
       {"ours", [&](const auto& value) { request.ours = paths(value); }},
       {"theirs", [&](const auto& value) { request.theirs = paths(value); }},
       {"dry-run", [&](const auto& value) { request.dry_run = value.boolean(); }},
       {"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  if (request.exact && request.paths.empty())
    throw base::Error(base::ErrorCode::invalid_argument, "Apply: `exact` is given without paths", "name the paths");
  call.bytes = arguments.bytes();
  return call;
}

UndoCall read_undo(const sdbus::Message& message) {
  Arguments arguments("Undo", message);
  UndoCall call;
  call.name = arguments.text(longest_name);
  arguments.options({{"progress", [&](const auto& value) { call.progress = progress_of(value); }}});
  return call;
}

}  // namespace unionroot::daemon

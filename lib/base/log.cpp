#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/text.h"

namespace unionroot::base::log {

namespace {

// sd-daemon(3): a line that begins with <N> gets the syslog priority N in the journal.
class PriorityPrefix : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const char* prefix = message.level >= spdlog::level::err    ? "<3>"
                         : message.level == spdlog::level::warn ? "<4>"
                         : message.level == spdlog::level::info ? "<6>"
                                                                : "<7>";
    out.append(prefix, prefix + 3);
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityPrefix>();
  }
};

spdlog::level::level_enum own_level(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("unionrootd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    if (goes_to_journal()) {
      auto formatter = std::make_unique<spdlog::pattern_formatter>();
      formatter->add_flag<PriorityPrefix>('*').set_pattern("%*%v");
      made->set_formatter(std::move(formatter));
    } else {
      made->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
    }
    return made;
  }();
  return *instance;
}

// A message may contain text from others. Its further lines are indented, so that none looks like a message of its own.
void write(spdlog::level::level_enum level, std::string_view message) {
  if (!logger().should_log(level)) return;
  std::string text;
  for (const auto& line : split(message, '\n', true))
    text.append(text.empty() ? "" : "\n  ").append(printable(line, std::string_view::npos));
  logger().log(level, "{}", text);
}

}  // namespace

void set_level(Level level) { logger().set_level(own_level(level)); }

bool is_shown(Level level) { return logger().should_log(own_level(level)); }

// The variable alone is not enough: a program between systemd and us may have redirected stderr and passed the variable
// on.
bool goes_to_journal() {
  static const bool answer = [] {
    const char* const stream = ::secure_getenv("JOURNAL_STREAM");
    struct stat facts {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &facts) == 0 &&
           concat(facts.st_dev, ':', facts.st_ino) == stream;
  }();
  return answer;
}

void debug(std::string_view message) { write(spdlog::level::debug, message); }
void info(std::string_view message) { write(spdlog::level::info, message); }
void warning(std::string_view message) { write(spdlog::level::warn, message); }
void error(std::string_view message) { write(spdlog::level::err, message); }

}  // namespace unionroot::base::log

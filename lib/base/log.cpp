#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/text.h"

namespace unionroot::base::log {

namespace {

// sd-daemon(3): a line that begins with <N> has that syslog priority in the journal.
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

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("unionrootd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    if (std::getenv("JOURNAL_STREAM") != nullptr) {
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

// Parts of a message may be others' text. A line of it must not look like a message of its own: so it is indented.
void write(spdlog::level::level_enum level, std::string_view message) {
  if (!logger().should_log(level)) return;
  std::string text;
  for (const auto& line : split(message, '\n', true))
    text.append(text.empty() ? "" : "\n  ").append(printable(line, std::string_view::npos));
  logger().log(level, "{}", text);
}

}  // namespace

void set_level(Level level) {
  switch (level) {
    case Level::debug: logger().set_level(spdlog::level::debug); break;
    case Level::info: logger().set_level(spdlog::level::info); break;
    case Level::warning: logger().set_level(spdlog::level::warn); break;
    case Level::error: logger().set_level(spdlog::level::err); break;
  }
}

void debug(std::string_view message) { write(spdlog::level::debug, message); }
void info(std::string_view message) { write(spdlog::level::info, message); }
void warning(std::string_view message) { write(spdlog::level::warn, message); }
void error(std::string_view message) { write(spdlog::level::err, message); }

}  // namespace unionroot::base::log

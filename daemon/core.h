// What the bus layer needs of the core: session::Manager, or a fake of it in tests/bus.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "session/manager.h"

namespace unionroot::daemon {

// Thread-safe; every method may block. The meaning of each is that of session::Manager's method of the same name.
class Core {
 public:
  virtual ~Core() = default;
  virtual session::SessionView begin(const session::BeginRequest& request) = 0;
  virtual session::Manager::Started run(const session::RunRequest& request) = 0;
  virtual session::Manager::Started run_automatic(const session::BeginRequest& begin, session::RunRequest run) = 0;
  virtual void run_ended(const std::string& run) = 0;
  [[nodiscard]] virtual std::optional<std::string> source_trouble(const definition::Definition& definition) const = 0;
  virtual session::EndResult end(const session::SessionId& session, bool force, session::TellProgress progress,
                                 std::function<bool()> cancelled) = 0;
  virtual session::SessionView recover(const session::SessionId& session, std::function<bool()> cancelled,
                                       session::TellProgress progress) = 0;
  [[nodiscard]] virtual std::vector<session::SessionView> sessions() const = 0;
  [[nodiscard]] virtual std::optional<session::SessionView> find(const std::string& session) const = 0;
  [[nodiscard]] virtual session::SessionView require(const std::string& session) const = 0;
};

}  // namespace unionroot::daemon

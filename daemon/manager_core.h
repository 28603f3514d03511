// The real core: session::Manager behind the Core interface.
#pragma once

#include "daemon/core.h"

namespace unionroot::daemon {

class ManagerCore final : public Core {
 public:
  explicit ManagerCore(session::Manager& manager) : manager_(manager) {}
  session::SessionView begin(const session::BeginRequest& request) override { return manager_.begin(request); }
  session::Manager::Started run(const session::RunRequest& request) override { return manager_.run(request); }
  session::Manager::Started run_automatic(const session::BeginRequest& begin, session::RunRequest run) override {
    return manager_.run_automatic(begin, std::move(run));
  }
  void run_ended(const std::string& run) override { manager_.run_ended(run); }
  [[nodiscard]] std::optional<std::string> source_trouble(const definition::Definition& definition) const override {
    return manager_.source_trouble(definition);
  }
  session::EndResult end(const session::SessionId& session, bool force, session::TellProgress progress,
                         std::function<bool()> cancelled) override {
    return manager_.end(session, force, std::move(progress), std::move(cancelled));
  }
  session::SessionView recover(const session::SessionId& session, std::function<bool()> cancelled,
                               session::TellProgress progress) override {
    return manager_.recover(session, std::move(cancelled), std::move(progress));
  }
  [[nodiscard]] std::vector<session::SessionView> sessions() const override { return manager_.sessions(); }
  [[nodiscard]] std::optional<session::SessionView> find(const std::string& session) const override {
    return manager_.find(session);
  }
  [[nodiscard]] session::SessionView require(const std::string& session) const override {
    return manager_.require(session);
  }

 private:
  session::Manager& manager_;
};

}  // namespace unionroot::daemon

// The objects on the bus, one class for each interface. They parse, and hand on to Requests.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/adaptors.h"  // generated from interfaces/org.unionroot1.xml
#include "daemon/requests.h"

namespace unionroot::daemon {

class ManagerObject final : public sdbus::AdaptorInterfaces<org::unionroot1::Manager_adaptor, sdbus::Properties_adaptor,
                                                            sdbus::ObjectManager_adaptor> {
 public:
  ManagerObject(BusLoop& loop, Requests& requests, const definition::Registry& registry,
                std::vector<std::string> capabilities);
  ~ManagerObject() { unregisterAdaptor(); }
  void problems_changed();
  // To that connection alone.
  void tell_progress(const std::string& caller, std::uint32_t call, const std::string& session,
                     const session::Progress& progress);

 private:
  void Begin(sdbus::Result<std::string, sdbus::ObjectPath>&& result, std::string chroot, Dictionary options) override;
  void Run(sdbus::Result<sdbus::UnixFd, std::string, std::string>&& result, std::string name,
           std::vector<std::string> arguments, Dictionary options, sdbus::UnixFd standard_input,
           sdbus::UnixFd standard_output, sdbus::UnixFd standard_error) override;
  void End(sdbus::Result<std::vector<std::string>>&& result, std::string session, Dictionary options) override;
  void Recover(sdbus::Result<>&& result, std::string session, Dictionary options) override;
  void ListSessions(sdbus::Result<std::vector<Dictionary>>&& result) override;
  std::vector<Dictionary> ListChroots() override;
  void Info(sdbus::Result<Dictionary>&& result, std::string name) override;
  void Location(sdbus::Result<std::string>&& result, std::string session) override;
  void Reload(sdbus::Result<>&& result) override;
  std::string Version() override;
  std::vector<std::string> Problems() override;
  std::vector<std::string> Capabilities() override { return capabilities_; }

  [[nodiscard]] std::string sender() const { return getObject().getCurrentlyProcessedMessage()->getSender(); }

  BusLoop& loop_;
  Requests& requests_;
  const definition::Registry& registry_;
  const std::vector<std::string> capabilities_;
};

// What a session's object shows: a copy, since properties are read on the bus thread, which must not block.
// Shared with the replies that its methods owe; made and let go of on the bus thread.
class SessionObject final : public std::enable_shared_from_this<SessionObject>,
                            public sdbus::AdaptorInterfaces<org::unionroot1::Session_adaptor, sdbus::Properties_adaptor,
                                                            sdbus::ManagedObject_adaptor> {
 public:
  SessionObject(BusLoop& loop, Requests& requests, const session::SessionView& view);
  ~SessionObject() { unregisterAdaptor(); }
  void update(const session::SessionView& view);
  void update(const session::Progress& progress);
  // True if that very session is shown, and not another of its name.
  [[nodiscard]] bool shows(const store::SessionRecord& record) const { return record_.created == record.created; }
  // Another session of that name, begun while this object still owed a reply.
  void become(const session::SessionView& view);

 private:
  void show(const session::SessionView& view);
  void End(sdbus::Result<std::vector<std::string>>&& result, Dictionary options) override;
  void Recover(sdbus::Result<>&& result, Dictionary options) override;
  std::string Id() override { return record_.id; }
  std::string Chroot() override { return record_.chroot; }
  uint32_t Owner() override { return record_.owner; }
  int64_t Created() override { return record_.created; }
  bool Automatic() override { return record_.kind == store::SessionKind::automatic; }
  std::string State() override { return std::string(store::to_string(record_.state)); }
  std::string Location() override { return location_; }
  sdbus::Struct<std::string, uint64_t, uint64_t> Progress() override;

  [[nodiscard]] std::string sender() const { return getObject().getCurrentlyProcessedMessage()->getSender(); }

  BusLoop& loop_;
  Requests& requests_;
  store::SessionRecord record_;  // without its definition text
  std::string location_;
  session::Progress progress_;
};

class ChrootObject final : public sdbus::AdaptorInterfaces<org::unionroot1::Chroot_adaptor, sdbus::Properties_adaptor,
                                                           sdbus::ManagedObject_adaptor> {
 public:
  ChrootObject(BusLoop& loop, definition::DefinitionPtr definition);
  ~ChrootObject() { unregisterAdaptor(); }
  void update(definition::DefinitionPtr definition);

 private:
  std::string Name() override { return definition_->name; }
  std::string Description() override;
  std::string Type() override;
  std::vector<std::string> Aliases() override;
  std::string File() override;

  definition::DefinitionPtr definition_;
};

}  // namespace unionroot::daemon

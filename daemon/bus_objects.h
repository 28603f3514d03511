// The objects on the bus, one class for each interface. They parse, and hand on to Requests. What they register is what
// org.unionroot1.xml says, by hand: message_arguments.h says why.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/bus/object_manager.h"
#include "daemon/requests/requests.h"

namespace unionroot::daemon {

class ManagerObject final : public sdbus::AdaptorInterfaces<sdbus::Properties_adaptor, sdbus::ObjectManager_adaptor> {
 public:
  ManagerObject(BusLoop& loop, Requests& requests, const definition::Registry& registry,
                std::vector<std::string> capabilities);
  ~ManagerObject() { unregisterAdaptor(); }
  void problems_changed();
  // To that connection alone.
  void tell_progress(const std::string& caller, std::uint32_t call, const std::string& session,
                     const session::Progress& progress);
  // signal: SessionNew, SessionRemoved, ChrootNew or ChrootRemoved.
  void announce(const char* signal, const std::string& name, const std::string& path);
  [[nodiscard]] ObjectManager& objects() { return objects_; }

 private:
  static sd_bus* bus_of(sdbus::IObject& object);
  void add_methods();
  void add_signals_and_properties();

  BusLoop& loop_;
  Requests& requests_;
  const definition::Registry& registry_;
  const std::vector<std::string> capabilities_;
  ObjectManager objects_;
};

// What a session's object shows: a copy, since properties are read on the bus thread, which must not block.
// Shared with the replies that its methods owe; made and let go of on the bus thread.
class SessionObject final : public std::enable_shared_from_this<SessionObject>,
                            public ShownObject,
                            public sdbus::AdaptorInterfaces<sdbus::Properties_adaptor, sdbus::ManagedObject_adaptor> {
 public:
  SessionObject(BusLoop& loop, ObjectManager& objects, Requests& requests, const session::SessionView& view);
  ~SessionObject() override { unregisterAdaptor(); }
  void write_interfaces(Answer& answer) const override;
  void update(const session::SessionView& view);
  void update(const session::Progress& progress);
  // True if that very session is shown, and not another of its name.
  [[nodiscard]] bool shows(const store::SessionRecord& record) const { return record_.created == record.created; }
  // Another session of that name, begun while this object still owed a reply.
  void become(const session::SessionView& view);
  // The session has gone. The object stays until each call to it has been answered.
  void leave();

 private:
  void take(const session::SessionView& view);
  void show();
  void add_methods();
  void add_properties();
  // visit(name, whether it changes, getter)
  template <typename Visit>
  void each_property(Visit visit) const;

  BusLoop& loop_;
  ObjectManager& objects_;
  Requests& requests_;
  store::SessionRecord record_;  // without its definition text
  std::string location_;
  session::Progress progress_;
};

class ChrootObject final : public ShownObject,
                           public sdbus::AdaptorInterfaces<sdbus::Properties_adaptor, sdbus::ManagedObject_adaptor> {
 public:
  ChrootObject(BusLoop& loop, ObjectManager& objects, definition::DefinitionPtr definition);
  ~ChrootObject() override { unregisterAdaptor(); }
  void write_interfaces(Answer& answer) const override;
  void update(definition::DefinitionPtr definition);
  // The definition has gone.
  void leave();

 private:
  template <typename Visit>
  void each_property(Visit visit) const;

  ObjectManager& objects_;
  definition::DefinitionPtr definition_;
};

}  // namespace unionroot::daemon

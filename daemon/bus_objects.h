// The objects on the bus, one class for each interface. They parse calls and pass them to Requests. Methods are
// registered by hand, as org.unionroot1.xml describes them; message_arguments.h gives the reason.
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
  // Sends the signal to those who subscribed and may know of the event.
  void tell_event(const events::Event& event);
  // Sends the signal to that connection only.
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

// Keeps a copy of what it shows: properties are read on the bus thread, which must not block. Its methods' pending
// replies share it. Created and destroyed on the bus thread.
class SessionObject final : public std::enable_shared_from_this<SessionObject>,
                            public ShownObject,
                            public sdbus::AdaptorInterfaces<sdbus::Properties_adaptor, sdbus::ManagedObject_adaptor> {
 public:
  SessionObject(BusLoop& loop, ObjectManager& objects, Requests& requests, const session::SessionView& view);
  ~SessionObject() override { unregisterAdaptor(); }
  void write_interfaces(Answer& answer) const override;
  void update(const session::SessionView& view);
  void update(const session::Progress& progress);
  // True if this session is shown, not another one of the same name.
  [[nodiscard]] bool shows(const store::SessionRecord& record) const { return record_.created == record.created; }
  // Shows another session of the same name, begun while a reply of this object was pending.
  void become(const session::SessionView& view);
  // The session is gone. The object lives until each call to it is answered.
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
  // The definition is gone.
  void leave();

 private:
  template <typename Visit>
  void each_property(Visit visit) const;

  ObjectManager& objects_;
  definition::DefinitionPtr definition_;
};

}  // namespace unionroot::daemon

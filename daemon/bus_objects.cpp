#include "daemon/bus_objects.h"

#include <exception>
#include <utility>

#include "daemon/describe.h"
#include "daemon/method.h"
#include "daemon/object_paths.h"

namespace unionroot::daemon {

namespace {

constexpr const char* manager_interface = "org.unionroot1.Manager";
constexpr const char* session_interface = "org.unionroot1.Session";
constexpr const char* chroot_interface = "org.unionroot1.Chroot";

// changes: PropertiesChanged is sent for it; else it never changes.
template <typename Getter>
void add_property(sdbus::IObject& object, const char* interface, const char* name, bool changes, Getter getter) {
  using Value = decltype(getter());
  sdbus::Flags flags;
  if (!changes) flags.set(sdbus::Flags::CONST_PROPERTY_VALUE);
  object.registerProperty(
      interface, name, sdbus::signature_of<Value>::str(),
      [getter = std::move(getter)](sdbus::PropertyGetReply& reply) { guarded_callback([&] { reply << getter(); }); },
      flags);
}

}  // namespace

ManagerObject::ManagerObject(BusLoop& loop, Requests& requests, const definition::Registry& registry,
                             std::vector<std::string> capabilities)
    : AdaptorInterfaces(loop.connection(), manager_path),
      loop_(loop),
      requests_(requests),
      registry_(registry),
      capabilities_(std::move(capabilities)) {
  add_methods();
  add_signals_and_properties();
  registerAdaptor();
}

void ManagerObject::add_methods() {
  auto& object = getObject();
  const char* const interface = manager_interface;
  Method<std::string, sdbus::ObjectPath>(interface, "Begin", "sa{sv}", {"chroot", "options"}, {"session", "path"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.begin(call.getSender(), reply, read_begin(call)); });
  Method<sdbus::UnixFd, std::string, std::string>(
      interface, "Run", "sasa{sv}hhh",
      {"name", "arguments", "options", "standard_input", "standard_output", "standard_error"},
      {"control", "session", "run"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.run(call.getSender(), reply, read_run(call)); });
  Method<std::vector<std::string>>(interface, "End", "sa{sv}", {"session", "options"}, {"left"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.end(call.getSender(), reply, read_end(call, std::nullopt));
      });
  Method<bool>(interface, "Recover", "sa{sv}", {"session", "options"}, {"recovered"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.recover(call.getSender(), reply, read_recover(call, std::nullopt));
      });
  Method<std::vector<Dictionary>>(interface, "ListSessions", "", {}, {"sessions"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.list_sessions(call.getSender(), reply); });
  Method<std::vector<Dictionary>>(interface, "ListChroots", "", {}, {"chroots"})
      .add(object, loop_, [this](const auto& reply, const auto&) {
        std::vector<Dictionary> chroots;
        for (const auto& definition : registry_.snapshot()->chroots) chroots.push_back(list_chroot(*definition));
        reply->send({}, std::move(chroots));
      });
  Method<Dictionary>(interface, "Info", "s", {"name"}, {"info"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.info(call.getSender(), reply, Arguments("Info", call).text());
      });
  Method<std::string>(interface, "Location", "s", {"session"}, {"location"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.location(call.getSender(), reply, Arguments("Location", call).text());
      });
  Method<>(interface, "Reload", "", {}, {}).add(object, loop_, [this](const auto& reply, const auto& call) {
    requests_.reload(call.getSender(), reply);
  });
}

void ManagerObject::add_signals_and_properties() {
  auto& object = getObject();
  const char* const interface = manager_interface;
  object.registerSignal(interface, "Progress", "usstt", {"call", "session", "what", "done", "total"});
  for (const char* const signal : {"SessionNew", "SessionRemoved"})
    object.registerSignal(interface, signal, "so", {"session", "path"});
  for (const char* const signal : {"ChrootNew", "ChrootRemoved"})
    object.registerSignal(interface, signal, "so", {"chroot", "path"});
  add_property(object, interface, "Version", false, [] { return std::string(UNIONROOT_VERSION); });
  add_property(object, interface, "Problems", true, [this] {
    std::vector<std::string> problems;
    for (const auto& problem : registry_.snapshot()->problems) problems.push_back(base::as_utf8(problem.text()));
    return problems;
  });
  add_property(object, interface, "Capabilities", false, [this] { return capabilities_; });
}

void ManagerObject::announce(const char* signal, const std::string& name, const std::string& path) {
  auto message = getObject().createSignal(manager_interface, signal);
  message << name << sdbus::ObjectPath(path);
  getObject().emitSignal(message);
}

void ManagerObject::problems_changed() { emitPropertiesChangedSignal(manager_interface, {"Problems"}); }

void ManagerObject::tell_progress(const std::string& caller, std::uint32_t call, const std::string& session,
                                  const session::Progress& progress) {
  auto signal = getObject().createSignal(manager_interface, "Progress");
  signal.setDestination(caller);
  signal << call << session << base::as_utf8(progress.what) << progress.done << progress.total;
  getObject().emitSignal(signal);
}

SessionObject::SessionObject(BusLoop& loop, Requests& requests, const session::SessionView& view)
    : AdaptorInterfaces(loop.connection(), session_path(view.record.id)), loop_(loop), requests_(requests) {
  show(view);
  add_methods();
  add_properties();
  registerAdaptor();
  emitInterfacesAddedSignal();
}

void SessionObject::show(const session::SessionView& view) {
  record_ = view.record;
  record_.definition = {};
  record_.options = {};
  location_ = base::name_as_utf8(view.location);
  progress_ = view.progress;
}

void SessionObject::become(const session::SessionView& view) {
  show(view);
  emitInterfacesAddedSignal();
}

void SessionObject::update(const session::SessionView& view) {
  std::vector<std::string> changed;
  if (record_.state != view.record.state) changed.emplace_back("State");
  if (location_ != base::name_as_utf8(view.location)) changed.emplace_back("Location");
  if (progress_ != view.progress) changed.emplace_back("Progress");
  if (changed.empty()) return;
  record_.state = view.record.state;
  location_ = base::name_as_utf8(view.location);
  progress_ = view.progress;
  emitPropertiesChangedSignal(session_interface, changed);
}

void SessionObject::update(const session::Progress& progress) {
  if (progress_ == progress) return;
  progress_ = progress;
  emitPropertiesChangedSignal(session_interface, {"Progress"});
}

void SessionObject::add_methods() {
  const auto self = [this]() -> std::shared_ptr<void> { return shared_from_this(); };
  Method<std::vector<std::string>>(session_interface, "End", "a{sv}", {"options"}, {"left"})
      .add(
          getObject(), loop_,
          [this](const auto& reply, const auto& call) {
            requests_.end(call.getSender(), reply, read_end(call, record_.id));
          },
          self);
  Method<bool>(session_interface, "Recover", "a{sv}", {"options"}, {"recovered"})
      .add(
          getObject(), loop_,
          [this](const auto& reply, const auto& call) {
            requests_.recover(call.getSender(), reply, read_recover(call, record_.id));
          },
          self);
}

void SessionObject::add_properties() {
  const auto add = [this](const char* name, bool changes, auto getter) {
    add_property(getObject(), session_interface, name, changes, std::move(getter));
  };
  add("Id", false, [this] { return record_.id; });
  add("Chroot", false, [this] { return record_.chroot; });
  add("Owner", false, [this] { return std::uint32_t{record_.owner}; });
  add("Created", false, [this] { return std::int64_t{record_.created}; });
  add("Automatic", false, [this] { return record_.kind == store::SessionKind::automatic; });
  add("State", true, [this] { return std::string(store::to_string(record_.state)); });
  add("Location", true, [this] { return location_; });
  add("Progress", true, [this] {
    return sdbus::Struct<std::string, std::uint64_t, std::uint64_t>(base::as_utf8(progress_.what), progress_.done,
                                                                    progress_.total);
  });
}

ChrootObject::ChrootObject(BusLoop& loop, definition::DefinitionPtr definition)
    : AdaptorInterfaces(loop.connection(), chroot_path(definition->name)), definition_(std::move(definition)) {
  const auto add = [this](const char* name, bool changes, auto getter) {
    add_property(getObject(), chroot_interface, name, changes, std::move(getter));
  };
  add("Name", false, [this] { return definition_->name; });
  add("Description", true, [this] { return base::name_as_utf8(definition_->description); });
  add("Type", true, [this] { return base::name_as_utf8(definition_->type); });
  add("Aliases", true, [this] { return definition_->aliases; });
  add("File", true, [this] { return base::name_as_utf8(place_of(*definition_)); });
  registerAdaptor();
  emitInterfacesAddedSignal();
}

void ChrootObject::update(definition::DefinitionPtr definition) {
  // Each edit makes all definitions anew; only what differs is told.
  std::vector<std::string> changed;
  if (definition->description != definition_->description) changed.emplace_back("Description");
  if (definition->type != definition_->type) changed.emplace_back("Type");
  if (definition->aliases != definition_->aliases) changed.emplace_back("Aliases");
  if (place_of(*definition) != place_of(*definition_)) changed.emplace_back("File");
  definition_ = std::move(definition);
  if (!changed.empty()) emitPropertiesChangedSignal(chroot_interface, changed);
}

}  // namespace unionroot::daemon

#include "daemon/bus_objects.h"

#include <systemd/sd-bus.h>

#include <exception>
#include <utility>

#include "daemon/bus/raw_message.h"
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

// An entry of an a{sa{sv}}.
template <typename Write>
void write_interface(Answer& answer, const char* interface, Write write_properties) {
  answer.open_array("{sa{sv}}");
  answer.open_entry("sa{sv}");
  answer.put(interface);
  answer.open_array("{sv}");
  write_properties();
  answer.close();
  answer.close();
  answer.close();
}

template <typename Reply>
AnswerPtr by_hand(BusLoop& loop, const Reply& reply, const sdbus::MethodCall& call) {
  auto answer = make_answer(loop, raw_message(call));
  reply->let_go();
  return answer;
}

}  // namespace

ManagerObject::ManagerObject(BusLoop& loop, Requests& requests, const definition::Registry& registry,
                             std::vector<std::string> capabilities)
    : AdaptorInterfaces(loop.connection(), manager_path),
      loop_(loop),
      requests_(requests),
      registry_(registry),
      capabilities_(std::move(capabilities)),
      objects_(
          bus_of(getObject()), loop,
          [this](const auto& sender, const auto& answer, auto write) {
            requests_.intake().answer_in_turn(sender, answer,
                                              [write = std::move(write)](const Peer&) { return write(); });
          },
          [this](const auto& sender, const auto& make) {
            return requests_.intake().library_may_answer(sender, make);
          }) {
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
  Method<>(interface, "Diff", "sa{sv}h", {"session", "options", "output"}, {})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.diff(call.getSender(), reply, read_diff(call)); });
  Method<bool>(interface, "Reset", "sa{sv}", {"session", "options"}, {"reset"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.reset(call.getSender(), reply, read_reset(call)); });
  Method<std::string>(interface, "Snapshot", "sa{sv}", {"session", "options"}, {"snapshot"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.snapshot(call.getSender(), reply, read_snapshot(call));
      });
  Method<std::vector<Variants>>(interface, "Snapshots", "s", {"session"}, {"snapshots"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.snapshots(call.getSender(), reply, Arguments("Snapshots", call).text(longest_path));
      });
  Method<>(interface, "Rollback", "ssa{sv}", {"session", "snapshot", "options"}, {})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.rollback(call.getSender(), reply, read_rollback(call));
      });
  Method<std::vector<std::string>>(interface, "Clone", "sa{sv}", {"session", "options"}, {"sessions"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.clone(call.getSender(), reply, read_clone(call)); });
  Method<std::string, std::vector<std::string>, std::uint64_t>(interface, "Apply", "sa{sv}", {"session", "options"},
                                                               {"apply", "changes", "count"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.apply(call.getSender(), reply, read_apply(call)); });
  Method<std::string, std::string>(interface, "Undo", "sa{sv}", {"name", "options"}, {"apply", "session"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.undo(call.getSender(), reply, read_undo(call)); });
  Method<>(interface, "Confirm", "s", {"session"}, {}).add(object, loop_, [this](const auto& reply, const auto& call) {
    requests_.confirm(call.getSender(), reply, Arguments("Confirm", call).text(longest_path));
  });
  Method<std::vector<Variants>>(interface, "ListSessions", "", {}, {"sessions"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().list_sessions(call.getSender(), by_hand(loop_, reply, call));
      });
  Method<std::vector<Variants>>(interface, "ListChroots", "", {}, {"chroots"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().list_chroots(call.getSender(), by_hand(loop_, reply, call));
      });
  Method<std::vector<Variants>>(interface, "ListBroken", "", {}, {"broken"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().list_broken(call.getSender(), by_hand(loop_, reply, call));
      });
  Method<std::vector<std::string>, std::vector<std::string>>(interface, "UsableChroots", "", {}, {"chroots", "sources"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().usable_chroots(call.getSender(), reply);
      });
  Method<std::vector<std::string>>(interface, "SchrootWarnings", "", {}, {"warnings"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().schroot_warnings(call.getSender(), by_hand(loop_, reply, call));
      });
  Method<Variants>(interface, "Info", "s", {"name"}, {"info"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        auto name = Arguments("Info", call).text(longest_path);
        requests_.queries().info(call.getSender(), by_hand(loop_, reply, call), std::move(name));
      });
  Method<std::string>(interface, "Location", "s", {"session"}, {"location"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().location(call.getSender(), reply, Arguments("Location", call).text(longest_path));
      });
  Method<std::vector<Variants>>(interface, "History", "a{sv}", {"options"}, {"runs"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().history(call.getSender(), reply, read_history(call));
      });
  Method<std::vector<Variants>>(interface, "Usage", "", {}, {"sessions"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.queries().usage(call.getSender(), reply); });
  Method<std::vector<Variants>>(interface, "ListRuns", "", {}, {"runs"})
      .add(object, loop_,
           [this](const auto& reply, const auto& call) { requests_.runs().list(call.getSender(), reply); });
  Method<Variants>(interface, "WaitRun", "s", {"run"}, {"end"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.runs().wait(call.getSender(), reply, Arguments("WaitRun", call).text(longest_path));
      });
  Method<sdbus::UnixFd, sdbus::UnixFd>(interface, "OpenOutput", "s", {"run"}, {"output", "ended"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.runs().output(call.getSender(), reply, Arguments("OpenOutput", call).text(longest_path));
      });
  Method<std::uint32_t>(interface, "Kill", "sa{sv}", {"name", "options"}, {"processes"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.runs().kill(call.getSender(), reply, read_kill(call));
      });
  Method<>(interface, "Subscribe", "", {}, {}).add(object, loop_, [this](const auto& reply, const auto& call) {
    requests_.subscriptions().subscribe(call.getSender(), reply);
  });
  Method<std::vector<Variants>, std::vector<std::string>>(interface, "ListLeftovers", "", {}, {"leftovers", "problems"})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.queries().list_leftovers(call.getSender(), reply);
      });
  Method<>(interface, "RemoveLeftover", "s", {"name"}, {})
      .add(object, loop_, [this](const auto& reply, const auto& call) {
        requests_.remove_leftover(call.getSender(), reply, Arguments("RemoveLeftover", call).text(longest_path));
      });
  Method<>(interface, "TakeOver", "s", {"session"}, {}).add(object, loop_, [this](const auto& reply, const auto& call) {
    requests_.take_over(call.getSender(), reply, Arguments("TakeOver", call).text(longest_path));
  });
  Method<>(interface, "Reload", "", {}, {}).add(object, loop_, [this](const auto& reply, const auto& call) {
    requests_.reload(call.getSender(), reply, Arguments("Reload", call).interactive());
  });
}

void ManagerObject::add_signals_and_properties() {
  auto& object = getObject();
  const char* const interface = manager_interface;
  object.registerSignal(interface, "Event", "a{sv}", {"event"});
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

sd_bus* ManagerObject::bus_of(sdbus::IObject& object) {
  return ::sd_bus_message_get_bus(raw_message(object.createSignal(manager_interface, "Progress")));
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

void ManagerObject::tell_event(const events::Event& event) {
  const auto readers = requests_.subscriptions().readers(event);
  if (readers.empty()) return;
  const auto described = describe_event(event);
  for (const auto& reader : readers) {
    auto signal = getObject().createSignal(manager_interface, "Event");
    signal.setDestination(reader);
    signal << described;
    getObject().emitSignal(signal);
  }
  loop_.kick();
}

SessionObject::SessionObject(BusLoop& loop, ObjectManager& objects, Requests& requests,
                             const session::SessionView& view)
    : AdaptorInterfaces(loop.connection(), session_path(view.record.id)),
      loop_(loop),
      objects_(objects),
      requests_(requests) {
  take(view);
  add_methods();
  add_properties();
  registerAdaptor();
  show();
}

void SessionObject::take(const session::SessionView& view) {
  record_ = view.record;
  record_.definition = {};
  record_.options = {};
  location_ = base::name_as_utf8(view.location);
  progress_ = view.progress;
}

void SessionObject::become(const session::SessionView& view) {
  take(view);
  show();
}

void SessionObject::update(const session::SessionView& view) {
  std::vector<std::string> changed;
  if (record_.state != view.record.state) changed.emplace_back("State");
  if (location_ != base::name_as_utf8(view.location)) changed.emplace_back("Location");
  if (progress_ != view.progress) changed.emplace_back("Progress");
  if (changed.empty()) return;
  objects_.before_change();
  record_.state = view.record.state;
  location_ = base::name_as_utf8(view.location);
  progress_ = view.progress;
  emitPropertiesChangedSignal(session_interface, changed);
}

void SessionObject::update(const session::Progress& progress) {
  if (progress_ == progress) return;
  objects_.before_change();
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

template <typename Visit>
void SessionObject::each_property(Visit visit) const {
  visit("Id", false, [this] { return record_.id; });
  visit("Chroot", false, [this] { return record_.chroot; });
  visit("Owner", false, [this] { return std::uint32_t{record_.owner}; });
  visit("Created", false, [this] { return std::int64_t{record_.created}; });
  visit("Automatic", false, [this] { return record_.kind == store::SessionKind::automatic; });
  visit("State", true, [this] { return std::string(store::to_string(record_.state)); });
  visit("Location", true, [this] { return location_; });
  visit("Progress", true, [this] {
    return sdbus::Struct<std::string, std::uint64_t, std::uint64_t>(base::as_utf8(progress_.what), progress_.done,
                                                                    progress_.total);
  });
}

void SessionObject::add_properties() {
  each_property([this](const char* name, bool changes, auto getter) {
    add_property(getObject(), session_interface, name, changes, std::move(getter));
  });
}

void SessionObject::write_interfaces(Answer& answer) const {
  write_interface(answer, session_interface,
                  [&] { each_property([&](const char* name, bool, auto getter) { answer.entry(name, getter()); }); });
}

void SessionObject::show() {
  objects_.add(getObjectPath(), *this);
  emitInterfacesAddedSignal();
}

void SessionObject::leave() {
  objects_.remove(getObjectPath());
  emitInterfacesRemovedSignal();
}

ChrootObject::ChrootObject(BusLoop& loop, ObjectManager& objects, definition::DefinitionPtr definition)
    : AdaptorInterfaces(loop.connection(), chroot_path(definition->name)),
      objects_(objects),
      definition_(std::move(definition)) {
  each_property([this](const char* name, bool changes, auto getter) {
    add_property(getObject(), chroot_interface, name, changes, std::move(getter));
  });
  registerAdaptor();
  objects_.add(getObjectPath(), *this);
  emitInterfacesAddedSignal();
}

template <typename Visit>
void ChrootObject::each_property(Visit visit) const {
  visit("Name", false, [this] { return definition_->name; });
  visit("Description", true, [this] { return base::name_as_utf8(definition_->description); });
  visit("Type", true, [this] { return base::name_as_utf8(definition_->type); });
  visit("Aliases", true, [this] { return definition_->aliases; });
  visit("File", true, [this] { return base::name_as_utf8(place_of(*definition_)); });
}

void ChrootObject::write_interfaces(Answer& answer) const {
  write_interface(answer, chroot_interface,
                  [&] { each_property([&](const char* name, bool, auto getter) { answer.entry(name, getter()); }); });
}

void ChrootObject::leave() {
  objects_.remove(getObjectPath());
  emitInterfacesRemovedSignal();
}

void ChrootObject::update(definition::DefinitionPtr definition) {
  // Each edit makes all definitions anew; only what differs is told.
  std::vector<std::string> changed;
  if (definition->description != definition_->description) changed.emplace_back("Description");
  if (definition->type != definition_->type) changed.emplace_back("Type");
  if (definition->aliases != definition_->aliases) changed.emplace_back("Aliases");
  if (place_of(*definition) != place_of(*definition_)) changed.emplace_back("File");
  objects_.before_change();
  definition_ = std::move(definition);
  if (!changed.empty()) emitPropertiesChangedSignal(chroot_interface, changed);
}

}  // namespace unionroot::daemon

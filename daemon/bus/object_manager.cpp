#include "daemon/bus/object_manager.h"

#include <systemd/sd-bus.h>

#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/method_keys.h"
#include "daemon/object_paths.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t objects_a_turn = 64;
constexpr unsigned most_attempts = 3;

constexpr std::string_view introspection_head =
    "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
    "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
    "<node>\n"
    " <interface name=\"org.freedesktop.DBus.Peer\">\n"
    "  <method name=\"Ping\"/>\n"
    "  <method name=\"GetMachineId\">\n"
    "   <arg type=\"s\" name=\"machine_uuid\" direction=\"out\"/>\n"
    "  </method>\n"
    " </interface>\n"
    " <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
    "  <method name=\"Introspect\">\n"
    "   <arg name=\"xml_data\" type=\"s\" direction=\"out\"/>\n"
    "  </method>\n"
    " </interface>\n";

bool is_call(sd_bus_message* message, const char* interface, const char* member) {
  return ::sd_bus_message_is_method_call(message, interface, member) > 0 &&
         ::sd_bus_message_has_signature(message, "") > 0;
}

}  // namespace

// A filter of sd-bus sees a message before sd-bus answers it.
ObjectManager::ObjectManager(sd_bus* bus, BusLoop& loop, Take take, LetThrough let_through)
    : loop_(loop), take_(std::move(take)), let_through_(std::move(let_through)) {
  const auto filter = [](sd_bus_message* message, void* self, sd_bus_error*) noexcept {
    try {
      return static_cast<ObjectManager*>(self)->take_call(message) ? 1 : 0;
    } catch (const std::exception& error) {
      base::log::error(base::concat("answering for the object manager: ", error.what()));
      return 1;  // the destructor of the answer has sent an error
    }
  };
  if (const int result = ::sd_bus_add_filter(bus, &slot_, filter, this); result < 0)
    throw base::SystemError(-result, "listening for calls of the object manager");
}

ObjectManager::~ObjectManager() { ::sd_bus_slot_unref(slot_); }

// True if one of our methods takes the call. Such a method waits for its turn by itself.
bool ObjectManager::is_for_us(sd_bus_message* message) const {
  const char* const interface = ::sd_bus_message_get_interface(message);
  const char* const member = ::sd_bus_message_get_member(message);
  const char* const signature = ::sd_bus_message_get_signature(message, 1);
  if (interface == nullptr || member == nullptr || signature == nullptr) return false;
  const std::string_view path = ::sd_bus_message_get_path(message);
  return registered_methods().count(method_key(interface, member, signature)) != 0 &&
         (path == manager_path || objects_.count(std::string(path)) != 0);
}

// False: other filters or sd-bus take the message.
bool ObjectManager::take_call(sd_bus_message* message) {
  std::uint8_t type = 0;
  if (::sd_bus_message_get_type(message, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL) return false;
  if (is_call(message, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")) {
    if (::sd_bus_message_get_path(message) != std::string_view(manager_path)) return false;
    const char* const sender = ::sd_bus_message_get_sender(message);
    take_objects(sender == nullptr ? "" : sender, make_answer(loop_, message));
    return true;
  }
  if (is_for_us(message)) return false;
  const char* const sender = ::sd_bus_message_get_sender(message);
  const std::string node = ::sd_bus_message_get_path(message);
  if (!is_call(message, "org.freedesktop.DBus.Introspectable", "Introspect") ||
      (node != sessions_node && node != chroots_node))
    return !let_through_(sender == nullptr ? "" : sender, [&] { return make_answer(loop_, message); });
  const auto answer = make_answer(loop_, message);
  take_(sender == nullptr ? "" : sender, answer, [this, node, answer] {
    answer->put(introspection(node));
    answer->send();
    return Turns::Next::done;
  });
  return true;
}

void ObjectManager::take_objects(const std::string& sender, const AnswerPtr& answer) {
  const auto writing = std::make_shared<Writing>();
  writing->answer = answer;
  take_(sender, answer, [this, writing] { return write(*writing); });
}

Turns::Next ObjectManager::write(Writing& writing) const {
  Answer& answer = *writing.answer;
  if (writing.attempts == 0 || writing.changes != changes_) {
    if (writing.attempts++ > 0) answer.begin_anew();
    writing.changes = changes_;
    writing.last.clear();
    answer.open_array("{oa{sa{sv}}}");
  }
  // The last attempt writes all in one turn: objects come and go too often for pieces.
  std::size_t most = writing.attempts < most_attempts ? objects_a_turn : objects_.size();
  auto each = objects_.upper_bound(writing.last);
  for (; each != objects_.end() && most > 0; ++each, --most) {
    answer.open_entry("oa{sa{sv}}");
    answer.put_path(each->first);
    each->second->write_interfaces(answer);
    answer.close();
    writing.last = each->first;
  }
  if (each != objects_.end()) return Turns::Next::again;
  answer.close();
  answer.send();
  return Turns::Next::done;
}

void ObjectManager::add(const std::string& path, const ShownObject& object) {
  before_change();
  introspections_.clear();
  objects_[path] = &object;
}

void ObjectManager::remove(const std::string& path) {
  before_change();
  introspections_.clear();
  objects_.erase(path);
}

const std::string& ObjectManager::introspection(const std::string& node) {
  auto& text = introspections_[node];
  if (!text.empty()) return text;
  text = introspection_head;
  const std::string prefix = node + '/';
  for (auto each = objects_.upper_bound(prefix); each != objects_.end() && each->first.starts_with(prefix); ++each)
    text.append(" <node name=\"").append(each->first, prefix.size()).append("\"/>\n");
  text += "</node>\n";
  return text;
}

}  // namespace unionroot::daemon

// What a client asks for all objects at once: ObjectManager.GetManagedObjects, and Introspect of the two nodes that
// have a child for each of them. sd-bus's own answers are made in one go, however many objects there are. What else
// sd-bus answers by itself (properties, the peer interface, what there is not) is let through as the user's share
// allows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/bus/answer.h"
#include "daemon/bus/turns.h"

struct sd_bus;
struct sd_bus_slot;

namespace unionroot::daemon {

class ShownObject {
 public:
  virtual ~ShownObject() = default;
  // An a{sa{sv}}: its interfaces with their properties.
  virtual void write_interfaces(Answer& answer) const = 0;
};

// Bus thread only. Signals of objects are sd-bus's own.
class ObjectManager {
 public:
  // Identifies the sender, and calls `write` when it is the turn of that user.
  using Take = std::function<void(const std::string& sender, const AnswerPtr& answer, Turns::Write write)>;

  // For what sd-bus answers by itself. False: the answer that `make` gives is sent in its place.
  using LetThrough = std::function<bool(const std::string& sender, const std::function<AnswerPtr()>& make)>;

  ObjectManager(sd_bus* bus, BusLoop& loop, Take take, LetThrough let_through);
  ~ObjectManager();
  ObjectManager(const ObjectManager&) = delete;
  ObjectManager& operator=(const ObjectManager&) = delete;

  // Before the object is announced, and before its removal is.
  void add(const std::string& path, const ShownObject& object);
  void remove(const std::string& path);
  // Before an object tells of a change. An answer shows one moment, since a client has heard of later changes before it
  // gets the answer. So an answer that is being written is begun anew.
  void before_change() { ++changes_; }

 private:
  struct Writing {
    AnswerPtr answer;
    std::uint64_t changes = 0;  // that had been when it was begun
    unsigned attempts = 0;
    std::string last;  // path of the object that was written last
  };

  bool take_call(sd_bus_message* message);
  [[nodiscard]] bool is_for_us(sd_bus_message* message) const;
  void take_objects(const std::string& sender, const AnswerPtr& answer);
  Turns::Next write(Writing& writing) const;
  // The node's children are objects, and nothing else.
  [[nodiscard]] const std::string& introspection(const std::string& node);

  BusLoop& loop_;
  const Take take_;
  const LetThrough let_through_;
  std::map<std::string, const ShownObject*> objects_;
  std::map<std::string, std::string> introspections_;  // by node, until an object comes or goes
  std::uint64_t changes_ = 0;
  sd_bus_slot* slot_ = nullptr;
};

}  // namespace unionroot::daemon

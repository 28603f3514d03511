// Answers ObjectManager.GetManagedObjects, and Introspect of the two nodes with a child for each object. sd-bus would
// write such an answer in one go, however many objects there are. Other calls that sd-bus answers by itself
// (properties, the peer interface, errors for unknown objects) pass if the user's share allows it.
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

// Bus thread only. sd-bus sends the signals of the objects.
class ObjectManager {
 public:
  // Identifies the sender, and calls `write` when it is that user's turn.
  using Take = std::function<void(const std::string& sender, const AnswerPtr& answer, Turns::Write write)>;

  // For calls that sd-bus answers by itself. False: the answer from `make` is sent instead.
  using LetThrough = std::function<bool(const std::string& sender, const std::function<AnswerPtr()>& make)>;

  ObjectManager(sd_bus* bus, BusLoop& loop, Take take, LetThrough let_through);
  ~ObjectManager();
  ObjectManager(const ObjectManager&) = delete;
  ObjectManager& operator=(const ObjectManager&) = delete;

  // Call them before the signal of the addition or removal.
  void add(const std::string& path, const ShownObject& object);
  void remove(const std::string& path);
  // Call it before an object signals a change. An answer under way is begun anew: it must show one state, and the
  // client gets the signals of later changes before it.
  void before_change() { ++changes_; }

 private:
  struct Writing {
    AnswerPtr answer;
    std::uint64_t changes = 0;  // value of changes_ when the answer was begun
    unsigned attempts = 0;
    std::string last;  // path of the object that was written last
  };

  bool take_call(sd_bus_message* message);
  [[nodiscard]] bool is_for_us(sd_bus_message* message) const;
  void take_objects(const std::string& sender, const AnswerPtr& answer);
  Turns::Next write(Writing& writing) const;
  // The node has only objects as children.
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

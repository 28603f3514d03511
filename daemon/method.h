// Registers methods by hand: they get the message itself, and may reply later.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/method_keys.h"
#include "daemon/reply.h"

namespace unionroot::daemon {

using Names = std::vector<std::string>;

template <typename... Values>
class Method {
 public:
  // name, input, names: as in org.unionroot1.xml; a test compares them.
  Method(const char* interface, const char* name, std::string input, Names input_names, Names output_names)
      : interface_(interface),
        name_(name),
        input_(std::move(input)),
        input_names_(std::move(input_names)),
        output_names_(std::move(output_names)) {}

  using Work = std::function<void(const ReplyPtr<Values...>&, const sdbus::MethodCall&)>;
  // Keeps the object alive until the reply is sent. Empty for an object that outlives all replies.
  using Owner = std::function<std::shared_ptr<void>()>;

  // Exceptions of `work` become the reply: sdbus-c++ 1.2 lets exceptions other than its own pass into C code.
  void add(sdbus::IObject& object, BusLoop& loop, Work work, Owner owner = {}) const {
    const auto called = [&loop, name = name_, work = std::move(work),
                         owner = std::move(owner)](const sdbus::MethodCall& call) {
      const auto reply = std::make_shared<Reply<Values...>>(loop, name, sdbus::Result<Values...>(call),
                                                            owner ? owner() : std::shared_ptr<void>());
      try {
        work(reply, call);
      } catch (...) {
        reply->fail(std::current_exception());
      }
    };
    registered_methods().insert(method_key(interface_, name_, input_));
    object.registerMethod(interface_, name_, input_, input_names_,
                          (std::string() + ... + sdbus::signature_of<Values>::str()), output_names_, called);
  }

 private:
  const char* interface_;
  const char* name_;
  std::string input_;
  Names input_names_, output_names_;
};

}  // namespace unionroot::daemon

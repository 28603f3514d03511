// A method return that is written in pieces, for long answers.
#pragma once

#include <sdbus-c++/Types.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/owed.h"

struct sd_bus_message;

namespace unionroot::daemon {

class BusLoop;

// Texts must be UTF-8. Throws SystemError if sd-bus refuses a value. Bus thread only.
class Answer final : public Owed {
 public:
  // D-Bus signatures of the values that put() writes.
  static const char* signature(const char*) { return "s"; }
  static const char* signature(const std::string&) { return "s"; }
  static const char* signature(std::string_view) { return "s"; }
  static const char* signature(bool) { return "b"; }
  static const char* signature(std::uint32_t) { return "u"; }
  static const char* signature(std::int64_t) { return "x"; }
  static const char* signature(std::uint64_t) { return "t"; }
  static const char* signature(const std::vector<std::string>&) { return "as"; }
  static const char* signature(const sdbus::Struct<std::string, std::uint64_t, std::uint64_t>&) { return "(stt)"; }

  // Keeps a reference to the call.
  explicit Answer(sd_bus_message* call);
  // Sends Error(cancelled) unless send(), fail() or let_go() was called.
  ~Answer();

  void open_array(const char* contents);
  void open_struct(const char* contents);
  void open_entry(const char* contents);
  void open_variant(const char* contents);
  void close();

  void put(const char* text) { put(std::string_view(text)); }
  void put(const std::string& text);
  void put(std::string_view text) { put(std::string(text)); }
  void put(bool value);
  void put(std::uint32_t value);
  void put(std::int64_t value);
  void put(std::uint64_t value);
  void put(const std::vector<std::string>& texts);
  void put(const sdbus::Struct<std::string, std::uint64_t, std::uint64_t>& progress);
  void put_path(const std::string& path);

  // An entry of an a{sv}.
  template <typename Value>
  void entry(const char* key, const Value& value) {
    open_entry("sv");
    put(key);
    variant(value);
    close();
  }
  template <typename Value>
  void variant(const Value& value) requires requires {
    signature(value);
  }
  {
    open_variant(signature(value));
    put(value);
    close();
  }

  // Drops all that was written.
  void begin_anew();
  void send();
  void fail(const std::exception_ptr& error) override;
  // The caller has disconnected: no answer is sent.
  void let_go();

 private:
  struct Unref {
    void operator()(sd_bus_message* message) const noexcept;
  };
  using MessagePtr = std::unique_ptr<sd_bus_message, Unref>;

  void open(char type, const char* contents);
  void basic(char type, const void* value);

  MessagePtr call_, reply_;
};

// The last reference may be dropped on any thread: the answer is destroyed on the bus thread.
using AnswerPtr = std::shared_ptr<Answer>;
AnswerPtr make_answer(BusLoop& loop, sd_bus_message* call);

}  // namespace unionroot::daemon

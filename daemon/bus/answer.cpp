#include "daemon/bus/answer.h"

#include <systemd/sd-bus.h>

#include <system_error>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/bus_loop.h"
#include "daemon/error_reply.h"

namespace unionroot::daemon {

namespace {

void check(int result, const char* doing) {
  if (result < 0) throw base::SystemError(-result, doing);
}

sd_bus_message* new_reply(sd_bus_message* call) {
  sd_bus_message* reply = nullptr;
  check(::sd_bus_message_new_method_return(call, &reply), "making an answer");
  return reply;
}

}  // namespace

void Answer::Unref::operator()(sd_bus_message* message) const noexcept { ::sd_bus_message_unref(message); }

Answer::Answer(sd_bus_message* call) : call_(::sd_bus_message_ref(call)), reply_(new_reply(call)) {}

Answer::~Answer() {
  if (call_)
    fail(std::make_exception_ptr(
        base::Error(base::ErrorCode::cancelled, "the call was dropped", "unionrootd may be stopping: try again")));
}

void Answer::open(char type, const char* contents) {
  check(::sd_bus_message_open_container(reply_.get(), type, contents), "writing an answer");
}

void Answer::basic(char type, const void* value) {
  check(::sd_bus_message_append_basic(reply_.get(), type, value), "writing an answer");
}

void Answer::open_array(const char* contents) { open('a', contents); }
void Answer::open_struct(const char* contents) { open('r', contents); }
void Answer::open_entry(const char* contents) { open('e', contents); }
void Answer::open_variant(const char* contents) { open('v', contents); }

void Answer::close() { check(::sd_bus_message_close_container(reply_.get()), "writing an answer"); }

void Answer::put(const std::string& text) { basic('s', text.c_str()); }
void Answer::put_path(const std::string& path) { basic('o', path.c_str()); }
void Answer::put(std::uint32_t value) { basic('u', &value); }
void Answer::put(std::int64_t value) { basic('x', &value); }
void Answer::put(std::uint64_t value) { basic('t', &value); }

void Answer::put(bool value) {
  const int number = value ? 1 : 0;  // sd_bus_message_append_basic(3): a boolean is an int
  basic('b', &number);
}

void Answer::put(const std::vector<std::string>& texts) {
  open_array("s");
  for (const auto& text : texts) put(text);
  close();
}

void Answer::put(const sdbus::Struct<std::string, std::uint64_t, std::uint64_t>& progress) {
  open_struct("stt");
  put(std::get<0>(progress));
  put(std::get<1>(progress));
  put(std::get<2>(progress));
  close();
}

void Answer::begin_anew() { reply_.reset(new_reply(call_.get())); }

void Answer::send() {
  if (::sd_bus_message_get_expect_reply(call_.get()) > 0)
    check(::sd_bus_send(nullptr, reply_.get(), nullptr), "sending an answer");
  call_.reset();
}

void Answer::fail(const std::exception_ptr& error) {
  const MessagePtr call = std::move(call_);
  if (!call) return;
  const auto told = error_to_reply(error);
  const sd_bus_error as_error = SD_BUS_ERROR_MAKE_CONST(told.getName().c_str(), told.getMessage().c_str());
  if (const int result = ::sd_bus_reply_method_error(call.get(), &as_error); result < 0)
    base::log::warning(base::concat("replying: ", std::generic_category().message(-result)));
}

void Answer::let_go() { call_.reset(); }

AnswerPtr make_answer(BusLoop& loop, sd_bus_message* call) {
  return {new Answer(call), [&loop](Answer* answer) { loop.post([owned = std::unique_ptr<Answer>(answer)] {}); }};
}

}  // namespace unionroot::daemon

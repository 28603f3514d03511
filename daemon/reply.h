// A pending reply: it answers once. Its destructor sends an error if nothing was answered.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/bus_loop.h"
#include "daemon/error_reply.h"
#include "daemon/owed.h"

namespace unionroot::daemon {

// From any thread, but by one thread at a time. The answer is sent on the bus thread, and the calling message is
// released there. `object`: the called object, if it may be destroyed before the answer is sent. sd-bus checks an
// answer against the object's memory (sd_bus_message_seal: the method's result signature).
template <typename... Values>
class Reply final : public Owed {
 public:
  Reply(BusLoop& loop, std::string method, sdbus::Result<Values...>&& result, std::shared_ptr<void> object = nullptr)
      : loop_(loop), method_(std::move(method)), object_(std::move(object)), result_(std::move(result)) {}
  ~Reply() {
    if (result_)
      fail(std::make_exception_ptr(base::Error(base::ErrorCode::cancelled, method_ + ": it was dropped",
                                               "unionrootd may be stopping: try again")));
  }

  // `before` runs on the bus thread right before the answer is sent. False: the caller has gone, and nothing is sent.
  void send(std::function<bool()> before, Values... values) {
    if (!result_) return;
    loop_.post([object = std::move(object_), kept = std::move(kept_), before = std::move(before), method = method_,
                result = take(), values = std::tuple<Values...>(std::move(values)...)]() mutable {
      bool wanted = true;
      // An exception of `before` is logged: the caller still gets the answer.
      if (before) BusLoop::guarded([&] { wanted = before(); });
      if (!wanted) return;
      try {
        std::apply([&](const Values&... value) { result.returnResults(value...); }, values);
      } catch (const sdbus::Error& error) {
        // Too large for the bus, or an invalid string: an error spares the caller the time-out.
        answer_error(result, method, error);
      }
    });
  }

  void fail(const std::exception_ptr& error) override {
    if (!result_) return;
    loop_.post([object = std::move(object_), kept = std::move(kept_), method = method_, result = take(), cause = error,
                error = error_to_reply(error), on_failure = std::move(on_failure_)]() mutable {
      if (on_failure) on_failure(cause);
      base::log::debug(base::concat(method, ": ", base::printable(error.getMessage())));
      answer_error(result, method, error);
    });
  }

  // The call is answered elsewhere. Bus thread only.
  void let_go() { result_.reset(); }
  // `tell` is called on the bus thread if the answer is an error. It must not throw.
  void on_failure(std::function<void(const std::exception_ptr&)> tell) { on_failure_ = std::move(tell); }
  // Keeps `what` until the reply is sent or dropped. It may be released on any thread.
  void keep(std::shared_ptr<const void> what) { kept_ = std::move(what); }

  [[nodiscard]] const std::string& method() const { return method_; }

 private:
  using Result = sdbus::Result<Values...>;

  static void answer_error(const Result& result, const std::string& method, const sdbus::Error& error) {
    try {
      result.returnError(error);
    } catch (const sdbus::Error& failed) {
      base::log::warning(base::concat("replying to ", method, ": ", failed.getMessage()));
    }
  }
  Result take() {
    Result taken = std::move(*result_);
    result_.reset();
    return taken;
  }

  BusLoop& loop_;
  std::string method_;
  std::shared_ptr<void> object_;
  std::optional<Result> result_;
  std::shared_ptr<const void> kept_;
  std::function<void(const std::exception_ptr&)> on_failure_;
};

template <typename... Values>
using ReplyPtr = std::shared_ptr<Reply<Values...>>;

}  // namespace unionroot::daemon

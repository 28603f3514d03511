#include "daemon/error_reply.h"

#include <cstddef>
#include <stdexcept>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t longest_message = 16 * 1024;

sdbus::Error make(base::ErrorCode code, std::string message, const std::string& hint) {
  if (!hint.empty()) message.append("\n").append(hint);
  if (message.size() > longest_message) message.resize(longest_message);
  return {base::concat("org.unionroot1.Error.", base::error_name(code)), base::as_utf8(message)};
}

}  // namespace

sdbus::Error error_to_reply(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const base::Error& known) {
    return make(known.code(), known.what(), known.hint());
  } catch (const sdbus::Error& known) {
    return known;
  } catch (const std::exception& other) {
    return make(base::ErrorCode::failed, other.what(), {});
  } catch (...) {
    return make(base::ErrorCode::failed, "something failed that gives no reason", {});
  }
}

}  // namespace unionroot::daemon

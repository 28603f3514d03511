// The methods of our objects.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "base/text.h"

namespace unionroot::daemon {

// signature: of the input.
inline std::string method_key(std::string_view interface, std::string_view name, std::string_view signature) {
  return base::concat(interface, ".", name, "(", signature, ")");
}

// The keys of all methods; Method::add adds them. Bus thread only.
inline std::unordered_set<std::string>& registered_methods() {
  static std::unordered_set<std::string> methods;
  return methods;
}

}  // namespace unionroot::daemon

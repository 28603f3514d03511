// The part of Info about a definition: each key that applies.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/describe.h"
#include "definition/definition.h"

namespace unionroot::daemon {

void add_definition(Dictionary& info, const definition::Definition& definition);

// True if there is a source:NAME.
[[nodiscard]] bool has_source(const definition::Definition& definition);
[[nodiscard]] std::string_view union_type(const definition::Definition& definition);

// These convert names to UTF-8: one invalid name must not prevent the whole answer.
[[nodiscard]] Value text(std::string_view name);
[[nodiscard]] std::vector<std::string> valid_texts(const std::vector<std::string>& values);
[[nodiscard]] Value pairs(const std::map<std::string, std::string>& given);

}  // namespace unionroot::daemon

// A definition as it is kept with a session.
#include <nlohmann/json.hpp>

#include "definition/definition.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using namespace definition;

Definition read(const std::string& text) {
  auto made = deserialize(text);
  if (planted) made.unpack_limit = static_cast<std::uint32_t>(made.unpack_limit);
  return made;
}

template <typename Value>
void check_number(const nlohmann::json& json, const char* key, const Value& value) {
  if (json.contains(key))
    require(json[key] == static_cast<std::uint64_t>(value), "a number is the one that is written", key);
}

}  // namespace

void run(std::string_view input) {
  const std::string text(input);
  Definition made;
  try {
    made = read(text);
  } catch (const base::Error& refusal) {
    return require_showable(refusal);
  }
  const auto json = nlohmann::json::parse(text);
  check_number(json, "unpack-limit", made.unpack_limit);
  check_number(json, "hook-time-limit", made.hook_time_limit);
  check_number(json, "line", made.line);
  check_number(json, "nss", made.nss);
  check_number(json, "dev", made.dev);
  check_number(json, "on-boot", made.on_boot);
  check_number(json, "on-shutdown", made.on_shutdown);
  if (json.contains("source")) check_number(json["source"], "kind", made.source.index());
  const auto written = serialize(made);
  require(serialize(deserialize(written)) == written, "a definition is read as it was written", written);
}

}  // namespace unionroot::fuzz

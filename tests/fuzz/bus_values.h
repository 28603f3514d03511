// The arguments of a call, made from an input.
#pragma once

#include "cli/bus/message.h"
#include "input.h"

namespace unionroot::fuzz {

struct BusOption {
  std::string key;
  cli::bus::Variant value;
};

// One of `keys`, with a value of a type that the second byte says.
BusOption take_option(Input& input, const std::vector<std::string>& keys);

// A text that D-Bus takes: no NUL, valid UTF-8.
std::string take_text(Input& input);

}  // namespace unionroot::fuzz

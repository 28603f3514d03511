// Definitions and sessions as the dictionaries of Info and the listings.
#pragma once

#include <sdbus-c++/Types.h>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "daemon/bus/answer.h"
#include "daemon/operations.h"

namespace unionroot::daemon {

// Plain values. Each sdbus::Variant would be a message of its own, made and copied on the bus thread.
using Row = std::map<std::string, std::variant<std::string, bool, std::uint32_t, std::int64_t>>;
using Value = std::variant<std::string, bool, std::uint32_t, std::int64_t, std::uint64_t, std::vector<std::string>,
                           std::map<std::string, std::string>, sdbus::Struct<std::string, std::uint64_t, std::uint64_t>,
                           std::vector<sdbus::Struct<std::string, std::string>>, std::vector<Row>>;
using Dictionary = std::map<std::string, Value>;

// Writes an a{sv}.
void write(Answer& answer, const Dictionary& dictionary);

Dictionary describe_chroot(const definition::Definition& definition, bool source);  // all of Info

// What the caller may see of a session. others: neither its commands nor the output of root's scripts. That output is
// in the notes, and the last lines of a failed script are in the session's error.
enum class Sight { all, others };

Dictionary describe_session(const session::SessionView& view, Sight sight);

// Write an a{sv} with what a listing needs.
void list_chroot(Answer& answer, const definition::Definition& definition);
// For a definition that cannot be used, or a file that was refused.
void list_broken(Answer& answer, const definition::Problem& problem);
void list_session(Answer& answer, const session::SessionView& view, Sight sight);

}  // namespace unionroot::daemon

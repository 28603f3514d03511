// Sessions and chroots as text: from the daemon's dictionaries to tables and labels. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace unionroot::cli {

std::string session_table(const nlohmann::json& sessions);
// broken: definitions that cannot be used, which come last, with the reason.
std::string chroot_table(const nlohmann::json& chroots, const nlohmann::json& broken);

// "Name:  sid" and so on, in a fixed order; keys that this client does not know come last, under their own names.
std::string info_text(const nlohmann::json& info);

// `stages`, a list of pairs on the bus, as a list of objects with the keys "name" and "state"; and `progress` as one
// with "what", "done" and "total".
nlohmann::json readable_pairs(nlohmann::json info);

}  // namespace unionroot::cli

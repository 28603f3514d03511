// Formats the daemon's dictionaries of sessions and chroots as text. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace unionroot::cli {

std::string session_table(const nlohmann::json& sessions);
// broken: definitions that cannot be used, which come last, with the reason.
std::string chroot_table(const nlohmann::json& chroots, const nlohmann::json& broken);

// "Name:  sid" and so on, in a fixed order. Unknown keys come last, under their own names.
std::string info_text(const nlohmann::json& info);

// Converts `stages` from a list of pairs to objects with "name" and "state", and `progress` to an object with "what",
// "done" and "total".
nlohmann::json readable_pairs(nlohmann::json info);

}  // namespace unionroot::cli

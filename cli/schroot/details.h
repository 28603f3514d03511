// What --info and --config show of a chroot or session, to the byte as schroot does. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace unionroot::schroot {

// info: the daemon's answer to Info.
std::string info_text(const nlohmann::json& info);
// Where it is on the host; empty where it is nowhere.
std::string path_text(const nlohmann::json& info);

// "[name]" and its keys; empty for a source, which has no section of its own.
std::string config_text(const nlohmann::json& info);
// What stands before all sections. date: "29 Nov 2026".
std::string config_heading(const std::string& date);

}  // namespace unionroot::schroot

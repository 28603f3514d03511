// The texts of --info and --config for a chroot or session, byte for byte as schroot prints them. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace unionroot::schroot {

// info: the daemon's answer to Info.
std::string info_text(const nlohmann::json& info);
// Its path on the host; empty: it has none.
std::string path_text(const nlohmann::json& info);

// The section "[name]" and its keys; empty for a source, which has no section of its own.
std::string config_text(const nlohmann::json& info);
// The text before all sections. date: "29 Nov 2026".
std::string config_heading(const std::string& date);

}  // namespace unionroot::schroot

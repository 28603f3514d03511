// The texts of --help and --version.
#pragma once

#include <string>

namespace unionroot::schroot {

std::string schroot_help();
std::string dchroot_help();
// program: "schroot" or "dchroot".
std::string version_text(const std::string& program);

}  // namespace unionroot::schroot

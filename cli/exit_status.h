// The exit statuses of unionroot; unionroot(1) documents them.
#pragma once

namespace unionroot::cli {

inline constexpr int success = 0;
inline constexpr int wrong_configuration = 1;  // `check` and `import`: something is wrong
// The same for every verb, and the number of env(1) and timeout(1): `run` and `lock` return the command's own status.
inline constexpr int failure = 125;  // unionroot failed, or was called wrongly
inline constexpr int not_executable = 126;
inline constexpr int not_found = 127;
inline constexpr int killed_base = 128;  // 128+N: ended by signal N

}  // namespace unionroot::cli

#include "cli/settings.h"

#include "base/error.h"
#include "cli/caller.h"

namespace unionroot::cli {

definition::Settings settings_for(const std::string& config) {
  const auto file = definition::settings_file(config);
  const bool optional = config.empty() && file == definition::Settings().config_file;
  try {
    return definition::read_settings(file, optional, definition::SettingsFor::client);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::access_denied || !in_user_namespace()) throw;
    return definition::read_settings(file, optional, definition::SettingsFor::client_in_user_namespace);
  }
}

}  // namespace unionroot::cli

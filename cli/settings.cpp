#include "cli/settings.h"

namespace unionroot::cli {

definition::Settings settings_for(const std::string& config) {
  const auto file = definition::settings_file(config);
  const bool optional = config.empty() && file == definition::Settings().config_file;
  return definition::read_settings(file, optional);
}

}  // namespace unionroot::cli

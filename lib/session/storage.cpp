#include "session/storage.h"

namespace unionroot::session {

std::string sessions_folder(const definition::Settings& settings, const definition::Definition& definition) {
  return definition.union_.overlay_directory.empty() ? settings.state_directory + "/sessions"
                                                     : definition.union_.overlay_directory;
}

std::string trash_folder(const definition::Settings& settings, const definition::Definition& definition) {
  return definition.union_.overlay_directory.empty() ? settings.state_directory + "/trash"
                                                     : definition.union_.overlay_directory + "/.unionroot-trash";
}

std::string orphans_folder(const definition::Settings& settings) { return settings.state_directory + "/orphans"; }

}  // namespace unionroot::session

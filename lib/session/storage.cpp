#include "session/storage.h"

#include <sys/stat.h>

#include "base/files.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::session {

namespace {
std::string own_sessions_folder(const definition::Settings& settings) { return settings.state_directory + "/sessions"; }
}  // namespace

std::string sessions_folder(const definition::Settings& settings, const definition::Definition& definition) {
  return definition.union_.overlay_directory.empty() ? own_sessions_folder(settings)
                                                     : definition.union_.overlay_directory;
}

std::string trash_folder(const definition::Settings& settings) { return settings.state_directory + "/trash"; }

std::string trash_folder(const definition::Settings& settings, const std::string& sessions_folder) {
  return sessions_folder == own_sessions_folder(settings) ? trash_folder(settings)
                                                          : sessions_folder + "/.unionroot-trash";
}

std::string trash_folder(const definition::Settings& settings, const definition::Definition& definition) {
  return trash_folder(settings, sessions_folder(settings, definition));
}

std::string orphans_folder(const definition::Settings& settings) { return settings.state_directory + "/orphans"; }

namespace {
constexpr const char* list_name = "overlay-directories";
constexpr const char* mark_name = ".unionroot";  // holds the state directory of the daemon that made the folder
}  // namespace

base::UniqueFd ensure_session_folder(const definition::Settings& settings, const std::string& sessions_folder,
                                     const std::string& id) {
  kernel::ensure_directories(sessions_folder, 0711);
  const auto sessions = kernel::open_directory(sessions_folder);
  const bool made = kernel::ensure_directory(sessions.get(), id, 0700);
  auto folder = kernel::open_directory_at(sessions.get(), id);
  if (made && sessions_folder != own_sessions_folder(settings))
    kernel::write_file_atomically(folder.get(), mark_name, settings.state_directory + "\n", 0600, false);
  return folder;
}

bool is_marked(const definition::Settings& settings, const std::string& sessions_folder, const std::string& id) {
  const auto mark = base::try_read_file(sessions_folder + "/" + id + "/" + mark_name, 8192);
  return mark && *mark == settings.state_directory + "\n";
}

SessionFolders::SessionFolders(const definition::Settings& settings)
    : state_(settings.state_directory), own_(own_sessions_folder(settings)) {}

void SessionFolders::load() {
  const std::lock_guard guard(mutex_);
  if (const auto text = base::try_read_file(state_ + "/" + list_name))
    for (const auto& line : base::split(*text, '\n'))
      if (line.front() == '/') others_.insert(line);
  // What a daemon left that died while it wrote the list.
  const auto state = kernel::open_directory(state_);
  for (const auto& name : kernel::list_directory(state.get()))
    if (kernel::is_left_of_write(name, list_name)) kernel::remove_file(state.get(), name);
}

void SessionFolders::remember(const std::string& folder) {
  if (folder == own_ || folder.find('\n') != std::string::npos) return;
  const std::lock_guard guard(mutex_);
  if (others_.contains(folder)) return;
  std::string text = folder + "\n";
  for (const auto& other : others_) text += other + "\n";
  kernel::write_file_atomically(kernel::open_directory(state_).get(), list_name, text, 0644, true);
  others_.insert(folder);
}

std::vector<std::string> SessionFolders::all() const {
  std::vector<std::string> folders{own_};
  const std::lock_guard guard(mutex_);
  for (const auto& other : others_) {
    struct stat facts {};
    if (::stat(other.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) folders.push_back(other);
  }
  return folders;
}

}  // namespace unionroot::session

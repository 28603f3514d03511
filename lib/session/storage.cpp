#include "session/storage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
#include "session/session_file.h"

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

std::string layers_folder(const definition::Settings& settings, const std::string& sessions_folder) {
  return sessions_folder == own_sessions_folder(settings) ? settings.state_directory + "/layers"
                                                          : sessions_folder + "/.unionroot-layers";
}

std::string orphans_folder(const definition::Settings& settings) { return settings.state_directory + "/orphans"; }

std::string orphans_folder(const definition::Settings& settings, const std::string& sessions_folder) {
  return sessions_folder == own_sessions_folder(settings) ? orphans_folder(settings)
                                                          : sessions_folder + "/.unionroot-orphans";
}

namespace {
constexpr const char* list_name = "overlay-directories";

// A former version marked its folders where others may have theirs too, and with the path of its state directory.
bool is_former_mark(const definition::Settings& settings, const std::string& sessions_folder, const owned::Mark& mark) {
  return sessions_folder == own_sessions_folder(settings) ? mark.text.empty() : mark.text == settings.state_directory;
}

}  // namespace

base::UniqueFd ensure_sessions_folder(const std::string& path) {
  return owned::ensure_place("the folder of sessions", path, 0711);
}

base::UniqueFd ensure_session_folder(const std::string& sessions_folder, const owned::Token& session) {
  const auto sessions = ensure_sessions_folder(sessions_folder);
  return owned::ensure_folder(sessions.get(), sessions_folder, session.session, session, 0700);
}

void discard_session_folder(Trash& trash, const std::string& sessions_folder, const std::string& trash_folder,
                            const owned::Token& session) {
  // Whoever can change the way to it, what goes has the session's token, which only root can give.
  const base::UniqueFd sessions(::open(sessions_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!sessions && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return;  // nothing of it is there
  if (!sessions) base::throw_errno("opening the folder", sessions_folder);
  if (owned::find(sessions.get(), session.session, session) == owned::Found::ours)
    trash.discard(sessions_folder, session.session, trash_folder);
  trash.discard(sessions_folder, owned::unfinished_name(session), trash_folder);
}

bool is_ours(const definition::Settings& settings, const std::string& daemon, int sessions,
             const std::string& sessions_folder, const std::string& name) {
  if (const auto unfinished = owned::token_of_unfinished(name)) return unfinished->daemon == daemon;
  const auto mark = owned::mark_of(sessions, name);
  if (mark.token) return mark.token->daemon == daemon;
  return is_former_mark(settings, sessions_folder, mark);
}

void mark_former_folder(const definition::Settings& settings, const std::string& sessions_folder,
                        const owned::Token& session) {
  const auto sessions = owned::open_place("the folder of sessions", sessions_folder);
  if (!sessions) return;
  const auto folder = owned::open_own_folder(sessions->get(), sessions_folder, session.session);
  if (!folder) return;
  const auto mark = owned::read_mark(folder->get());
  // A folder that only held the session file had no mark.
  const auto holds_its_file = [&] {
    const auto file = read_session_file(sessions->get(), sessions_folder, session.session);
    return mark.text.empty() && file && file->record.created == session.created;
  };
  if (!is_former_mark(settings, sessions_folder, mark) && !holds_its_file()) return;
  owned::set_mark(folder->get(), session);
  kernel::sync_directory(folder->get());  // the store notes that it is marked
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

// Where scripts look for schroot's sessions: /run/schroot/mount/ID and /var/lib/schroot/mount/ID lead to the host view
// of a session that the front end began, and /var/lib/schroot/session/ID reads as schroot's file of it. The last is
// there only where the real schroot is not installed: that would take the session for its own.
//
// Several daemons may run on a machine, and these folders are one. So they are used by a daemon that is told to
// (schroot-places), or by the machine's own where the front end is `schroot`; and only if no other has their lock. What
// is made there is known as this daemon's by where a link leads, or by a file's first line. Nothing else is ever
// removed or replaced, and nothing that is read there is believed.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "base/guarded.h"
#include "base/unique_fd.h"
#include "definition/schroot_keys.h"
#include "definition/settings.h"
#include "store/store.h"

namespace unionroot::session {

// The session as schroot's keys name it. definition: its own. location: on the host; upper: where its layer is.
definition::SchrootSession schroot_session(const store::SessionIdentity& session,
                                           const definition::Definition& definition, const std::string& location,
                                           const std::string& upper);

// Thread-safe.
class SchrootPlaces {
 public:
  // Takes the lock, and withdraws what a daemon has left that died. Logs it where it cannot.
  explicit SchrootPlaces(const definition::Settings& settings);
  SchrootPlaces(const SchrootPlaces&) = delete;
  SchrootPlaces& operator=(const SchrootPlaces&) = delete;
  ~SchrootPlaces() { withdraw_all(); }

  // Both idempotent, and nothing where the places are not used. What cannot be done is logged: a session is whole
  // without. view: the path of the session's view. record: what schroot's file of the session says; of its place.
  using Record = std::function<std::string(const std::string& place)>;
  void show(const std::string& session, const std::string& view, const Record& record) noexcept;
  void withdraw(const std::string& session) noexcept;
  void withdraw_all() noexcept;
  // Of a session that is shown; nullopt: of none.
  [[nodiscard]] std::optional<std::string> path_of(const std::string& session) const;

 private:
  void open(const definition::Settings& settings);
  [[nodiscard]] std::string target_in(int folder, const std::string& name) const;
  void link(int folder, const std::string& name, const std::string& target) const;
  void remove_ours(int folder, const std::string& name, const std::string& beneath) const;
  [[nodiscard]] std::string mark() const;
  [[nodiscard]] bool is_our_record(const std::string& name) const;
  void write_record(const std::string& session, const std::string& text) const;
  void remove_all_records() const;
  void remove_all_ours(int folder, const std::string& beneath) const;

  std::string views_;       // <runtime>/mount/
  std::string run_mounts_;  // /run/schroot/mount/
  std::string called_;      // as schroot calls that folder: /var/run/schroot/mount/
  base::UniqueFd lock_;
  base::UniqueFd run_, state_;  // the two folders of links, if the places are used
  base::UniqueFd records_;      // that of the files; none where they are the real schroot's
  base::Guarded<std::set<std::string>> shown_;
};

}  // namespace unionroot::session

// The places where scripts look for schroot's sessions. /run/schroot/mount/ID and /var/lib/schroot/mount/ID lead to the
// host view of a session that the front end began. /var/lib/schroot/session/ID reads like schroot's file of it. That
// file exists only if the real schroot is not installed, since schroot would take the session for its own.
//
// A machine may have several daemons but has only one set of these folders. A daemon uses them if it is configured to
// (schroot-places), or if it is the machine's own and the front end is installed as `schroot`, and only while it holds
// their lock. It recognizes its own links by their targets and its own files by their first line. It never removes,
// replaces or trusts anything else.
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

// The session in schroot's terms. definition: its own. location: on the host; upper: the path of its layer.
definition::SchrootSession schroot_session(const store::SessionIdentity& session,
                                           const definition::Definition& definition, const std::string& location,
                                           const std::string& upper);

// Thread-safe.
class SchrootPlaces {
 public:
  // Takes the lock and removes what a dead daemon left. Failures are logged.
  explicit SchrootPlaces(const definition::Settings& settings);
  SchrootPlaces(const SchrootPlaces&) = delete;
  SchrootPlaces& operator=(const SchrootPlaces&) = delete;
  ~SchrootPlaces() { withdraw_all(); }

  // These are idempotent, and do nothing if the places are not used. Failures are logged, since sessions work without
  // the places. view: the path of the session's view. record: returns schroot's file of the session for a place.
  using Record = std::function<std::string(const std::string& place)>;
  void show(const std::string& session, const std::string& view, const Record& record) noexcept;
  void withdraw(const std::string& session) noexcept;
  void withdraw_all() noexcept;
  // The place of a session that is shown; nullopt: it is not shown.
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
  std::string called_;      // schroot's name for that folder: /var/run/schroot/mount/
  base::UniqueFd lock_;
  base::UniqueFd run_, state_;  // the two folders of links, if the places are used
  base::UniqueFd records_;      // the folder of session files; none if the real schroot has it
  base::Guarded<std::set<std::string>> shown_;
};

}  // namespace unionroot::session

// A stage: one ordered step of set-up with its exact reverse.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"
#include "mount/namespace.h"
#include "session/progress.h"
#include "session/services.h"
#include "store/store.h"

namespace unionroot::session {

// See files_layers.h.
struct FilesLayer {
  std::string name;
  std::string path;                // on the host
  std::vector<std::string> notes;  // of the writing
};

// What a session is made of while the daemon runs. Stages fill it in; a recovered session's stages do so again.
struct SessionContext {
  Services& services;
  std::string id;
  std::shared_ptr<const definition::Definition> definition;  // the source variant, for a source session
  store::SessionKind kind = store::SessionKind::preserved;
  uid_t owner = 0;
  std::string owner_name;
  bool source = false;              // works on the source tree itself, for all later sessions
  bool recovering = false;          // set-up of a session that has an upper layer already
  std::function<bool()> cancelled;  // asked in long stages; may be empty

  std::vector<std::string> directories;   // of the source on the host, top layer first
  std::vector<base::UniqueFd> layers;     // detached trees, top first: what the union stage lays; consumed by it
  std::optional<mount::Namespace> space;  // the session's mount namespace
  std::string upper;                      // where the upper layer is on the host; empty if none
  std::vector<std::string> notes;         // worth telling: conflicts, skipped files
  std::function<void(const Progress&)> progress;  // told in long stages, often; may be empty
  bool begun = false;                             // it was active once: what it did to its source counts
  // The session's root, while it stands, where its upper layer has a file system of its own: the root's statfs(2) is
  // that of the upper layer. Listings hold it weakly, since a descriptor of the root keeps it mounted.
  std::shared_ptr<base::UniqueFd> measured = nullptr;
  std::shared_ptr<const FilesLayer> files_layer = nullptr;  // the top lower layer, if its files are written already
  // False: what was changed in a copy of its source stays where it is, and is not put into the source when it ends.
  bool puts_back = true;
  std::string selected_name = {};  // what was asked for: a name or an alias, with its namespace if one was given

  [[nodiscard]] bool automatic() const { return kind == store::SessionKind::automatic; }
};

// Small facts that tear_down and recover need; kept in the journal once set_up has returned. The daemon may die before
// that, so tear_down must be able to undo a part-done set_up from the definition and the session's id alone.
using StageData = std::map<std::string, std::string>;

enum class Recovery { intact, partial, gone };

// What a tear-down leaves.
enum class TearDown {
  everything,  // the session ends: its data goes too
  keep_data,   // the session is to be set up again later: upper layer, images and snapshots stay
};

class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;

  // False: sessions on such a definition do without it, and nothing is written down for it.
  [[nodiscard]] virtual bool applies(const SessionContext&) const { return true; }

  // Throws; may leave a part done, which tear_down then undoes.
  virtual void set_up(SessionContext& context, StageData& data) = 0;

  // Idempotent: undoes whatever set_up did, all, part or none of it. `data` is what set_up left in the journal, perhaps
  // nothing. Throws if something could not be undone, after having tried the rest.
  virtual void tear_down(SessionContext& context, const StageData& data, TearDown mode) = 0;

  // After a restart of the daemon: what is there of this stage? Fills in the context if it is intact.
  virtual Recovery recover(SessionContext& context, const StageData& data) = 0;
};

using Stages = std::vector<std::unique_ptr<Stage>>;

// The stages of every session, in order. The one place that knows the order.
Stages session_stages();

}  // namespace unionroot::session

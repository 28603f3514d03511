#include "session/layer_places.h"

#include <sys/stat.h>

#include <variant>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "session/backings/backing.h"
#include "session/restack.h"

namespace unionroot::session {

using base::concat;

namespace {

bool is_folder(const std::string& path) {
  struct stat status {};
  return !path.empty() && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// On the host; "" if it is nowhere there.
std::string store_on_host(const Session& session) {
  const auto upper = session.shown.lock()->upper;
  return session.definition->has_union() && is_folder(upper) ? std::string(base::parent_path(upper)) : std::string();
}

// As Namespace::copy_layers has it.
std::string store_in_copy(const Session& session) {
  std::string name;
  for (const auto& stage : session.shown.lock()->stages)
    if (const auto* const data = std::get_if<UnionData>(&stage.data)) name = data->backing;
  const auto* const backing = backing_named(name);
  const auto folder = backing != nullptr ? backing->folder(session.id()) : std::string();
  return folder.empty() ? std::string("/store") : concat("/store/", folder);
}

struct stat facts_of(const std::string& path) {
  struct stat status {};
  base::check(::stat(path.c_str(), &status), "looking at a lower layer");
  return status;
}

// The template has folders for more than there are. What is mounted on one has another device.
std::vector<std::string> lowers_in_copy() {
  const auto folders = facts_of("/lower").st_dev;
  std::vector<std::string> lowers;
  while (true) {
    const auto path = concat("/lower/", lowers.size());
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || status.st_dev == folders) return lowers;
    lowers.push_back(path);
  }
}

bool in_copy(Services& services, const Session& session, const std::function<void()>& action) {
  auto kept = services.views.open_layers(session.id());
  if (!kept) return false;
  services.namespaces.adopt(std::move(kept)).visit(action);
  return true;
}

}  // namespace

bool in_store(Services& services, const Session& session, const std::function<void(const std::string&)>& action) {
  if (!session.definition->has_union()) return false;
  if (in_copy(services, session, [&] { action(store_in_copy(session)); })) return true;
  const auto store = store_on_host(session);
  if (!store.empty()) action(store);
  return !store.empty();
}

bool in_layers(Services& services, const Session& session, const SetUp& made,
               const std::function<void(const LayerPlaces&)>& action) {
  if (!session.definition->has_union()) return false;
  if (in_copy(services, session, [&] { action({store_in_copy(session), lowers_in_copy(), {}}); })) return true;
  LayerPlaces places{store_on_host(session), made.directories, frozen_uppers(services, session)};
  if (places.store.empty() || places.lowers.empty()) return false;
  if (made.files_layer) places.lowers.insert(places.lowers.begin(), made.files_layer->path);
  action(places);
  return true;
}

}  // namespace unionroot::session

#include "daemon/exports.h"

#include <unordered_set>
#include <utility>

#include "daemon/object_paths.h"

namespace unionroot::daemon {

void Exports::session(const session::SessionView& view) {
  // A new session of the same name: announce the end of the former one first.
  if (const auto former = sessions_.find(view.record.id);
      former != sessions_.end() && !former->second->shows(view.record))
    session_gone(view.record.id);
  auto& object = sessions_[view.record.id];
  if (object) {
    object->update(view);
    return;
  }
  try {
    if (const auto owing = owing_.find(view.record.id); owing != owing_.end()) {
      object = owing->second.lock();
      owing_.erase(owing);
    }
    if (object)
      object->become(view);
    else
      object = std::make_shared<SessionObject>(loop_, manager_.objects(), requests_, view);
  } catch (...) {
    sessions_.erase(view.record.id);
    throw;
  }
  manager_.announce("SessionNew", view.record.id, object->getObjectPath());
}

void Exports::progress(const std::string& id, const session::Progress& progress) {
  const auto found = sessions_.find(id);
  if (found != sessions_.end()) found->second->update(progress);
}

void Exports::session_gone(const std::string& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  auto object = std::move(found->second);
  sessions_.erase(found);
  object->leave();
  manager_.announce("SessionRemoved", id, object->getObjectPath());
  const std::weak_ptr<SessionObject> owing = object;
  object.reset();
  std::erase_if(owing_, [](const auto& each) { return each.second.expired(); });
  if (!owing.expired()) owing_[id] = owing;
}

void Exports::chroots(const definition::Snapshot& snapshot) {
  std::unordered_set<std::string> present;
  for (const auto& definition : snapshot.chroots) {
    present.insert(definition->name);
    auto& object = chroots_[definition->name];
    if (object) {
      object->update(definition);
      continue;
    }
    try {
      object = std::make_unique<ChrootObject>(loop_, manager_.objects(), definition);
    } catch (...) {
      chroots_.erase(definition->name);
      throw;
    }
    manager_.announce("ChrootNew", definition->name, object->getObjectPath());
  }
  for (auto each = chroots_.begin(); each != chroots_.end();) {
    if (present.count(each->first) != 0) {
      ++each;
      continue;
    }
    const auto object = std::move(each->second);
    const std::string name = each->first;
    each = chroots_.erase(each);
    object->leave();
    manager_.announce("ChrootRemoved", name, object->getObjectPath());
  }
}

}  // namespace unionroot::daemon

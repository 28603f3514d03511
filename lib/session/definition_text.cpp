#include "session/definition_text.h"

#include <map>
#include <mutex>

namespace unionroot::session {

std::string definition_text(const definition::DefinitionPtr& definition) {
  // Keyed by address, since definitions are immutable. A later definition may have the address of an expired one, so
  // each entry is compared with the pointer that made it.
  struct Entry {
    std::weak_ptr<const definition::Definition> made_from;
    std::string text;
  };
  static std::mutex mutex;
  static std::map<const definition::Definition*, Entry> texts;
  const std::lock_guard guard(mutex);
  auto& entry = texts[definition.get()];
  if (entry.made_from.lock() != definition) {
    std::erase_if(texts,
                  [&](const auto& item) { return item.first != definition.get() && item.second.made_from.expired(); });
    auto& fresh = texts[definition.get()];
    fresh = {definition, definition::serialize(*definition)};
    return fresh.text;
  }
  return entry.text;
}

}  // namespace unionroot::session

#include "session/sources/source.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::session {

const SourceKind& source_kind(const definition::Definition& definition) {
  if (std::holds_alternative<definition::DirectorySource>(definition.source) ||
      std::holds_alternative<definition::LayersSource>(definition.source))
    return directory_source();
  if (std::holds_alternative<definition::FileSource>(definition.source)) return tarball_source();
  throw base::Error(base::ErrorCode::not_supported,
                    base::concat("chroot ", definition.name, ": sessions on type ", definition.type,
                                 " are not supported by this version"),
                    "use type=directory with union-type=overlay on an unpacked tree");
}

std::vector<SourceTree> source_trees(const definition::Definition& definition) {
  auto trees = source_kind(definition).trees(definition);
  std::sort(trees.begin(), trees.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  const auto same = [](const auto& a, const auto& b) { return a.key == b.key; };
  trees.erase(std::unique(trees.begin(), trees.end(), same), trees.end());
  return trees;
}

}  // namespace unionroot::session

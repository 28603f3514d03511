// oci: an image layout on disk. Each layer is unpacked once. Images that have it on top of the same layers share it.
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/backings/backing.h"
#include "session/sources/archives.h"
#include "session/sources/cached.h"
#include "session/sources/source.h"
#include "source/oci_layout.h"
#include "source/sha256.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using source::OciLayer;
using source::OciLayout;
using source::Sha256;
using source::sha256_of;

namespace {

const definition::OciSource& source_of(const definition::Definition& definition) {
  return std::get<definition::OciSource>(definition.source);
}

// The trees that are visible, among those of all layers, top first.
std::vector<std::string> shown(std::vector<std::string> trees) {
  for (std::size_t i = 0; i + 1 < trees.size(); ++i)
    if (archive::hides_all_below(kernel::open_directory(trees[i]).get())) trees.resize(i + 1);
  return trees;
}

// below: the trees of the layers beneath it, top first.
void unpack_layer(Operation& operation, const OciLayout& layout, const OciLayer& layer,
                  const std::vector<std::string>& below, int folder, const CacheRequest& request) {
  const auto file = layout.open_blob(layer);
  const auto what = concat("unpacking layer ", request.count - request.index, " of ", request.count, ", ", layer.path);
  auto options = unpack_options(operation, layer.path, what, request.key);
  options.layer = true;
  std::vector<base::UniqueFd> opened;
  for (const auto& path : shown(below)) {
    opened.push_back(kernel::open_directory(path));
    options.below.push_back(opened.back().get());
  }
  // The digest is taken of the bytes that are unpacked, so nobody can change them in between.
  Sha256 sum;
  options.observe = [&](std::string_view data) { sum.add(data); };
  auto unpacked = archive::unpack(file.get(), folder, options);
  const auto digest = sum.digest();
  if (digest != layer.digest)
    throw Error(ErrorCode::stage_failed,
                concat(layer.path, ": its content has the digest sha256:", digest, ", which is not its name"),
                "the file is damaged or forged; make the layout again: skopeo copy docker://IMAGE oci:DIRECTORY:TAG");
  operation.notes(std::move(unpacked.notes));
  report_syncing(operation, layer.path);
}

class OciSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    // A recovered session gets the trees on which its upper layer was made, even if the image has changed.
    if (auto trees = take_cached_again(operation, data)) return shown(std::move(*trees));
    const auto& source = source_of(operation.definition());
    const OciLayout layout(operation.definition().name, source.directory);
    auto layers = layout.layers(source.reference);
    std::set<std::string> seen;
    // If a layer occurs twice, only the upper one is used. The lower one adds nothing visible, and overlayfs refuses a
    // layer twice.
    std::vector<OciLayer> stack;
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
      if (seen.insert(layer->digest).second) stack.push_back(*layer);
    constexpr std::size_t most = 500;  // lower layers that one overlay may have
    if (stack.size() > most)
      throw Error(ErrorCode::stage_failed,
                  concat("the image has ", stack.size(), " layers; at most ", most, " can be stacked"),
                  "make an image with fewer layers of it, for example by squashing it");

    const auto keys = keys_of(stack);
    if (keeps_trees(operation) && !operation->accept_source && data.cache_keys != base::join(keys, " "))
      throw_another_tree(operation, data,
                         concat("the image in ", source.directory, " has ",
                                keys.empty() ? "no layers" : concat("the key ", keys.front()), " now"));
    data.cache_keys = base::join(keys, " ");
    // Begins at the bottom, because a layer refers to those below it.
    std::vector<std::string> trees;
    for (auto index = stack.size(); index-- > 0;)
      trees.insert(trees.begin(), take(operation, layout, stack[index], keys[index], trees, stack.size()));
    return shown(std::move(trees));
  }

  void tear_down(Operation& operation, const TreeData&, TearDown mode) const override {
    if (mode == TearDown::everything) TreeCache(operation.services()).release(operation.token());
  }

  Recovery recover(Operation& operation, const TreeData& data) const override {
    auto trees = recover_cached(operation, data);
    if (!trees) return Recovery::gone;
    operation->directories = shown(std::move(*trees));
    return Recovery::intact;
  }

 private:
  // The keys of the stack, top first. A key means a layer with all layers below it, as the ChainID in image-spec's
  // config.md.
  static std::vector<std::string> keys_of(const std::vector<OciLayer>& stack) {
    std::vector<std::string> keys;
    std::string chain;
    for (auto layer = stack.rbegin(); layer != stack.rend(); ++layer) {
      chain = chain.empty() ? layer->digest : sha256_of(concat("sha256:", chain, " sha256:", layer->digest));
      keys.insert(keys.begin(), concat("layer-sha256-", chain));
    }
    return keys;
  }

  static std::string take(Operation& operation, const OciLayout& layout, const OciLayer& layer, const std::string& key,
                          const std::vector<std::string>& below, std::size_t count) {
    CacheRequest request;
    request.key = key;
    request.durable = !operation.automatic();
    request.origin = layer.path;
    request.session = operation.token();
    request.index = static_cast<unsigned>(count - below.size() - 1);
    request.count = static_cast<unsigned>(count);
    request.cancelled = operation->cancelled;
    request.waits = [&](std::uint64_t done, std::uint64_t total) {
      report(operation, concat("waiting until another session has unpacked ", layer.path), done, total);
    };
    request.make = [&](int folder) { unpack_layer(operation, layout, layer, below, folder, request); };
    return cache_of(operation).take(request);
  }
};

}  // namespace

const SourceKind& oci_source() {
  static const OciSourceKind kind;
  return kind;
}

}  // namespace unionroot::session

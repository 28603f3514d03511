// The documents of an OCI image layout. The first byte of the input says which of them the rest is.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "fuzz.h"
#include "memory_folder.h"
#include "source/oci_layout.h"
#include "source/sha256.h"

namespace unionroot::fuzz {

namespace {

enum Document : char { manifest = 'm', index = 'i', inner_index = 'n', layout = 'l' };

class Layout {
 public:
  Layout() { clear(); }

  void clear() const {
    memory_.clear();
    for (const auto* name : {"blobs", "blobs/sha256"})
      base::check(::mkdirat(memory_.descriptor(), name, 0755), "making", name);
  }
  [[nodiscard]] std::string path() const { return memory_.path(); }

  void write(const std::string& name, const std::string& text) const {
    const base::UniqueFd file(base::check(
        ::openat(memory_.descriptor(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "making", name));
    base::write_all(file.get(), text, name);
  }
  // An index with one descriptor of this blob, which is written too.
  [[nodiscard]] std::string index_of(const std::string& blob, const std::string& type) const {
    const auto digest = source::sha256_of(blob);
    write("blobs/sha256/" + digest, blob);
    return base::concat(R"({"manifests":[{"mediaType":"application/vnd.oci.image.)", type, R"(","digest":"sha256:)",
                        digest, R"(","size":)", blob.size(), "}]}");
  }

 private:
  MemoryFolder memory_;
};

std::vector<source::OciLayer> layers_of(const std::string& path, const std::string& reference) {
  auto layers = source::OciLayout("fuzz", path).layers(reference);
  if (planted)
    for (auto& layer : layers)
      if (layer.size > 2147483647) layer.path += "/..";
  return layers;
}

void check(const source::OciLayer& layer, const std::string& path) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  require(layer.digest.size() == 64 && std::all_of(layer.digest.begin(), layer.digest.end(), is_digit),
          "a digest is hexadecimal", layer.digest);
  require(layer.path == path + "/blobs/sha256/" + layer.digest, "a layer is a blob of the layout", layer.path);
}

}  // namespace

void run(std::string_view input) {
  if (input.empty()) return;
  const std::string text(input.substr(1));
  static const Layout place;
  place.clear();
  place.write("oci-layout", input[0] == layout ? text : R"({"imageLayoutVersion":"1.0.0"})");
  if (input[0] == index)
    place.write("index.json", text);
  else
    place.write("index.json", place.index_of(text, input[0] == inner_index ? "index.v1+json" : "manifest.v1+json"));
  for (const auto* reference : {"", "stable"}) {
    try {
      for (const auto& layer : layers_of(place.path(), reference)) check(layer, place.path());
    } catch (const base::Error& refusal) {
      require_showable(refusal);
    }
  }
}

}  // namespace unionroot::fuzz

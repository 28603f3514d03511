#include "source/oci_layout.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "source/root_file.h"
#include "source/sha256.h"

namespace unionroot::source {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;
using base::UniqueFd;
using Json = nlohmann::json;

namespace {

constexpr std::size_t largest_document = std::size_t{4} << 20;
constexpr const char* hint = "make the layout again: skopeo copy docker://IMAGE oci:DIRECTORY:TAG";
constexpr const char* reference_key = "org.opencontainers.image.ref.name";

constexpr std::string_view index_types[] = {"application/vnd.oci.image.index.v1+json",
                                            "application/vnd.docker.distribution.manifest.list.v2+json"};
constexpr std::string_view manifest_types[] = {"application/vnd.oci.image.manifest.v1+json",
                                               "application/vnd.docker.distribution.manifest.v2+json"};

template <std::size_t Count>
bool is_one_of(std::string_view word, const std::string_view (&words)[Count]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

[[noreturn]] void fail(const std::string& file, const std::string& why, const std::string& advice = hint) {
  throw Error(ErrorCode::stage_failed, concat(file, ": ", why), advice);
}

// A JSON document. Errors about missing members name the file; nlohmann's own exceptions do not.
class Document {
 public:
  Document(std::string file, const std::string& text)
      : file_(std::move(file)), json_(Json::parse(text, nullptr, false)) {
    if (json_.is_discarded()) fail(file_, "is not JSON");
    if (!json_.is_object()) fail(file_, "is not a JSON object");
  }

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const Json& json() const { return json_; }

  [[nodiscard]] std::string text(const Json& object, const char* key) const {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end() || !found->is_string())
      fail(file_, concat("has no text '", key, "' where one is expected"));
    return found->get<std::string>();
  }

  [[nodiscard]] const Json& list(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_array()) fail(file_, concat("has no list '", key, "'"));
    return *found;
  }

 private:
  std::string file_;
  Json json_;
};

std::string optional_text(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string reference_of(const Json& descriptor) {
  const auto annotations = descriptor.find("annotations");
  return annotations == descriptor.end() ? std::string() : optional_text(*annotations, reference_key);
}

// Image indexes use Go's names for machines. This translates what uname(2) says.
std::string machine() {
  static constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"x86_64", "amd64"},    {"aarch64", "arm64"}, {"armv7l", "arm"},      {"i686", "386"},
      {"ppc64le", "ppc64le"}, {"s390x", "s390x"},   {"riscv64", "riscv64"}, {"loongarch64", "loong64"}};
  utsname name{};
  base::check(::uname(&name), "asking for the machine's kind");
  for (const auto& [theirs, go] : words)
    if (theirs == name.machine) return std::string(go);
  return name.machine;
}

bool fits(const Json& descriptor, const std::string& architecture) {
  const auto platform = descriptor.find("platform");
  return platform != descriptor.end() && optional_text(*platform, "os") == "linux" &&
         optional_text(*platform, "architecture") == architecture;
}

OciLayer descriptor_of(const Document& in, const Json& descriptor, const std::string& directory) {
  OciLayer made;
  made.digest = parse_digest(in.text(descriptor, "digest"), in.file());
  const auto size = descriptor.find("size");
  if (size == descriptor.end() || !size->is_number_unsigned())
    fail(in.file(), concat("has no 'size' for sha256:", made.digest));
  made.size = size->get<std::uint64_t>();
  made.path = concat(directory, "/blobs/sha256/", made.digest);
  return made;
}

// Returns the only image with the wanted name. Without a name, the index must have exactly one image.
const Json& choose(const Document& index, const std::string& reference) {
  const auto& manifests = index.list("manifests");
  const Json* found = nullptr;
  std::vector<std::string> names;
  for (const auto& descriptor : manifests) {
    if (!descriptor.is_object()) fail(index.file(), "has a manifest that is not an object");
    const auto name = reference_of(descriptor);
    if (!name.empty()) names.push_back(printable(name));
    if (!reference.empty() && name != reference) continue;
    if (found != nullptr)
      fail(index.file(),
           reference.empty() ? concat("has several images: ", base::join(names, ", "), " ...")
                             : concat("has several images named '", printable(reference), "'"),
           "choose one with reference=NAME in the chroot's definition");
    found = &descriptor;
  }
  if (found != nullptr) return *found;
  if (reference.empty()) fail(index.file(), "has no image");
  fail(index.file(),
       concat("has no image named '", printable(reference),
              "'; there are: ", names.empty() ? "none with a name" : base::join(names, ", ")),
       "correct reference in the chroot's definition");
}

}  // namespace

std::string parse_digest(const std::string& text, const std::string& file) {
  constexpr std::string_view prefix = "sha256:";
  const bool right = text.starts_with(prefix) && text.size() == prefix.size() + 64 &&
                     text.find_first_not_of("0123456789abcdef", prefix.size()) == std::string::npos;
  // The digest becomes a file name, so it is checked strictly.
  if (!right) fail(file, concat("has the digest '", printable(text), "'; expected sha256: and 64 hexadecimal digits"));
  return text.substr(prefix.size());
}

OciLayout::OciLayout(std::string chroot, std::string directory)
    : chroot_(std::move(chroot)), directory_(std::move(directory)) {
  const auto path = path_of("oci-layout");
  const auto file = open_trusted_file(chroot_, "image layout's", path);
  const Document layout(path, base::read_all(file.get(), path, largest_document));
  const auto version = layout.text(layout.json(), "imageLayoutVersion");
  if (!version.starts_with("1."))
    fail(path, concat("is of version ", printable(version), "; only versions 1.x are supported"));
}

UniqueFd OciLayout::open_blob(const OciLayer& layer) const {
  auto file = open_trusted_file(chroot_, "blob", layer.path);
  struct stat facts {};
  base::check(::fstat(file.get(), &facts), "looking at", layer.path);
  if (static_cast<std::uint64_t>(facts.st_size) != layer.size)
    fail(layer.path, concat("has ", facts.st_size, " bytes; its descriptor says ", layer.size));
  return file;
}

std::vector<OciLayer> OciLayout::layers(const std::string& reference) const {
  const auto index_path = path_of("index.json");
  const auto index_file = open_trusted_file(chroot_, "image index", index_path);
  const auto document_of = [&](const OciLayer& blob) {
    if (blob.size > largest_document)
      fail(blob.path, concat("would be a document of ", blob.size, " bytes; at most ", largest_document, " are read"));
    const auto text = base::read_all(open_blob(blob).get(), blob.path, largest_document);
    if (sha256_of(text) != blob.digest) fail(blob.path, "its content does not have the digest that is its name");
    return Document(blob.path, text);
  };
  Document index(index_path, base::read_all(index_file.get(), index_path, largest_document));
  const Json* chosen = &choose(index, reference);
  std::optional<Document> manifest;
  // An image for several machines is a further index, possibly nested.
  for (int depth = 0;; ++depth) {
    const auto& within = manifest ? *manifest : index;
    const auto type = optional_text(*chosen, "mediaType");
    auto next = document_of(descriptor_of(within, *chosen, directory_));
    const auto own_type = optional_text(next.json(), "mediaType");
    const bool is_index = is_one_of(type, index_types) || (type.empty() && is_one_of(own_type, index_types));
    if (!is_index && !type.empty() && !is_one_of(type, manifest_types))
      fail(within.file(), concat("lists an item of the type ", printable(type), ", which is not an image"));
    manifest.emplace(std::move(next));
    if (!is_index) break;
    if (depth == 4) fail(manifest->file(), "is an index inside too many other indexes");
    const auto& platforms = manifest->list("manifests");
    const auto architecture = machine();
    const auto found = std::find_if(platforms.begin(), platforms.end(),
                                    [&](const auto& one) { return one.is_object() && fits(one, architecture); });
    if (found == platforms.end())
      fail(manifest->file(), concat("has no image for linux on ", architecture),
           "copy one that has: skopeo --override-arch");
    chosen = &*found;
  }
  std::vector<OciLayer> layers;
  for (const auto& descriptor : manifest->list("layers")) {
    const auto type = manifest->text(descriptor, "mediaType");
    const bool known = type.find(".tar") != std::string::npos && type.find("encrypted") == std::string::npos;
    if (!known)
      fail(manifest->file(),
           concat("has a layer of the type ", printable(type), "; supported are tar, tar+gzip and tar+zstd"));
    layers.push_back(descriptor_of(*manifest, descriptor, directory_));
  }
  if (layers.empty()) fail(manifest->file(), "has no layers");
  return layers;
}

}  // namespace unionroot::source

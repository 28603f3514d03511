// Reads an OCI image layout on disk and lists the layers of an image. image-spec: image-layout.md, image-index.md,
// manifest.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::source {

struct OciLayer {
  std::string digest;  // 64 hexadecimal digits: SHA-256 of the blob
  std::uint64_t size = 0;
  std::string path;  // of the blob; for messages and for the cache
};

// Returns the digits of "sha256:<64 hexadecimal digits>". Throws Error(stage_failed) that names `file`, where the text
// was read.
std::string parse_digest(const std::string& text, const std::string& file);

class OciLayout {
 public:
  // chroot: for messages. Throws Error(stage_failed) that names the faulty file: it is missing, does not belong to
  // root, or is not part of a layout.
  OciLayout(std::string chroot, std::string directory);

  // Returns the layers of the image, lowest first. reference: the image's org.opencontainers.image.ref.name; empty: the
  // only image. An image for several machines gives the layers for this machine. Every manifest and nested index is
  // checked against its digest; index.json and the layers are not.
  [[nodiscard]] std::vector<OciLayer> layers(const std::string& reference) const;

  // Opens a layer's blob, a regular file of root's. Checks its size, but not its content.
  [[nodiscard]] base::UniqueFd open_blob(const OciLayer& layer) const;

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

  std::string chroot_;
  std::string directory_;
};

}  // namespace unionroot::source

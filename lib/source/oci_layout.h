// An OCI image layout on disk: which layers an image has. image-spec: image-layout.md, image-index.md, manifest.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::source {

struct OciLayer {
  std::string digest;  // 64 hexadecimal digits: SHA-256 of the blob
  std::uint64_t size = 0;
  std::string path;  // of the blob, for messages and for the cache
};

// "sha256:<64 hexadecimal digits>" without the prefix; throws Error(stage_failed) naming `file`, where it was read.
std::string parse_digest(const std::string& text, const std::string& file);

class OciLayout {
 public:
  // chroot: for messages. Throws Error(stage_failed) naming the file that is missing, not root's, or not a layout's.
  OciLayout(std::string chroot, std::string directory);

  // The layers of the image, lowest first. reference: its org.opencontainers.image.ref.name; empty: the only image
  // there is. Of an image for several machines, the one for this machine. Every file but the layers themselves is
  // checked against its digest.
  [[nodiscard]] std::vector<OciLayer> layers(const std::string& reference) const;

  // A layer's blob, a regular file of root's; its size is checked, its content is not.
  [[nodiscard]] base::UniqueFd open_blob(const OciLayer& layer) const;

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

  std::string chroot_;
  std::string directory_;
};

}  // namespace unionroot::source

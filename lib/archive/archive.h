// Unpacks a tarball into a folder, and packs a folder into a tarball.
//
// Everything goes through directory descriptors. Nothing outside the folder is ever written or read, whatever the
// archive contains: docs/sources.md has the rules.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/compression.h"

namespace unionroot::archive {

// Limits for what an archive unpacks to. `bytes` counts what is written, so a hole in a sparse file costs nothing.
struct Limits {
  std::uint64_t bytes = std::uint64_t{16} << 30;
  std::uint64_t members = std::uint64_t{4} << 20;
};

// `bytes` (0: the default of 16 GiB), and one member for each 4 KiB of them, but at least 65536 members.
Limits limits_for(std::uint64_t bytes);

struct Options {
  std::string name;  // name of the archive, for messages
  Limits limits;
  // The archive is an OCI layer: .wh.NAME and .wh..wh..opq become the marks of overlayfs that mean the same.
  bool layer = false;
  // The unpacked layers beneath this one, top first, as descriptors of their roots; borrowed. If a name leads through a
  // symbolic link in these layers, the member is made where the link leads. A folder that the archive needs but does
  // not list keeps the owner, mode, attributes and time that it has there.
  std::vector<int> below;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes of the archive read; may be empty
  std::function<bool()> cancelled;                                        // called often; may be empty
  std::function<void(std::string_view)> observe;  // gets every byte of the archive, to its end; may be empty
};

struct Unpacked {
  std::uint64_t bytes = 0;
  std::uint64_t members = 0;
  std::vector<std::string> notes;  // what could not be kept, such as an attribute that the file system cannot store
};

// Unpacks the archive, from the start of the file, into the folder, which must be empty and out of reach of others. The
// content tells the compression: gzip, bzip2, xz, zstd, lz4 or none. Owners are taken by number.
//
// Throws Error: `failed` with the member that is refused, or with what is broken; `limit_exceeded` with the member that
// exceeds the limit; `cancelled`. What was unpacked before stays, and the caller deletes it.
Unpacked unpack(int archive, int folder, const Options& options);

// True if an unpacked layer hides everything below it: `.wh..wh..opq` in its root. overlayfs ignores this mark on a
// root, so the caller must leave out the layers below.
bool hides_all_below(int folder);

struct Packed {
  std::uint64_t members = 0;
  std::vector<std::string> notes;  // such as sockets that were left out
};

// Packs the folder and the tree beneath it, in pax format. Never enters another mount: such a folder is packed empty.
// `progress` gets the bytes of files that are packed, and their total. The total is counted first, which takes little
// time compared with the compression. `options.limits` and `options.layer` have no effect.
Packed pack(int folder, int archive, Compression compression, const Options& options);

}  // namespace unionroot::archive

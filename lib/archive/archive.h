// Archives as trees: unpacking a tarball into a folder, and packing a folder into a tarball.
//
// Everything goes through directory descriptors. Nothing outside the folder is ever written or read, whatever the
// archive says: docs/sources.md has the rules.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/compression.h"

namespace unionroot::archive {

// What an archive may unpack to. Bytes are those that are written: a hole in a sparse file costs nothing.
struct Limits {
  std::uint64_t bytes = std::uint64_t{16} << 30;
  std::uint64_t members = std::uint64_t{4} << 20;
};

// `bytes` (0: the default of 16 GiB), and one member for each 4 KiB of them, but 65536 at least.
Limits limits_for(std::uint64_t bytes);

struct Options {
  std::string name;  // of the archive, for messages
  Limits limits;
  // The conventions of an OCI layer: .wh.NAME and .wh..wh..opq become what overlayfs takes for the same.
  bool layer = false;
  // The unpacked layers that this one lies on, top first, as descriptors of their roots; borrowed. Where a name leads
  // through a symlink that they have, what it leads to is meant; and folders that the archive only passes through keep
  // what they have there: owner, mode, attributes, time.
  std::vector<int> below;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes of the archive read; may be empty
  std::function<bool()> cancelled;                                        // asked often; may be empty
  std::function<void(std::string_view)> observe;  // every byte of the archive, to its end; may be empty
};

struct Unpacked {
  std::uint64_t bytes = 0;
  std::uint64_t members = 0;
  std::vector<std::string> notes;  // what could not be kept, such as an attribute that the file system has no room for
};

// Unpacks the archive, from the descriptor's start, into the folder, which is empty and which nobody else can reach.
// gzip, bzip2, xz, zstd, lz4 or none; told by content. Owners are taken by number.
//
// Throws Error: `failed` naming the member that is refused, or what is broken; `limit_exceeded` naming the member at
// which the limit was passed; `cancelled`. What was unpacked until then stays, for the caller to delete.
Unpacked unpack(int archive, int folder, const Options& options);

// Whether an unpacked layer hides all that lies below it: `.wh..wh..opq` in its root. overlayfs does not look for that
// mark there, so the layers below are to be left out.
bool hides_all_below(int folder);

struct Packed {
  std::uint64_t members = 0;
  std::vector<std::string> notes;  // sockets that were left out
};

// Packs the tree beneath the folder, the folder itself included, in pax format. Never enters another mount: such a
// folder is packed empty. `progress` gets the bytes of files packed, and how many there are: they are counted first,
// which takes a small part of the time that compressing them does. `options.limits` and `layer` mean nothing.
Packed pack(int folder, int archive, Compression compression, const Options& options);

}  // namespace unionroot::archive

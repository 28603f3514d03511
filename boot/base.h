// The base that an upper layer belongs to: the root over which it was first laid. It is recorded beside the layer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "identity/tree_identity.h"

namespace unionroot::boot {

struct Base {
  identity::TreeIdentity tree;
  std::string image;  // BUILD_ID, IMAGE_ID and IMAGE_VERSION of its os-release(5); empty: it has none

  [[nodiscard]] std::string text() const;  // as it is recorded
  [[nodiscard]] std::string described() const;
  bool operator==(const Base&) const = default;
};

Base base_of(int lower);                           // never throws
std::optional<Base> parse_base(std::string_view);  // nullopt: it says nothing
// Another image in the same file system is another base, too.
identity::Comparison compare(const Base& one, const Base& other);

enum class OnOtherBase {
  keep,     // the upper layer is left alone, and not used
  discard,  // it is deleted
  accept    // it is laid over this one
};

// Whether the upper layer `folder` of a file system may be laid over this base: "new", "same", "unknown", "accepted" or
// "discarded"; then it is deleted. device: for messages. Throws Error(failed) if it belongs to another and is kept.
std::string settle_base(int store, const std::string& folder, const Base& now, OnOtherBase policy,
                        const std::string& device);

// Once the overlay stands. What keeps it from being recorded is told.
void record_base(int store, const Base& now);

}  // namespace unionroot::boot

// The base of an upper layer is the root over which the layer was first mounted. It is recorded beside the layer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "identity/tree_identity.h"

namespace unionroot::boot {

struct Base {
  identity::TreeIdentity tree;
  std::string image;  // BUILD_ID, IMAGE_ID and IMAGE_VERSION of the root's os-release(5); empty: none

  [[nodiscard]] std::string text() const;  // the text of the record
  [[nodiscard]] std::string described() const;
  bool operator==(const Base&) const = default;
};

Base base_of(int lower);                           // never throws
std::optional<Base> parse_base(std::string_view);  // nullopt: the text is not a record
// Two different images are two different bases, even in the same file system.
identity::Comparison compare(const Base& one, const Base& other);

enum class OnOtherBase {
  keep,     // the upper layer stays unchanged, and is not used
  discard,  // the upper layer is deleted
  accept    // the upper layer is mounted over this base
};

// Decides whether the upper layer `folder` of a file system may be mounted over the base `now`. Returns "new", "same",
// "unknown", "accepted" or "discarded". With "discarded" the layer has been deleted. device: for messages. Throws
// Error(failed) if the layer belongs to another base and the policy is to keep it.
std::string settle_base(int store, const std::string& folder, const Base& now, OnOtherBase policy,
                        const std::string& device);

// Records the base. Called after the overlay is mounted. Errors are logged.
void record_base(int store, const Base& now);

}  // namespace unionroot::boot

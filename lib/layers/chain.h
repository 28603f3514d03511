// Chains of objects. Each object holds the next one.
#pragma once

#include <memory>
#include <utility>

namespace unionroot::layers {

// Releases the links in a loop. Recursive destructors would overflow the stack: a chain can be as long as a tree is
// deep. Links that others hold too stay.
template <typename Link>
void release_chain(std::shared_ptr<Link> link, std::shared_ptr<Link> Link::*next) {
  while (link && link.use_count() == 1) {
    auto following = std::move((*link).*next);
    link = std::move(following);
  }
}

}  // namespace unionroot::layers

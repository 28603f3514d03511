// Chains of objects, of which each holds the next one.
#pragma once

#include <memory>
#include <utility>

namespace unionroot::layers {

// Lets go of one link after the other: as destructors that call each other a chain as long as a tree may be deep would
// overflow the stack. What others hold as well stays.
template <typename Link>
void release_chain(std::shared_ptr<Link> link, std::shared_ptr<Link> Link::*next) {
  while (link && link.use_count() == 1) {
    auto following = std::move((*link).*next);
    link = std::move(following);
  }
}

}  // namespace unionroot::layers

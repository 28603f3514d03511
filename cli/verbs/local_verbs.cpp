// The verbs that need no daemon.
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

const std::vector<VerbEntry>& local_verbs() {
  static const std::vector<VerbEntry> verbs = {check_verb, lock_verb, locks_verb};
  return verbs;
}

}  // namespace unionroot::cli

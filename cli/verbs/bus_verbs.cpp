// The verbs that talk to the daemon.
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

const std::vector<VerbEntry>& bus_verbs() {
  static const std::vector<VerbEntry> verbs = {run_verb_entry, begin_verb,    end_verb,    list_verb,
                                               info_verb,      location_verb, recover_verb};
  return verbs;
}

}  // namespace unionroot::cli

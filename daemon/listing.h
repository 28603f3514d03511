// The sessions, for ListSessions: one look serves all requests that came before it.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "daemon/bus_loop.h"
#include "daemon/operations.h"
#include "daemon/scheduler/scheduler.h"
#include "session/sessions.h"

namespace unionroot::daemon {

// Bus thread only. A look copies the view of each session, so it runs on a worker, one at a time.
class Listing {
 public:
  struct Row {
    session::SessionView view;
    bool owner_is_known;  // Operations::owner_is_known()
  };
  using Rows = std::shared_ptr<const std::vector<Row>>;
  // Either the rows or an error.
  using Seen = std::function<void(const Rows&, const std::exception_ptr&)>;

  Listing(BusLoop& loop, Scheduler& scheduler, const session::Sessions& core, const Operations& operations)
      : loop_(loop), scheduler_(scheduler), core_(core), operations_(operations) {}

  // Calls `seen` with the sessions as they are now, or later.
  void look(Seen seen);

 private:
  void begin();
  void done(const Rows& rows, const std::exception_ptr& error);

  BusLoop& loop_;
  Scheduler& scheduler_;
  const session::Sessions& core_;
  const Operations& operations_;
  std::vector<Seen> waiting_;
  std::vector<Seen> served_;  // by the look that is under way
  bool looking_ = false;
};

}  // namespace unionroot::daemon

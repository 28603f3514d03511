#include "daemon/listing.h"

#include <utility>

namespace unionroot::daemon {

void Listing::look(Seen seen) {
  waiting_.push_back(std::move(seen));
  if (!looking_) begin();
}

void Listing::begin() {
  looking_ = true;
  served_ = std::exchange(waiting_, {});
  try {
    scheduler_.submit(Work::listing, 0, [this] {
      Rows rows;
      std::exception_ptr error;
      try {
        const auto owner_is_known = operations_.owner_is_known();
        std::vector<Row> seen;
        for (auto& view : core_.sessions()) {
          const bool known = owner_is_known(view);
          seen.push_back({std::move(view), known});
        }
        rows = std::make_shared<const std::vector<Row>>(std::move(seen));
      } catch (...) {
        error = std::current_exception();
      }
      loop_.post([this, rows = std::move(rows), error] { done(rows, error); });
    });
  } catch (...) {
    done({}, std::current_exception());  // the daemon stops
  }
}

void Listing::done(const Rows& rows, const std::exception_ptr& error) {
  looking_ = false;
  for (const auto& seen : std::exchange(served_, {})) seen(rows, error);
  if (!looking_ && !waiting_.empty()) begin();
}

}  // namespace unionroot::daemon

#include "daemon/bus/byte_budget.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

[[noreturn]] void refuse(const std::string& whose, std::size_t limit) {
  throw base::Error(
      base::ErrorCode::limit_exceeded,
      base::concat("requests of ", whose, " that are not answered yet take more than ", limit >> 20, " MiB"),
      "wait until some of them are done, or pass long data in a file or on standard input");
}

}  // namespace

std::shared_ptr<ByteBudget::Share> ByteBudget::take(std::size_t bytes) {
  return std::make_shared<Share>(used_, bytes < small_request ? 0 : bytes);
}

ByteBudget::Share::Share(std::shared_ptr<Used> used, std::size_t bytes) : used_(std::move(used)), bytes_(bytes) {
  if (bytes_ == 0) return;
  const std::lock_guard lock(used_->mutex);
  if (used_->unknown + bytes_ > most_of_unknown) refuse("callers whom the bus has not told yet", most_of_unknown);
  used_->unknown += bytes_;
}

void ByteBudget::Share::charge(uid_t uid) {
  if (bytes_ == 0) return;
  const std::lock_guard lock(used_->mutex);
  const auto user = used_->users.find(uid);
  const std::size_t used = user == used_->users.end() ? 0 : user->second;
  if (uid != 0 && used + bytes_ > most_of_a_user) refuse(base::concat("uid ", uid), most_of_a_user);
  used_->users[uid] = used + bytes_;
  used_->unknown -= bytes_;
  uid_ = uid;
}

ByteBudget::Share::~Share() {
  if (bytes_ == 0) return;
  const std::lock_guard lock(used_->mutex);
  if (!uid_) {
    used_->unknown -= bytes_;
    return;
  }
  const auto user = used_->users.find(*uid_);
  user->second -= bytes_;
  if (user->second == 0) used_->users.erase(user);
}

}  // namespace unionroot::daemon

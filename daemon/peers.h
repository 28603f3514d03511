// The uid and pid of each bus client, from the broker. They are kept until the client disconnects.
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace unionroot::daemon {

struct Peer {
  std::string name;  // unique name on the bus
  uid_t uid = static_cast<uid_t>(-1);
  pid_t pid = 0;  // 0: not known
  std::optional<std::uint64_t> start_time;
  std::atomic<bool> gone{false};  // it has disconnected; read from any thread
};
using PeerPtr = std::shared_ptr<Peer>;

// Bus thread only. Asks the broker once per client, not once per call.
class Peers {
 public:
  // left: called for each identified client that has disconnected. It must not throw.
  using Left = std::function<void(const std::string& name)>;
  Peers(sdbus::IConnection& connection, Left left);

  // Calls `known` with the client's identity: at once if it is cached, else when the broker has answered, in the order
  // of the calls. Calls `failed` if the broker does not give the identity: the client has gone. Neither may throw.
  void identify(const std::string& sender, std::function<void(const PeerPtr&)> known,
                std::function<void(std::exception_ptr)> failed);

  // Null: not identified yet.
  [[nodiscard]] PeerPtr find(const std::string& sender) const;

  [[nodiscard]] std::size_t count() const { return peers_.size(); }

 private:
  struct Waiting {
    std::function<void(const PeerPtr&)> known;
    std::function<void(std::exception_ptr)> failed;
  };
  void ask(const std::string& sender);
  void answered(const std::string& sender, const sdbus::Error* error,
                const std::map<std::string, sdbus::Variant>& credentials);
  void disconnected(const std::string& name);

  const Left left_;
  std::unordered_map<std::string, PeerPtr> peers_;
  std::unordered_map<std::string, std::vector<Waiting>> waiting_;
  std::unique_ptr<sdbus::IProxy> broker_;
};

}  // namespace unionroot::daemon

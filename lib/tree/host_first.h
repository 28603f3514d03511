// Removes entries of a tree's accounts that conflict with entries that must be the host's. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tree/merge.h"

namespace unionroot::tree {

// The accounts for which the host's entry wins: root, the session's user, root's group and the user's groups.
class HostFirst {
 public:
  // user: null if there is none, or if its entry cannot be written as a line of passwd.
  HostFirst(const MergeInput& input, const User* user);

  // True if an entry of the host or the tree conflicts with one of these accounts: it has the same name or number, but
  // not both. `whose` is set to the name of that account.
  [[nodiscard]] bool is_in_the_way(Database database, const Line& line, std::string_view& whose) const;

  // Returns a line of passwd. For one of these accounts it has the host's primary group.
  [[nodiscard]] std::string with_hosts_group(const Line& line) const;

  // Returns the tree's tables without conflicting entries. The user is removed from groups of the tree that the host
  // does not give, and gets the host's primary group. Otherwise newgrp(1) inside would give more rights than the host
  // does. Notes what was left out.
  [[nodiscard]] Tables clear(const Tables& tree, std::vector<std::string>& notes) const;

 private:
  struct Entry {
    std::string name;
    std::uint32_t id = 0;
    gid_t gid = 0;  // users only
  };
  [[nodiscard]] std::string users(const Table& table, std::vector<std::string>& notes) const;
  [[nodiscard]] std::string groups(const Table& table, std::vector<std::string>& notes) const;
  [[nodiscard]] std::string group_passwords(const Table& table, const Table* groups) const;
  [[nodiscard]] bool has_group(std::uint32_t gid) const;

  const User* user_;
  std::vector<Entry> users_, groups_;
};

}  // namespace unionroot::tree

// Makes room in a tree's accounts for those that must be the host's. Pure.
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
  // user: null if there is none who could be written down.
  HostFirst(const MergeInput& input, const User* user);

  // Whether an entry of the host or the tree is in the way of one of them: it has the name or the number, but not both.
  // `whose`: of that one.
  [[nodiscard]] bool is_in_the_way(Database database, const Line& line, std::string_view& whose) const;

  // A line of passwd, with the host's group where it is of one of them.
  [[nodiscard]] std::string with_hosts_group(const Line& line) const;

  // The tree's tables without what is in the way. The user is in no group of the tree in which the host does not have
  // them, and in the primary group that the host gives them: else newgrp(1) inside would give more than the host does.
  // Notes what was left out.
  [[nodiscard]] Tables clear(const Tables& tree, std::vector<std::string>& notes) const;

 private:
  struct Entry {
    std::string name;
    std::uint32_t id = 0;
    gid_t gid = 0;  // of a user
  };
  [[nodiscard]] std::string users(const Table& table, std::vector<std::string>& notes) const;
  [[nodiscard]] std::string groups(const Table& table, std::vector<std::string>& notes) const;
  [[nodiscard]] std::string group_passwords(const Table& table, const Table* groups) const;
  [[nodiscard]] bool has_group(std::uint32_t gid) const;

  const User* user_;
  std::vector<Entry> users_, groups_;
};

}  // namespace unionroot::tree

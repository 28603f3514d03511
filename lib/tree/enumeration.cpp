#include "tree/enumeration.h"

#include <algorithm>
#include <chrono>

#include "kernel/command.h"

namespace unionroot::tree {

bool enumerates(const FilesRequest& request, Database database) {
  if (request.nss != definition::NssMode::copy || !request.host_root.empty()) return false;
  // Hashes of users other than the session's owner are not needed. So shadow and gshadow are not listed.
  if (database != Database::passwd && database != Database::group) return false;
  return std::find(request.databases.begin(), request.databases.end(), name_of(database)) != request.databases.end();
}

std::string enumerate(Database database, const std::function<bool()>& cancelled) {
  kernel::Command command;
  command.words = {"getent", std::string(name_of(database))};
  command.limit = std::chrono::seconds(20);
  command.cancelled = cancelled;
  command.package = "libc-bin";
  command.most_output = largest_file;
  return kernel::run_or_throw(command);
}

std::string with_listed(const Table& file, const Table& listed) {
  std::string text = file.text();
  if (!text.empty() && text.back() != '\n') text.push_back('\n');
  for (const auto& line : listed.lines())
    if (line.is_entry() && file.by_name(line.name) == nullptr) text.append(line.text).push_back('\n');
  return text;
}

}  // namespace unionroot::tree

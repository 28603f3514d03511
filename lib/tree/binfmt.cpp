#include "tree/binfmt.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/hex.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

namespace unionroot::tree {

namespace {

using base::concat;

constexpr std::size_t largest_entry = 4096;  // the kernel writes an entry into one page

[[noreturn]] void refuse(const std::string& name, std::string_view what) {
  throw base::Error(base::ErrorCode::failed, concat("the binfmt_misc entry ", base::printable(name), ": ", what));
}

std::string bytes_of(const std::string& name, std::string_view hexadecimal) {
  if (hexadecimal.empty() || hexadecimal.size() % 2 != 0)
    refuse(name, "magic or mask is empty or has an odd number of hexadecimal digits");
  std::string bytes;
  for (std::size_t i = 0; i < hexadecimal.size(); i += 2) {
    const auto byte = base::byte_of_hex(hexadecimal.substr(i));
    if (!byte) refuse(name, "magic or mask is not in hexadecimal digits");
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

// Returns the text after `word` and a blank. nullopt if the line begins differently.
std::optional<std::string_view> after(std::string_view line, std::string_view word) {
  if (!line.starts_with(word) || line.size() <= word.size() || line[word.size()] != ' ') return std::nullopt;
  return line.substr(word.size() + 1);
}

void take_line(BinfmtEntry& entry, std::string_view line) {
  if (const auto interpreter = after(line, "interpreter")) {
    entry.interpreter = *interpreter;
  } else if (line.starts_with("flags:")) {
    entry.flags = base::trim(line.substr(6));
  } else if (const auto offset = after(line, "offset")) {
    const auto number = base::parse_unsigned(*offset);
    if (!number || *number >= binfmt_compared) refuse(entry.name, "its offset is not a number below 256");
    entry.offset = static_cast<std::size_t>(*number);
  } else if (const auto magic = after(line, "magic")) {
    entry.magic = bytes_of(entry.name, *magic);
  } else if (const auto mask = after(line, "mask")) {
    entry.mask = bytes_of(entry.name, *mask);
  } else if (const auto extension = after(line, "extension")) {
    entry.extension = *extension;
  } else {
    refuse(entry.name, concat("an unknown line '", base::printable(line), "'"));
  }
}

std::string read_entry(int folder, const std::string& name) {
  const base::UniqueFd file(base::check(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
                                        "opening the binfmt_misc entry", name));
  return base::read_all(file.get(), name, largest_entry);
}

}  // namespace

bool BinfmtEntry::matches(std::string_view start) const {
  if (!enabled || magic.empty() || offset + magic.size() > binfmt_compared) return false;
  for (std::size_t i = 0; i < magic.size(); ++i) {
    // The kernel pads a short file with zeros.
    const char byte = offset + i < start.size() ? start[offset + i] : '\0';
    const auto difference = static_cast<unsigned char>(byte ^ magic[i]);
    if ((difference & static_cast<unsigned char>(mask.empty() ? '\xff' : mask[i])) != 0) return false;
  }
  return true;
}

BinfmtEntry parse_binfmt(const std::string& name, std::string_view text) {
  BinfmtEntry entry;
  entry.name = name;
  const auto lines = base::split(text, '\n');
  if (lines.empty() || (lines[0] != "enabled" && lines[0] != "disabled"))
    refuse(name, "its first line is neither 'enabled' nor 'disabled'");
  entry.enabled = lines[0] == "enabled";
  for (std::size_t i = 1; i < lines.size(); ++i) take_line(entry, lines[i]);
  if (entry.interpreter.empty() || entry.interpreter.front() != '/')
    refuse(name, "its interpreter is not an absolute path");
  if (entry.magic.empty() == entry.extension.empty()) refuse(name, "it must have either a magic or an extension");
  if (!entry.mask.empty() && entry.mask.size() != entry.magic.size())
    refuse(name, "its mask is not as long as its magic");
  const auto is_flag = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (!std::all_of(entry.flags.begin(), entry.flags.end(), is_flag)) refuse(name, "its flags are not letters");
  return entry;
}

std::vector<BinfmtEntry> read_binfmt(const std::string& directory, std::vector<std::string>& notes) {
  std::vector<BinfmtEntry> entries;
  const base::UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    const int problem = errno;
    if (problem != ENOENT) notes.emplace_back(base::SystemError(problem, concat("opening ", directory)).what());
    return entries;
  }
  for (const auto& name : kernel::list_directory(folder.get())) {
    if (name == "register") continue;
    try {
      const auto text = read_entry(folder.get(), name);
      if (name == "status") {
        if (text.starts_with("disabled")) return {};
        continue;
      }
      if (auto entry = parse_binfmt(name, text); entry.enabled) entries.push_back(std::move(entry));
    } catch (const base::Error& error) {
      notes.emplace_back(error.what());
    }
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

}  // namespace unionroot::tree

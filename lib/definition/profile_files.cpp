#include "definition/profile_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "definition/fstab_line.h"
#include "definition/keyfile.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

constexpr std::size_t longest_line = 16384;

struct Line {
  std::string_view text;
  const std::string& file;
  unsigned number;
  Problems& problems;

  void error(std::string message) const {
    problems.push_back({Problem::Severity::error, file, number, {}, std::move(message)});
  }
  void warning(std::string message) const {
    problems.push_back({Problem::Severity::warning, file, number, {}, std::move(message)});
  }
};

// Calls `read` for each line that is valid text, and neither empty nor a comment.
template <typename Read>
void for_each_line(std::string_view text, const std::string& file, Problems& problems, const Read& read) {
  for (unsigned number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto whole = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const Line line{base::trim(whole), file, number, problems};
    if (line.text.empty() || line.text.front() == '#') continue;
    const bool control = std::any_of(line.text.begin(), line.text.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    });
    if (line.text.size() > longest_line)
      line.error(concat("the line is longer than ", longest_line, " bytes"));
    else if (!base::valid_utf8(line.text))
      line.error("the line is not valid UTF-8");
    else if (control)
      line.error(concat("there is a control character in '", printable(line.text), "'"));
    else
      read(line);
  }
}

// Checks the text after \040 and the like were decoded: an escape can stand for any byte.
bool plain_text(std::string_view text) {
  return base::valid_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

bool has_option(const FstabEntry& entry, std::string_view option) {
  return std::find(entry.options.begin(), entry.options.end(), option) != entry.options.end();
}

bool is_bind(const FstabEntry& entry) { return has_option(entry, "bind") || has_option(entry, "rbind"); }

std::string fstab_fault(const FstabEntry& entry) {
  const bool clean = plain_text(entry.source) && plain_text(entry.target) && plain_text(entry.type) &&
                     std::all_of(entry.options.begin(), entry.options.end(), plain_text);
  if (!clean) return "there is a control character or invalid UTF-8 behind an escape";
  if (entry.type == "swap") return {};  // ignored: it is mounted nowhere, and its mount point is only a word
  if (const auto fault = path_fault(entry.target); !fault.empty())
    return concat("the mount point '", printable(entry.target), "' ", fault);
  const auto parts = base::split(entry.target, '/');
  if (std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part == "."; }))
    return "the mount point is '/'; it would hide the session's tree";
  if (!is_bind(entry)) return {};
  if (const auto fault = path_fault(entry.source); !fault.empty())
    return concat("the source of the bind '", printable(entry.source), "' ", fault);
  return {};
}

// As in schroot, a relative path starts at "/".
void make_absolute(std::string& path) {
  if (!path.empty() && path.front() != '/') path.insert(path.begin(), '/');
}

void read_fstab_line(const Line& line, std::vector<FstabEntry>& fstab) {
  auto fields = parse_fstab_line(line.text);
  if (!fields)
    return line.error(
        concat("'", printable(line.text), "' is not a line of fstab; expected: SOURCE TARGET TYPE OPTIONS"));
  FstabEntry entry;
  entry.file = line.file;
  entry.line = line.number;
  entry.source = std::move(fields->source);
  entry.target = std::move(fields->target);
  entry.type = std::move(fields->type);
  entry.options = std::move(fields->options);
  if (entry.type != "swap") make_absolute(entry.target);
  if (is_bind(entry)) make_absolute(entry.source);
  const auto fault = fstab_fault(entry);
  if (!fault.empty()) return line.error(fault);
  fstab.push_back(std::move(entry));
}

// Reads one or two columns, as schroot's script does with the shell's `read`. The second column is the rest of the
// line. A backslash quotes the next character.
void read_copyfiles_line(const Line& line, std::vector<CopiedFile>& copyfiles) {
  std::string columns[2];
  bool second = false, quoted = false;
  for (const char c : line.text) {
    const bool blank = !quoted && (c == ' ' || c == '\t');
    const bool escape = !quoted && c == '\\';
    if (!second && blank) {
      second = true;
    } else if (!escape && !(blank && columns[1].empty() && second)) {
      columns[second ? 1 : 0].push_back(c);
    }
    quoted = escape;
  }
  CopiedFile copied{std::move(columns[0]), std::move(columns[1]), line.file, line.number};
  if (copied.target.empty()) copied.target = copied.source;
  for (const auto* path : {&copied.source, &copied.target})
    if (!path->starts_with('/'))
      return line.warning(concat("'", printable(*path), "' is not an absolute path; nothing is copied for this line"));
  if (const auto fault = host_path_fault(copied.source); !fault.empty())
    return line.error(concat("'", printable(copied.source), "' ", fault));
  if (const auto fault = path_fault(copied.target); !fault.empty())
    return line.error(concat("'", printable(copied.target), "' ", fault));
  const bool known = std::any_of(copyfiles.begin(), copyfiles.end(), [&](const CopiedFile& other) {
    return other.source == copied.source && other.target == copied.target;
  });
  if (!known) copyfiles.push_back(std::move(copied));
}

void read_database_line(const Line& line, std::vector<std::string>& databases) {
  // Databases that getent(1) can list and that are kept in a file of the same name in /etc.
  static constexpr std::string_view known[] = {"passwd",   "shadow", "group", "gshadow", "services", "protocols",
                                               "networks", "hosts",  "rpc",   "ethers",  "aliases"};
  if (std::find(std::begin(known), std::end(known), line.text) == std::end(known))
    return line.error(
        concat("'", printable(line.text),
               "' is not a known name service database; expected one of: "
               "passwd, shadow, group, gshadow, services, protocols, networks, hosts, rpc, ethers, aliases"));
  const std::string name(line.text);
  if (std::find(databases.begin(), databases.end(), name) == databases.end()) databases.push_back(name);
}

}  // namespace

std::string_view file_name(ProfileFile kind) {
  switch (kind) {
    case ProfileFile::fstab: return "fstab";
    case ProfileFile::copyfiles: return "copyfiles";
    case ProfileFile::nssdatabases: break;
  }
  return "nssdatabases";
}

void parse_profile_file(ProfileFile kind, std::string_view text, const std::string& file, Profile& profile,
                        Problems& problems) {
  for_each_line(text, file, problems, [&](const Line& line) {
    switch (kind) {
      case ProfileFile::fstab: return read_fstab_line(line, profile.fstab);
      case ProfileFile::copyfiles: return read_copyfiles_line(line, profile.copyfiles);
      case ProfileFile::nssdatabases: return read_database_line(line, profile.nssdatabases);
    }
  });
}

}  // namespace unionroot::definition

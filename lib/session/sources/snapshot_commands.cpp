#include "session/sources/snapshot_commands.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "kernel/command.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// A former version put this tag on the volumes of all sessions.
constexpr const char* former_tag = "unionroot.session";
constexpr std::string_view tag_start = "unionroot.owner.";
constexpr const char* property = "unionroot:owner";
constexpr const char* former_property = "unionroot:session";

void append(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

std::string tag_of(const owned::Token& token) { return concat(tag_start, token.text()); }

std::string owner_of_token(std::string_view text) {
  const auto token = owned::parse_token(text);
  return token ? concat("session ", token->session, " of the daemon ", token->daemon) : base::printable(text);
}

std::vector<std::string> tags_of(const kernel::CommandResult& result) {
  const auto lines = base::split(result.output, '\n');
  return lines.empty() ? std::vector<std::string>() : base::split(base::trim(lines.front()), ',');
}

bool says(const kernel::CommandResult& result, std::string_view text) {
  return result.errors.find(text) != std::string::npos;
}

std::string named(const OwnerAnswer& answer) { return answer.owner.empty() ? "an unknown owner" : answer.owner; }

}  // namespace

void make_snapshot(const std::function<void()>& make, const std::function<OwnerAnswer()>& owner,
                   const std::string& name, TreeData& data) {
  try {
    make();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::failed) throw;  // it was interrupted, and may have made something
    OwnerAnswer answer;
    try {
      answer = owner();
    } catch (const std::exception&) {
      data.untouched = true;  // a command that cannot answer cannot have made anything
    }
    if (answer.found != owned::Found::foreign) throw;
    data.untouched = true;
    throw Error(ErrorCode::session_exists, concat(name, " already exists and belongs to ", named(answer)),
                "choose another name, or remove it");
  }
}

void throw_not_ours(const OwnerAnswer& answer, const std::string& name, const std::string& session) {
  throw Error(ErrorCode::stage_failed,
              answer.found == owned::Found::nothing
                  ? concat("its snapshot ", name, " is gone")
                  : concat(name, " belongs to ", named(answer), ", not to this session"),
              concat("`unionroot end ", session, "`"));
}

kernel::Command whole_list(Words words) {
  kernel::Command command;
  command.words = std::move(words);
  command.most_output = std::size_t{16} << 20;
  return command;
}

LvmSnapshot::LvmSnapshot(const definition::LvmSnapshotSource& source, const owned::Token& session)
    : name(session.session), token_(session) {
  // lvm(8), "VALID NAMES": letters, digits and "+_.-" are allowed, and a session's name has no other characters. These
  // words are reserved.
  for (const char* word : {"snapshot", "pvmove"})
    if (name.rfind(word, 0) == 0)
      throw Error(ErrorCode::invalid_argument, concat("a logical volume cannot have the name ", name),
                  "choose another with --name");
  for (const char* word : {"_cdata", "_cmeta", "_corig", "_mlog", "_mimage", "_pmspare", "_rimage", "_rmeta", "_tdata",
                           "_tmeta", "_vorigin"})
    if (name.find(word) != std::string::npos)
      throw Error(ErrorCode::invalid_argument, concat("a logical volume cannot have ", word, " in its name"),
                  "choose another with --name");
  if (name.size() > 120)
    throw Error(ErrorCode::invalid_argument, "the session's name is too long for a logical volume",
                "choose a shorter one with --name");
  const auto parts = base::split(source.device, '/');
  if (parts.size() != 3 || parts[0] != "dev" || parts[1] == "mapper")
    throw Error(ErrorCode::definition_invalid, concat("device=", source.device, " does not name a logical volume"),
                "give it as /dev/GROUP/VOLUME");
  group = parts[1];
  path = concat("/dev/", group, '/', name);
}

Words LvmSnapshot::create(const definition::LvmSnapshotSource& source) const {
  Words words{"lvcreate", "--quiet", "--yes", "--snapshot", "--name", name, "--addtag", tag_of(token_)};
  append(words, kernel::split_words(source.snapshot_options));
  words.push_back(source.device);
  return words;
}

Words LvmSnapshot::activate() const {
  // --yes: if the origin has other snapshots, lvchange asks whether it may activate those too.
  return {"lvchange", "--quiet", "--yes", "--activate", "y", "--ignoreactivationskip", concat_name()};
}
Words LvmSnapshot::tags() const { return {"lvs", "--noheadings", "--options", "lv_tags", concat_name()}; }
Words LvmSnapshot::remove(const std::string& volume) { return {"lvremove", "--quiet", "--force", "--yes", volume}; }

Words LvmSnapshot::list() {
  return {"lvs",
          "--noheadings",
          "--nosuffix",
          "--units",
          "b",
          "--separator",
          "|",
          "--options",
          "vg_name,lv_name,lv_size,lv_tags"};
}

std::vector<MarkedThing> LvmSnapshot::marked(const std::string& listed) {
  std::vector<MarkedThing> things;
  for (const auto& line : base::split(listed, '\n')) {
    // Neither names nor tags may contain "|", see lvm(8).
    const auto fields = base::split(base::trim(line), '|');
    if (fields.size() != 4) continue;
    for (const auto& tag : base::split(fields[3], ','))
      if (tag.starts_with(tag_start))
        if (const auto token = owned::parse_token(tag.substr(tag_start.size())))
          things.push_back({concat(fields[0], '/', fields[1]), *token, base::parse_unsigned(fields[2])});
  }
  return things;
}

OwnerAnswer LvmSnapshot::owner(const kernel::CommandResult& tags) const {
  if (!tags.end.succeeded()) {
    // The volume or its group does not exist.
    if (says(tags, "Failed to find logical volume") || says(tags, "not found")) return {};
    throw Error(ErrorCode::failed,
                concat("asking for the owner of ", path, ": lvs ", kernel::describe(tags.end), ": ", tags.errors));
  }
  OwnerAnswer answer{owned::Found::foreign, {}};
  for (const auto& tag : tags_of(tags)) {
    if (tag == tag_of(token_)) return {owned::Found::ours, {}};
    if (tag.starts_with(tag_start)) answer.owner = owner_of_token(tag.substr(tag_start.size()));
  }
  return answer;
}

bool LvmSnapshot::is_former(const kernel::CommandResult& tags) {
  const auto found = tags_of(tags);
  return tags.end.succeeded() && std::find(found.begin(), found.end(), former_tag) != found.end() &&
         std::none_of(found.begin(), found.end(), [](const auto& tag) { return tag.starts_with(tag_start); });
}

Words LvmSnapshot::mark() const {
  return {"lvchange", "--quiet", "--addtag", tag_of(token_), "--deltag", former_tag, concat_name()};
}

ZfsSnapshot::ZfsSnapshot(const definition::ZfsSnapshotSource& source, const owned::Token& session)
    : snapshot(concat(source.dataset, "@unionroot-", session.session)),
      clone(concat(source.dataset, "/unionroot-", session.session)),
      token_(session) {}

Words ZfsSnapshot::make_snapshot() const {
  return {"zfs", "snapshot", "-o", concat(property, '=', token_.text()), snapshot};
}

Words ZfsSnapshot::make_clone(const definition::ZfsSnapshotSource& source) const {
  Words words{"zfs", "clone", "-o", concat(property, '=', token_.text())};
  append(words, kernel::split_words(source.snapshot_options));
  append(words, {"-o", "mountpoint=legacy", snapshot, clone});
  return words;
}

// -s local: a data set also inherits properties of its parent, which must not count.
Words ZfsSnapshot::owner_of(const std::string& name) {
  return {"zfs", "get", "-H", "-o", "value", "-s", "local", property, name};
}

OwnerAnswer ZfsSnapshot::owner(const kernel::CommandResult& result) const {
  if (!result.end.succeeded()) {
    if (says(result, "does not exist")) return {};
    throw Error(ErrorCode::failed,
                concat("asking for the owner of ", clone, ": zfs ", kernel::describe(result.end), ": ", result.errors));
  }
  const auto lines = base::split(result.output, '\n');
  if (lines.empty()) return {owned::Found::foreign, {}};
  if (lines.front() == token_.text()) return {owned::Found::ours, {}};
  return {owned::Found::foreign, owner_of_token(lines.front())};
}

Words ZfsSnapshot::list() {
  return {"zfs", "get", "-H", "-o", "name,value", "-s", "local", "-t", "filesystem,snapshot", property};
}

std::vector<MarkedThing> ZfsSnapshot::marked(const std::string& listed) {
  std::vector<MarkedThing> things;
  for (const auto& line : base::split(listed, '\n')) {
    const auto fields = base::split(line, '\t');
    if (fields.size() != 2) continue;
    if (const auto token = owned::parse_token(fields[1])) things.push_back({fields[0], *token, std::nullopt});
  }
  return things;
}

Words ZfsSnapshot::destroy(const std::string& name) { return {"zfs", "destroy", name}; }

Words ZfsSnapshot::former_owner_of(const std::string& name) {
  return {"zfs", "get", "-H", "-o", "value", "-s", "local", former_property, name};
}

Words ZfsSnapshot::mark(const std::string& name) const {
  return {"zfs", "set", concat(property, '=', token_.text()), name};
}

}  // namespace unionroot::session

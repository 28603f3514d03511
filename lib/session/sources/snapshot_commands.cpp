#include "session/sources/snapshot_commands.h"

#include "base/error.h"
#include "base/text.h"
#include "kernel/command.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

void append(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

}  // namespace

LvmSnapshot::LvmSnapshot(const definition::LvmSnapshotSource& source, const std::string& session) : name(session) {
  // lvm(8), "VALID NAMES": letters, digits and "+_.-", which a session's name has none other of; not these words.
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
  Words words{"lvcreate", "--quiet", "--yes", "--snapshot", "--name", name, "--addtag", tag};
  append(words, kernel::split_words(source.snapshot_options));
  words.push_back(source.device);
  return words;
}

Words LvmSnapshot::activate() const {
  // --yes: with other snapshots of the same origin, lvchange asks whether it may activate those too.
  return {"lvchange", "--quiet", "--yes", "--activate", "y", "--ignoreactivationskip", concat(group, '/', name)};
}
Words LvmSnapshot::tags() const { return {"lvs", "--noheadings", "--options", "lv_tags", concat(group, '/', name)}; }
Words LvmSnapshot::remove() const { return {"lvremove", "--quiet", "--force", "--yes", concat(group, '/', name)}; }

ZfsSnapshot::ZfsSnapshot(const definition::ZfsSnapshotSource& source, const std::string& session)
    : snapshot(concat(source.dataset, "@unionroot-", session)), clone(concat(source.dataset, "/unionroot-", session)) {}

Words ZfsSnapshot::make_snapshot(const std::string& session) const {
  return {"zfs", "snapshot", "-o", concat(property, '=', session), snapshot};
}

Words ZfsSnapshot::make_clone(const definition::ZfsSnapshotSource& source, const std::string& session) const {
  Words words{"zfs", "clone", "-o", concat(property, '=', session)};
  append(words, kernel::split_words(source.snapshot_options));
  append(words, {"-o", "mountpoint=legacy", snapshot, clone});
  return words;
}

Words ZfsSnapshot::owner(const std::string& name) { return {"zfs", "get", "-H", "-o", "value", property, name}; }
Words ZfsSnapshot::destroy(const std::string& name) { return {"zfs", "destroy", name}; }

}  // namespace unionroot::session

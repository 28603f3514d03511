#include "session/operations/diff.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "session/beginning_record.h"
#include "session/operations/run.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// The mount is one of its own, so nothing that is mounted in the tree is seen. It is gone when its descriptor is
// closed.
UniqueFd open_layer(kernel::Mounts& mounts, const std::string& path) {
  const auto tree = mount::open_tree_clone(mounts, path, false, true);
  return UniqueFd(
      base::check(::openat(tree.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the layer", path));
}

std::vector<std::string> lowers_of(const Session& session, const SetUp& made) {
  auto lowers = made.directories;
  if (made.files_layer) lowers.insert(lowers.begin(), made.files_layer->path);
  // The layer with an automatic session's files is known to the daemon that began it.
  const bool known = !lowers.empty() && !(session.taken_up && session.automatic());
  if (known) return lowers;
  throw Error(ErrorCode::not_supported,
              concat("session ", session.id(), ": its lower layers are not known since the daemon was restarted"),
              concat("`unionroot end ", session.id(), "` and begin another, for a list of changes"));
}

// F_GETPIPE_SZ asks nobody but the kernel: writing to anything else, and closing it, may take as long as its owner
// likes.
void require_pipe(int output) {
  if (::fcntl(output, F_GETPIPE_SZ) <= 0)
    throw Error(ErrorCode::invalid_argument, "the list of changes goes to a pipe, and this descriptor is none",
                "pass the writing end of a pipe, as unionroot does");
}

}  // namespace

void diff(Parts& parts, const SessionPtr& session, const DiffRequest& request) {
  require_pipe(request.output);
  const auto made = keep_active(session);
  const auto upper = upper_folder(*session);
  if (upper.empty())
    throw Error(ErrorCode::not_supported,
                concat("session ", session->id(), " has no list of changes: ",
                       session->definition->has_union() ? "its upper layer is in no folder of this machine's"
                                                        : "it works on its tree itself"),
                session->definition->has_union() ? "sessions with union-backing=directory have one" : "");
  std::vector<UniqueFd> opened;
  ReadRequest reading;
  for (const auto& path : lowers_of(*session, *made.operator->())) {
    opened.push_back(open_layer(parts.mounts, path));
    reading.lowers.push_back(opened.back().get());
  }
  const auto top = open_layer(parts.mounts, upper);
  const auto beginning = open_beginning(upper);
  reading.options = session->definition->union_.mount_options;
  reading.output = request.output;
  reading.beginning = beginning.get();
  reading.upper = top.get();
  reading.paths = request.paths;
  const auto reader = parts.layer_readers.start(session->id(), request.caller, reading);
  if (parts.events.reader_started) parts.events.reader_started(reader.number, reader.pidfd.get());
}

}  // namespace unionroot::session

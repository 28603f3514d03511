#include "session/operations/diff.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "session/beginning_record.h"
#include "session/layer_places.h"
#include "session/operations/run.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// F_GETPIPE_SZ asks nobody but the kernel: writing to anything else, and closing it, may take as long as its owner
// likes.
void require_pipe(int output) {
  if (::fcntl(output, F_GETPIPE_SZ) <= 0)
    throw Error(ErrorCode::invalid_argument, "the list of changes goes to a pipe, and this descriptor is none",
                "pass the writing end of a pipe, as unionroot does");
}

// The mount is one of its own, so nothing that is mounted in the tree is seen. It is gone when its descriptor is
// closed.
UniqueFd open_layer(kernel::Mounts& mounts, const std::string& path) {
  const auto tree = mount::open_tree_clone(mounts, path, false, true);
  return UniqueFd(
      base::check(::openat(tree.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the layer", path));
}

}  // namespace

OpenedLayers open_layers(Parts& parts, const Session& session, const SetUp& made) {
  OpenedLayers opened;
  const bool known = in_layers(parts.services, session, made, [&](const LayerPlaces& places) {
    for (const auto& path : places.former) opened.former.push_back(open_layer(parts.mounts, path));
    for (const auto& path : places.lowers) opened.lowers.push_back(open_layer(parts.mounts, path));
    opened.upper = open_layer(parts.mounts, concat(places.store, "/upper"));
    opened.beginning = open_beginning(places.store);
  });
  if (known) return opened;
  if (!session.definition->has_union())
    throw Error(ErrorCode::not_supported,
                concat("session ", session.id(), " has no list of changes: it works on its tree itself"));
  if (session.automatic())
    throw Error(ErrorCode::not_supported,
                concat("session ", session.id(), ": its layers are in no folder, and go with its command"),
                "to look at what a command changes use `unionroot run --diff`, or begin a session for it");
  throw Error(ErrorCode::not_supported,
              concat("session ", session.id(), ": where its layers are is not known: a former version began it"),
              concat("`unionroot end ", session.id(), "` and begin another"));
}

void diff(Parts& parts, const SessionPtr& session, const DiffRequest& request) {
  require_pipe(request.output);
  const auto made = keep_active(session);
  const auto opened = open_layers(parts, *session, *made.operator->());
  ReadRequest reading;
  for (const auto& former : opened.former) reading.former.push_back(former.get());
  for (const auto& lower : opened.lowers) reading.lowers.push_back(lower.get());
  reading.options = session->definition->union_.mount_options;
  reading.output = request.output;
  reading.beginning = opened.beginning.get();
  reading.upper = opened.upper.get();
  reading.paths = request.paths;
  const auto reader = parts.layer_readers.start(session->id(), request.caller, reading);
  if (parts.events.reader_started) parts.events.reader_started(reader.number, reader.pidfd.get());
}

}  // namespace unionroot::session

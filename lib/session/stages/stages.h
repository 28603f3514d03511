// The stages that there are. Their order is in session_stages(), in ../stage_order.cpp.
#pragma once

#include "session/stage.h"
#include "tree/files.h"

namespace unionroot::session {

// True if what a session on it writes goes with the session: it has an overlay, a snapshot, or a folder of its own.
bool has_own_layer(const definition::Definition& definition);

// Whatever yields a tree: unpacks a tarball, attaches a device, takes a snapshot, mounts an image. What each kind of
// source does is in ../sources.
class ProvideTreeStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "provide-tree"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The tree that sessions stand on, as detached mounts: read-only below an overlay, writable where a session works on
// the tree itself.
class SourceStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "source"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The session's mount namespace with its root: upper and work directories (../backings) and the overlay, or the tree
// itself. And its network, if it has one of its own.
class UnionStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "union"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The profile's fstab, and the root made `/` of the namespace. Nothing of it is outside the namespace, so it goes with
// it.
class InnerMountsStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "inner-mounts"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// Name service databases, copied files, hostname, debian_chroot. They lie in the upper layer and go with it.
class FilesStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "files"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// What a session gets from the host. root: of its tree, which is asked whether its owner's password is of any use
// there.
tree::FilesRequest files_request(const Operation& operation, int root);

// True for a session that outlives its first command, has a layer of its own and says so: its resolv.conf is the host's
// also when that changes.
bool follows_resolv_conf(const Session& session);

// The name that a file has while it is being copied into a tree that outlives a crash, in the file's own folder.
std::string half_written_file(const owned::Token& session);

// The administrator's own scripts (../hooks). What they mount beneath the root goes with the namespace; what else they
// did they undo themselves.
class HooksStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "hooks"; }
  [[nodiscard]] bool applies(const definition::Definition& definition) const override;
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The services of the tree that the definition lists (../hooks/tree_services.h). They are processes of the session's.
class ServicesStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "services"; }
  [[nodiscard]] bool applies(const definition::Definition& definition) const override;
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// A command's own session has none: it is gone before anybody looks.
bool has_host_view(const Session& session);
mount::ViewAccess view_access(const Operation& operation);

// What of the session stands on the host: the namespace kept by a bind, and the host view.
class HostViewStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "host-view"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

}  // namespace unionroot::session

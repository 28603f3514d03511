// All stages. Their order is in session_stages(), in ../stage_order.cpp.
#pragma once

#include "session/stage.h"
#include "tree/files.h"

namespace unionroot::session {

// True if what a session on it writes is removed with the session: it has an overlay, a snapshot, or a folder of its
// own.
bool has_own_layer(const definition::Definition& definition);

// Provides the tree: unpacks a tarball, attaches a device, takes a snapshot, or mounts an image. The kinds of sources
// are in ../sources.
class ProvideTreeStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "provide-tree"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The tree of the session, as detached mounts: read-only below an overlay, writable if the session works on the tree
// itself.
class SourceStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "source"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The session's mount namespace and its root: the overlay with upper and work directories (../backings), or the tree
// itself. Also the session's network, if it has its own.
class UnionStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "union"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// Mounts the profile's fstab, and makes the root `/` of the namespace. Everything is inside the namespace, and is gone
// with it.
class InnerMountsStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "inner-mounts"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// Writes name service databases, copied files, hostname and debian_chroot. They are in the upper layer, and are removed
// with it.
class FilesStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "files"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// What a session gets from the host. root: a descriptor of its tree, which shows whether its owner's password is of any
// use there.
tree::FilesRequest files_request(const Operation& operation, int root);

// True if the session's resolv.conf follows changes of the host's. The session must outlive its first command, have its
// own layer, and its definition must ask for it.
bool follows_resolv_conf(const Session& session);

// The name of a file while it is copied into a tree that outlives a crash, in the file's own folder.
std::string half_written_file(const owned::Token& session);

// The administrator's own scripts (../hooks). Their mounts beneath the root are gone with the namespace. Everything
// else they undo themselves.
class HooksStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "hooks"; }
  [[nodiscard]] bool applies(const definition::Definition& definition) const override;
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// The tree's services that the definition lists (../hooks/tree_services.h). They are processes of the session.
class ServicesStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "services"; }
  [[nodiscard]] bool applies(const definition::Definition& definition) const override;
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

// False for an automatic session: it is gone before anybody looks.
bool has_host_view(const Session& session);
mount::ViewAccess view_access(const Operation& operation);

// What the session has on the host: a bind mount that keeps its namespace, and the host view.
class HostViewStage : public Stage {
 public:
  [[nodiscard]] std::string_view name() const override { return "host-view"; }
  void set_up(Operation& operation, StageData& data) override;
  void tear_down(Operation& operation, const StageData& data, TearDown mode) override;
  Recovery recover(Operation& operation, const StageData& data) override;
};

}  // namespace unionroot::session

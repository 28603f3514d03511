// A temporary state directory with the services that stages need; the kernel's mounts are a fake.
#pragma once

#include <boost/filesystem.hpp>
#include <memory>
#include <string>

#include "base/ids.h"
#include "fake_kernel.h"
#include "session/files_layers.h"
#include "session/held_sessions.h"
#include "session/services.h"
#include "session/stage.h"

namespace unionroot::test {

struct TemporaryFolder {
  std::string path = "/var/tmp/unionroot-test-" + base::random_token();
  TemporaryFolder() { boost::filesystem::create_directory(path); }
  ~TemporaryFolder() { boost::filesystem::remove_all(path); }  // the fake kernel mounts nothing in it
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

// Control groups that are not there.
class NoCgroups : public kernel::Cgroups {
 public:
  [[nodiscard]] bool available() const override { return false; }
  [[nodiscard]] std::string description() const override { return "a test has none"; }
  base::UniqueFd create(const std::string&, const std::string&) override { return {}; }
  kernel::RunGroup create_run(const std::string&, const std::string&, const std::optional<std::string>&,
                              bool) override {
    return {};
  }
  [[nodiscard]] base::UniqueFd open(const std::string&, const std::string&) const override { return {}; }
  void kill(const std::string&, const std::string&, std::chrono::milliseconds) override {}
  void remove(const std::string&, const std::string&) override {}
  [[nodiscard]] std::vector<std::string> sessions() const override { return {}; }
  [[nodiscard]] std::vector<std::string> runs_outside(const std::string&) const override { return {}; }
  [[nodiscard]] std::vector<pid_t> processes(const std::string&) const override { return {}; }
};

class SessionFixture {
 public:
  SessionFixture() {
    boost::filesystem::create_directories(folder.path + "/tree/etc");
    settings_.state_directory = folder.path + "/state";
    settings_.runtime_directory = folder.path + "/run";
    boost::filesystem::create_directory(settings_.state_directory);
    store_ = std::make_unique<store::Store>(settings_.state_directory + "/state.db");
    namespaces_ = std::make_unique<mount::NamespaceFactory>(mounts);
    views_ = std::make_unique<mount::HostViews>(mounts, settings_.runtime_directory);
    locks_ = std::make_unique<locks::LockDirectory>(settings_.state_directory + "/locks");
    files_layers_ = std::make_unique<session::FilesLayers>(settings_, trash);
    services_ = std::unique_ptr<session::Services>(
        new session::Services{settings_, mounts, cgroups_, *namespaces_, *views_, host_mounts, *locks_, *store_, trash,
                              source_mounts, *files_layers_, held_sessions_, daemon});
    auto shape = std::make_shared<definition::Definition>();
    shape->name = "sid";
    shape->type = "directory";
    shape->source = definition::DirectorySource{folder.path + "/tree", false};
    shape->union_.type = definition::UnionType::overlay;
    definition_ = shape;
  }

  TemporaryFolder folder;
  const std::string daemon = "00000000000000aa";
  tests::FakeMounts mounts;
  session::Trash trash;
  mount::HostMounts host_mounts{{}};
  mount::SourceMounts source_mounts{mounts, folder.path + "/run"};

  store::Store& store() { return *store_; }
  session::Services& services() { return *services_; }
  const definition::Settings& settings() { return settings_; }
  std::shared_ptr<const definition::Definition> definition() { return definition_; }

  void add_record(const std::string& id) {
    store::SessionRecord record;
    record.id = id;
    record.chroot = "sid";
    store_->add_session(record);
  }
  // One that is held, as while it is set up. `shape`: instead of definition().
  session::Operation operate(const std::string& id, store::SessionRecord record = {},
                             std::shared_ptr<const definition::Definition> shape = nullptr,
                             std::vector<session::StageEntry> stages = {}) {
    record.id = id;
    if (record.owner_name.empty()) record.owner_name = "root";
    if (record.created == 0) record.created = 1;
    return session::Operation(std::make_shared<session::Session>(
        *services_, std::move(record), shape ? std::move(shape) : definition_, std::move(stages)));
  }
  // With its row in the store.
  session::Operation begin(const std::string& id) {
    add_record(id);
    return operate(id);
  }

 private:
  definition::Settings settings_;
  NoCgroups cgroups_;
  session::HeldSessions held_sessions_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<mount::NamespaceFactory> namespaces_;
  std::unique_ptr<mount::HostViews> views_;
  std::unique_ptr<locks::LockDirectory> locks_;
  std::unique_ptr<session::FilesLayers> files_layers_;
  std::unique_ptr<session::Services> services_;
  std::shared_ptr<const definition::Definition> definition_;
};

}  // namespace unionroot::test

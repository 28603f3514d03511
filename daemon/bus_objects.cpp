#include "daemon/bus_objects.h"

#include <exception>
#include <utility>

#include "daemon/describe.h"
#include "daemon/object_paths.h"

namespace unionroot::daemon {

namespace {

template <typename... Values>
ReplyPtr<Values...> owe(BusLoop& loop, const char* method, sdbus::Result<Values...>&& result,
                        std::shared_ptr<void> object = nullptr) {
  return std::make_shared<Reply<Values...>>(loop, method, std::move(result), std::move(object));
}

// Whatever a handler throws becomes the reply: sdbus-c++ 1.2 lets other exceptions than its own run into C code.
template <typename... Values, typename Work>
void handle(const ReplyPtr<Values...>& reply, Work&& work) {
  try {
    work();
  } catch (...) {
    reply->fail(std::current_exception());
  }
}

std::vector<std::string> valid_texts(const std::vector<std::string>& values) {
  std::vector<std::string> valid;
  for (const auto& value : values) valid.push_back(valid_text(value));
  return valid;
}

}  // namespace

ManagerObject::ManagerObject(BusLoop& loop, Requests& requests, const definition::Registry& registry,
                             std::vector<std::string> capabilities)
    : AdaptorInterfaces(loop.connection(), manager_path),
      loop_(loop),
      requests_(requests),
      registry_(registry),
      capabilities_(std::move(capabilities)) {
  registerAdaptor();
}

void ManagerObject::Begin(sdbus::Result<std::string, sdbus::ObjectPath>&& result, std::string chroot,
                          Dictionary options) {
  const auto reply = owe(loop_, "Begin", std::move(result));
  handle(reply, [&] { requests_.begin(sender(), reply, parse_begin(std::move(chroot), options)); });
}

void ManagerObject::Run(sdbus::Result<sdbus::UnixFd, std::string, std::string>&& result, std::string name,
                        std::vector<std::string> arguments, Dictionary options, sdbus::UnixFd standard_input,
                        sdbus::UnixFd standard_output, sdbus::UnixFd standard_error) {
  const auto reply = owe(loop_, "Run", std::move(result));
  handle(reply, [&] {
    // At once: until then they are duplicates without close-on-exec, which a helper started meanwhile would inherit.
    base::UniqueFd kept[3];
    sdbus::UnixFd* given[3] = {&standard_input, &standard_output, &standard_error};
    for (int i = 0; i < 3; ++i) {
      kept[i] = keep_descriptor(given[i]->get());
      *given[i] = sdbus::UnixFd();
    }
    RunCall call = parse_run(std::move(name), std::move(arguments), options);
    for (int i = 0; i < 3; ++i) call.standard[i] = std::move(kept[i]);
    requests_.run(sender(), reply, std::move(call));
  });
}

void ManagerObject::End(sdbus::Result<std::vector<std::string>>&& result, std::string session, Dictionary options) {
  const auto reply = owe(loop_, "End", std::move(result));
  handle(reply, [&] { requests_.end(sender(), reply, std::move(session), parse_end(options)); });
}

void ManagerObject::Recover(sdbus::Result<>&& result, std::string session, Dictionary options) {
  const auto reply = owe(loop_, "Recover", std::move(result));
  handle(reply, [&] { requests_.recover(sender(), reply, std::move(session), parse_recover(options)); });
}

void ManagerObject::ListSessions(sdbus::Result<std::vector<Dictionary>>&& result) {
  const auto reply = owe(loop_, "ListSessions", std::move(result));
  handle(reply, [&] { requests_.list_sessions(sender(), reply); });
}

std::vector<Dictionary> ManagerObject::ListChroots() {
  return guarded_callback([&] {
    std::vector<Dictionary> chroots;
    for (const auto& definition : registry_.snapshot()->chroots) chroots.push_back(list_chroot(*definition));
    return chroots;
  });
}

void ManagerObject::Info(sdbus::Result<Dictionary>&& result, std::string name) {
  const auto reply = owe(loop_, "Info", std::move(result));
  handle(reply, [&] { requests_.info(sender(), reply, std::move(name)); });
}

void ManagerObject::Location(sdbus::Result<std::string>&& result, std::string session) {
  const auto reply = owe(loop_, "Location", std::move(result));
  handle(reply, [&] { requests_.location(sender(), reply, std::move(session)); });
}

void ManagerObject::Reload(sdbus::Result<>&& result) {
  const auto reply = owe(loop_, "Reload", std::move(result));
  handle(reply, [&] { requests_.reload(sender(), reply); });
}

std::string ManagerObject::Version() { return UNIONROOT_VERSION; }

std::vector<std::string> ManagerObject::Problems() {
  return guarded_callback([&] {
    std::vector<std::string> problems;
    for (const auto& problem : registry_.snapshot()->problems) problems.push_back(valid_text(problem.text()));
    return problems;
  });
}

void ManagerObject::problems_changed() { emitPropertiesChangedSignal(Manager_adaptor::INTERFACE_NAME, {"Problems"}); }

void ManagerObject::tell_progress(const std::string& caller, std::uint32_t call, const std::string& session,
                                  const session::Progress& progress) {
  auto signal = getObject().createSignal(Manager_adaptor::INTERFACE_NAME, "Progress");
  signal.setDestination(caller);
  signal << call << session << valid_text(progress.what) << progress.done << progress.total;
  getObject().emitSignal(signal);
}

SessionObject::SessionObject(BusLoop& loop, Requests& requests, const session::SessionView& view)
    : AdaptorInterfaces(loop.connection(), session_path(view.record.id)), loop_(loop), requests_(requests) {
  show(view);
  registerAdaptor();
  emitInterfacesAddedSignal();
}

void SessionObject::show(const session::SessionView& view) {
  record_ = view.record;
  record_.definition = {};
  record_.options = {};
  location_ = valid_text(view.location);
  progress_ = view.progress;
}

void SessionObject::become(const session::SessionView& view) {
  show(view);
  emitInterfacesAddedSignal();
}

void SessionObject::update(const session::SessionView& view) {
  std::vector<std::string> changed;
  if (record_.state != view.record.state) changed.emplace_back("State");
  if (location_ != valid_text(view.location)) changed.emplace_back("Location");
  if (progress_ != view.progress) changed.emplace_back("Progress");
  if (changed.empty()) return;
  record_.state = view.record.state;
  location_ = valid_text(view.location);
  progress_ = view.progress;
  emitPropertiesChangedSignal(Session_adaptor::INTERFACE_NAME, changed);
}

void SessionObject::update(const session::Progress& progress) {
  if (progress_ == progress) return;
  progress_ = progress;
  emitPropertiesChangedSignal(Session_adaptor::INTERFACE_NAME, {"Progress"});
}

sdbus::Struct<std::string, uint64_t, uint64_t> SessionObject::Progress() {
  return guarded_callback([&] {
    return sdbus::Struct<std::string, uint64_t, uint64_t>(valid_text(progress_.what), progress_.done, progress_.total);
  });
}

void SessionObject::End(sdbus::Result<std::vector<std::string>>&& result, Dictionary options) {
  const auto reply = owe(loop_, "End", std::move(result), shared_from_this());
  handle(reply, [&] { requests_.end(sender(), reply, record_.id, parse_end(options)); });
}

void SessionObject::Recover(sdbus::Result<>&& result, Dictionary options) {
  const auto reply = owe(loop_, "Recover", std::move(result), shared_from_this());
  handle(reply, [&] { requests_.recover(sender(), reply, record_.id, parse_recover(options)); });
}

ChrootObject::ChrootObject(BusLoop& loop, definition::DefinitionPtr definition)
    : AdaptorInterfaces(loop.connection(), chroot_path(definition->name)), definition_(std::move(definition)) {
  registerAdaptor();
  emitInterfacesAddedSignal();
}

void ChrootObject::update(definition::DefinitionPtr definition) {
  // Each edit makes all definitions anew; only what differs is told.
  std::vector<std::string> changed;
  if (definition->description != definition_->description) changed.emplace_back("Description");
  if (definition->type != definition_->type) changed.emplace_back("Type");
  if (definition->aliases != definition_->aliases) changed.emplace_back("Aliases");
  if (place_of(*definition) != place_of(*definition_)) changed.emplace_back("File");
  definition_ = std::move(definition);
  if (!changed.empty()) emitPropertiesChangedSignal(Chroot_adaptor::INTERFACE_NAME, changed);
}

std::string ChrootObject::Description() { return valid_text(definition_->description); }
std::string ChrootObject::Type() { return valid_text(definition_->type); }
std::vector<std::string> ChrootObject::Aliases() { return valid_texts(definition_->aliases); }
std::string ChrootObject::File() { return valid_text(place_of(*definition_)); }

}  // namespace unionroot::daemon

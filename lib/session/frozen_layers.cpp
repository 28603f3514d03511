#include "session/frozen_layers.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;
using nlohmann::json;

namespace {

constexpr const char* what_it_is = "the folder of frozen layers";
constexpr const char* users_name = "users";
constexpr const char* list_name = "layers";
constexpr const char* plan_name = "restack";
constexpr std::size_t longest_file = std::size_t{1} << 20;

std::optional<UniqueFd> try_open_folder(int folder, const std::string& name) {
  UniqueFd opened(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened) return opened;
  if (errno != ENOENT) base::throw_errno("opening the frozen layer", name);
  return std::nullopt;
}

json to_json(const FrozenStack& layers) {
  auto list = json::array();
  for (const auto& layer : layers)
    list.push_back(
        {{"id", layer.id}, {"snapshot", layer.snapshot}, {"created", layer.created}, {"identity", layer.identity}});
  return list;
}

FrozenStack stack_of(const json& list) {
  FrozenStack layers;
  for (const auto& each : list)
    layers.push_back({each.at("id").get<std::string>(), each.at("snapshot").get<std::string>(),
                      each.at("created").get<std::int64_t>(), each.at("identity").get<std::string>()});
  return layers;
}

void write_in(int folder, const char* name, const json& content) {
  kernel::write_file_atomically(folder, name, content.dump(1, ' ', false, json::error_handler_t::replace), 0600, true);
}

// make: of what was parsed.
template <typename Make>
auto parsed(const std::string& text, const char* name, const Make& make) {
  try {
    return make(json::parse(text));
  } catch (const json::exception&) {
    throw base::Error(base::ErrorCode::failed, concat("the file `", name, "` beside its upper layer is damaged"),
                      "bring it back from a backup, or end the session");
  }
}

}  // namespace

FrozenLayers::FrozenLayers(const definition::Settings& settings, Trash& trash, std::string sessions_folder)
    : settings_(settings),
      trash_(trash),
      sessions_(std::move(sessions_folder)),
      place_(layers_folder(settings, sessions_)) {}

std::string FrozenLayers::folder_of(const std::string& layer) const { return concat(place_, "/", layer); }
std::string FrozenLayers::upper_of(const std::string& layer) const { return concat(place_, "/", layer, "/upper"); }

base::UniqueFd FrozenLayers::ensure_folder(int layers, const std::string& layer, const owned::Token& session) {
  try {
    return owned::ensure_folder(layers, place_, layer, session, 0700);
  } catch (...) {
    try {
      discard(owned::unfinished_name(session));
    } catch (const std::exception& error) {
      base::log::warning(concat(error.what(), "; it is done when the daemon starts next"));
    }
    throw;
  }
}

void FrozenLayers::ensure(const std::string& layer, const owned::Token& session) {
  const auto layers = owned::ensure_place(what_it_is, place_, 0700);
  const auto folder = ensure_folder(layers.get(), layer, session);
  kernel::ensure_directory(folder.get(), users_name, 0700);
  const auto users = kernel::open_directory_at(folder.get(), users_name);
  kernel::ensure_file(users.get(), session.text(), 0600);
  for (const auto* each : {&users, &folder, &layers}) kernel::sync_directory(each->get());
}

void FrozenLayers::hold(const std::string& layer, const std::vector<owned::Token>& sessions) {
  const auto users = kernel::open_directory(concat(folder_of(layer), "/", users_name));
  for (const auto& session : sessions) kernel::ensure_file(users.get(), session.text(), 0600);
  kernel::sync_directory(users.get());
}

void FrozenLayers::release(const std::string& layer, const owned::Token& session) {
  const auto layers = owned::open_place(what_it_is, place_);
  const auto folder = layers ? try_open_folder(layers->get(), layer) : std::nullopt;
  if (!folder) return;
  if (const auto users = try_open_folder(folder->get(), users_name)) {
    kernel::remove_file(users->get(), session.text());
    // Whoever takes away the folder was the last one.
    if (!kernel::list_directory(users->get()).empty()) return;
    try {
      if (!kernel::remove_directory(folder->get(), users_name)) return;
    } catch (const base::SystemError& error) {
      if (error.error_number() == ENOTEMPTY) return;
      throw;
    }
  }
  // Without the folder of users: an earlier attempt got so far, or another session's end is doing this now.
  try {
    discard(layer);
  } catch (const base::SystemError& error) {
    if (error.error_number() != ENOENT || kernel::exists_at(layers->get(), layer)) throw;
  }
}

std::vector<std::string> FrozenLayers::used_by(const owned::Token& session) const {
  std::vector<std::string> used;
  const auto layers = owned::open_place(what_it_is, place_);
  if (!layers) return used;
  for (auto& layer : kernel::list_directory(layers->get())) {
    const auto user = concat(layer, "/", users_name, "/", session.text());
    if (::faccessat(layers->get(), user.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      used.push_back(std::move(layer));
    else if (errno != ENOENT && errno != ENOTDIR)
      base::throw_errno("looking at", user);
  }
  return used;
}

bool FrozenLayers::has_content(const std::string& layer) const { return kernel::exists_at(AT_FDCWD, upper_of(layer)); }

void FrozenLayers::discard(const std::string& layer) {
  trash_.discard(place_, layer, trash_folder(settings_, sessions_));
}

void FrozenLayers::set_aside(int layers, const std::string& layer) {
  const auto orphans = orphans_folder(settings_, sessions_);
  const auto target = owned::ensure_place("the folder of orphans", orphans, 0700);
  const auto kept_as = concat(layer, "-", base::random_token());
  kernel::rename_to(layers, layer, target.get(), kept_as);
  base::log::warning(concat("no session is known to stand on the layer ", folder_of(layer), "; it is set aside as ",
                            orphans, "/", kept_as, "; look at it, then remove it with `unionroot prune`"));
}

void FrozenLayers::clean(const std::string& daemon,
                         const std::function<User(const owned::Token&, const std::string&)>& look) {
  const auto layers = owned::open_place(what_it_is, place_);
  if (!layers) return;
  for (const auto& name : kernel::list_directory(layers->get())) {
    try {
      clean_one(layers->get(), name, daemon, look);
    } catch (const std::exception& error) {
      base::log::error(concat("looking after the frozen layer ", folder_of(name), ": ", error.what()));
    }
  }
}

void FrozenLayers::clean_one(int layers, const std::string& layer, const std::string& daemon,
                             const std::function<User(const owned::Token&, const std::string&)>& look) {
  const auto unfinished = owned::token_of_unfinished(layer);
  const auto maker = unfinished ? unfinished : owned::mark_of(layers, layer).token;
  if (!maker || maker->daemon != daemon) return;  // somebody else's
  if (unfinished) return discard(layer);
  const auto folder = kernel::open_directory_at(layers, layer);
  const auto users = try_open_folder(folder.get(), users_name);
  const bool has_content = kernel::exists_at(folder.get(), "upper");
  bool stands = false;
  std::vector<std::string> gone;
  if (users) {
    for (auto& name : kernel::list_directory(users->get())) {
      const auto token = owned::parse_token(name);
      const auto user = token && token->daemon == daemon ? look(*token, layer) : User::stands;
      if (user == User::stands || (user == User::unclear && has_content))
        stands = true;
      else
        gone.push_back(std::move(name));
    }
  }
  if (!stands && has_content && !gone.empty()) return set_aside(layers, layer);
  if (!stands) return discard(layer);
  for (const auto& name : gone) kernel::remove_file(users->get(), name);
}

FrozenStack read_frozen(int folder) {
  const auto text = base::read_file_at(folder, list_name, longest_file);
  return text ? parsed(*text, list_name, [](const json& list) { return stack_of(list); }) : FrozenStack();
}

bool has_frozen_list(int folder) { return kernel::exists_at(folder, list_name); }

void write_frozen(int folder, const FrozenStack& layers) { write_in(folder, list_name, to_json(layers)); }

std::optional<Restack> read_restack(int folder) {
  const auto text = base::read_file_at(folder, plan_name, longest_file);
  if (!text) return std::nullopt;
  return parsed(*text, plan_name, [](const json& plan) {
    return Restack{plan.at("freeze").get<std::string>(), stack_of(plan.at("layers")),
                   plan.at("dropped").get<std::vector<std::string>>()};
  });
}

void write_restack(int folder, const Restack& plan) {
  write_in(folder, plan_name, {{"freeze", plan.freeze}, {"layers", to_json(plan.layers)}, {"dropped", plan.dropped}});
}

void remove_restack(int folder) {
  if (kernel::remove_file(folder, plan_name)) kernel::sync_directory(folder);
}

}  // namespace unionroot::session

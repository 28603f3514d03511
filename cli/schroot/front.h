// Carries out a command line by calls to the daemon.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/names.h"
#include "cli/manager.h"
#include "schroot/catalogue.h"
#include "schroot/command_line.h"

namespace unionroot::schroot {

class Front {
 public:
  explicit Front(const CommandLine& line);

  // Returns the exit status. Throws base::Error or Mistake. Errors that concern one chroot alone are printed here.
  int run();

 private:
  // A name from the command line, or one that --all selects.
  struct Target {
    std::string given;         // for messages
    base::QualifiedName name;  // with its namespace
    bool from_all = false;
  };
  using Act = std::function<void(const Target&)>;

  void warn_of_definitions();
  int list();
  int info();
  int config();
  int location();
  int begin();
  int each_session(const Act& act, const char* stage);
  void act_on(const Target& target, const Act& act);
  int run_in_each();

  [[nodiscard]] base::Namespace usual_namespace() const;
  [[nodiscard]] bool is_about_sessions() const { return usual_namespace() == base::Namespace::session; }
  [[nodiscard]] std::vector<Target> named() const;
  std::vector<Target> of_all(bool with_aliases);
  std::vector<Target> targets();            // the targets of the action
  void require_name(const Target& target);  // throws if the name is invalid
  void require_all(const std::vector<Target>& targets);
  [[nodiscard]] bool is_there(const Target& target);
  bool is_plain(const Target& target);
  const Catalogue& catalogue();
  nlohmann::json info_of(const Target& target);

  int run_in(const Target& target);
  int run_at(const Target& target, const std::string& name);
  void end(const Target& target);
  void recover(const Target& target);
  void require_options(const Target& target);
  // Prints the daemon's error in schroot's form. Returns the exit status.
  int failed(const base::Error& error, const Target& target, const char* stage);

  const CommandLine& line_;
  cli::Manager manager_;
  std::optional<Catalogue> catalogue_;
  std::string waiting_;  // the last message about waiting
};

// "E: NAME: Chroot not found"
base::Error not_found(const std::vector<std::string>& names);

}  // namespace unionroot::schroot

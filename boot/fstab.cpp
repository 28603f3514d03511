#include "boot/fstab.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/after_boot.h"
#include "boot/open_folder.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;

// The fields of a line; none for a comment.
std::vector<std::string> fields_of(std::string_view line) {
  std::string blanks(line);
  std::replace(blanks.begin(), blanks.end(), '\t', ' ');
  auto fields = base::split(blanks, ' ');
  if (!fields.empty() && fields[0].front() == '#') fields.clear();
  return fields;
}

bool is_swap(const std::vector<std::string>& fields) { return fields.size() >= 3 && fields[2] == "swap"; }

bool is_swap_file(const std::vector<std::string>& fields) {
  return is_swap(fields) && fields[0].starts_with('/') && !fields[0].starts_with("/dev/");
}

// The fstab line of the read-only root. It is only for mount(8): the root is mounted already, and with noauto systemd
// does not wait for its device.
std::string read_only_root(const std::vector<std::string>& root, const std::string& place) {
  std::string options = "ro,noauto";
  for (const auto& option : base::split(root.size() > 3 ? root[3] : "", ',')) {
    constexpr std::array<std::string_view, 5> others{"defaults", "rw", "ro", "auto", "noauto"};
    if (std::find(others.begin(), others.end(), option) == others.end() && !option.starts_with("x-"))
      options += concat(",", option);
  }
  return concat(root[0], "\t", place, "\t", root.size() > 2 ? root[2] : "auto", "\t", options, "\t0\t0");
}

}  // namespace

std::string shown_fstab(std::string_view text, Layout layout, const std::string& place) {
  std::string out = concat(
      "# This fstab is in memory, as all changes of this machine are: unionroot-boot(7).\n"
      "# The real one is ",
      place, "/etc/fstab. To change it, or anything else beneath the overlay:\n#   mount -o remount,rw ", place,
      "\n# and afterwards:\n#   mount -o remount,ro ", place, "\n");
  for (const auto& line : base::split(text, '\n', true)) {
    const auto fields = fields_of(line);
    if (layout == Layout::boundary ? is_swap(fields) : is_swap_file(fields)) continue;
    const bool root = fields.size() >= 2 && fields[1] == "/";
    out += concat(root ? read_only_root(fields, place) : line, "\n");
  }
  if (out.ends_with("\n\n")) out.pop_back();  // split() found an empty line after the last newline
  return out;
}

std::vector<std::string> swap_files(std::string_view text) {
  std::vector<std::string> files;
  for (const auto& line : base::split(text, '\n'))
    if (const auto fields = fields_of(line); is_swap_file(fields)) files.push_back(fields[0]);
  return files;
}

std::string unit_of_path(std::string_view path, std::string_view suffix) {
  std::string out;
  for (const auto& part : base::split(path, '/')) {
    if (!out.empty()) out += '-';
    for (const char c : part) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
                         c == '_' || (c == '.' && !out.empty());
      if (plain)
        out += c;
      else
        out += concat("\\x", base::to_hex(std::string_view(&c, 1)));
    }
  }
  return concat(out.empty() ? "-" : out, suffix);
}

void show_fstab(kernel::Mounts& mounts, const Site& site, const std::string& run, const Laid& laid) {
  if (laid.state == State::read_only) return;
  try {
    const auto text = kernel::read_in_tree(open_folder(site.stage).get(), "etc/fstab", most_bytes);
    if (!text) return;
    if (laid.upper != in_memory) {
      for (const auto& file : swap_files(*text)) pass_over_unit(run, unit_of_path(file, ".swap"));
      return;
    }
    const auto path = concat(site.run, "/fstab");
    write_for_after_boot(path, shown_fstab(*text, laid.layout, shown_layers(laid).front().place));
    carry(mounts, path, site, "/etc/fstab", false);
  } catch (const base::Error& error) {
    base::log::warning(concat("/etc/fstab is shown as it is: ", error.with_hint()));
  }
}

}  // namespace unionroot::boot
